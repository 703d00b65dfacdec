"""The driver for bbblb, with a program that answers as a test wants. bbblb itself: lab/bbb."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.balancers import balancer, bbblb
from controller.balancers.driver import Forbidden
from controller.balancers.interface import Balancer, BalancerError

HOST = "bbb1.example.org"
SECRET = "Very0secret0of0a0node0abcdefghij"
STATS = {"server": HOST, "enabled": True, "state": "available", "meetings": 0}
EXPORT = {"v": 1, "servers": {HOST: {"secret": SECRET, "enabled": True}}}

# Never changes anything: it knows two answers.
PROGRAM = """\
#!/bin/sh
read -r words
case $words in
    *stats*) cat {directory}/stats ;;
    *export*) cat {directory}/export ;;
    *) echo "CREATED: server name={host} secret={secret}" ;;
esac
exit $(cat {directory}/status)
"""


@pytest.fixture
def says(tmp_path: Path) -> Callable[..., Balancer]:
    """The driver; takes what `server stats` and `state export` print, and the exit status."""

    def driver(stats: str = "", export: str = "", status: int = 0) -> Balancer:
        (tmp_path / "stats").write_text(stats)
        (tmp_path / "export").write_text(export)
        (tmp_path / "status").write_text(str(status))
        program = tmp_path / "command"
        program.write_text(PROGRAM.format(directory=tmp_path, host=HOST, secret=SECRET))
        program.chmod(0o700)
        return balancer("meet", "bbblb", f"command:{program}", "")

    return driver


def good(**changed: object) -> str:
    return json.dumps({**STATS, **changed}) + "\n"


def test_a_server_is_told(says: Callable[..., Balancer]) -> None:
    server = says(good(enabled=False, server=f"{HOST}:8443")).list()[HOST]
    assert (server.state, server.online) == ("cordoned", True)
    assert server.url == f"https://{HOST}:8443/bigbluebutton/api"


def test_a_server_that_is_not_sure_yet_is_not_online(says: Callable[..., Balancer]) -> None:
    assert not says(good(state="unstable")).list()[HOST].online


def test_none_is_what_both_answers_call_none(says: Callable[..., Balancer]) -> None:
    assert says("", json.dumps({"v": 1, "servers": {}})).list() == {}


@pytest.mark.parametrize(
    ("stats", "export"),
    [
        ("", json.dumps(EXPORT)),
        ("", ""),
        ("", json.dumps({"v": 2, "servers": {}})),
        ("", json.dumps({"v": 1})),
        ("Traceback", ""),
        (good()[:-4], ""),
        (good() + "{}", ""),
        (good() + "[]", ""),
        (good(state="fine"), ""),
        (good(enabled="yes"), ""),
        (good(server=""), ""),
    ],
)
def test_what_is_no_whole_list_is_no_list(
    says: Callable[..., Balancer], stats: str, export: str
) -> None:
    with pytest.raises(BalancerError, match="no whole list of servers; run"):
        says(stats, export).list()


def test_a_server_with_two_ports_is_refused(says: Callable[..., Balancer]) -> None:
    with pytest.raises(BalancerError, match="one server twice"):
        says(good() + good(server=f"{HOST}:8443")).list()


def test_a_failure_is_told_and_shows_nothing_of_the_answer(says: Callable[..., Balancer]) -> None:
    driver = says(good(), json.dumps(EXPORT), status=3)
    with pytest.raises(BalancerError, match=r"`bbblb state export` failed \(3\)") as raised:
        driver._secrets()  # type: ignore[attr-defined]
    assert SECRET not in str(raised.value) + repr(driver)


def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bbblb, "TIME_LIMIT", 0.2)
    program = tmp_path / "command"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o700)
    with pytest.raises(BalancerError, match="did not end in time"):
        balancer("meet", "bbblb", f"command:{program}", "").list()


def test_a_program_that_is_not_there_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(BalancerError, match=r"cannot be run: FileNotFoundError; make it as docs"):
        balancer("meet", "bbblb", f"command:{tmp_path}/none", "").list()


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.cordon(HOST),
        lambda it: it.set_secret(HOST, "new0" * 8),
        lambda it: it.add("bbb2.example.org", "new0" * 8),
    ],
)
def test_a_change_that_is_not_seen_is_an_error(
    says: Callable[..., Balancer], call: Callable[[Balancer], object]
) -> None:
    with pytest.raises(BalancerError, match=r"does not have it|has no server"):
        call(says(good(), json.dumps(EXPORT)))


def test_a_server_that_serves_is_not_removed(says: Callable[..., Balancer]) -> None:
    with pytest.raises(BalancerError, match="drain it first"):
        says(good()).remove_if_empty(HOST, lambda: True)


def test_a_share_or_a_tag_is_refused(says: Callable[..., Balancer]) -> None:
    with pytest.raises(BalancerError, match="no weights and no tags; take weight and tag"):
        says(good()).add(HOST, SECRET, weight=2.0)


@pytest.mark.parametrize("url", ["https://lb.example.org", "command:bbblb", "command:"])
def test_a_url_that_is_no_program_is_refused(url: str) -> None:
    with pytest.raises(BalancerError, match="write command: and the whole path"):
        balancer("meet", "bbblb", url, "")


@pytest.mark.parametrize(
    "words",
    [
        ("server", "disable", "--nuke", HOST),
        ("server", "disable", HOST, "--nuke"),
        ("server", "disable", "--wait", "1", HOST),
        ("server", "disable", "--nuke"),
        ("server", "disable", HOST, "bbb2.example.org"),
        ("server", "enable", "--now", HOST),
        ("server", "delete", HOST.upper()),
        ("server", "create", "-U", "--secret", "--nuke", HOST),
        ("server", "list"),
        ("state", "import", "-"),
        ("state", "import", "--nuke", "-"),
        ("state", "export"),
        ("tenant", "list"),
        (),
    ],
)
def test_what_could_end_a_meeting_cannot_be_given(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def no_process(*_: object, **__: object) -> None:
        raise AssertionError("it ran")

    monkeypatch.setattr(subprocess, "run", no_process)
    with pytest.raises(Forbidden):
        bbblb.Bbblb("meet", "command:/program")._command(*words)


def test_another_driver_is_no_driver() -> None:
    with pytest.raises(KeyError):
        balancer("meet", "b3lb", "https://lb.example.org", "")
