"""A change goes on wherever it was cut off, and begins only where nobody is in a meeting."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from programs.bbb import change, compare, files, gate, meetings, places, secrets, state, steps
from programs.bbb.change import UNIT
from programs.bbb.failed import Failed
from programs.bbb.root import STATE
from tests.unit.programs.bbb.node import HOST, NEW, OLD, PROPERTIES, Node, meeting

AFTER = "bigbluebutton\t1:3.0-48\tii \nbbb-web\t1:3.0-48\tii \n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(steps, "API_SECONDS", 1.0)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def old(node: Node) -> Node:
    """A node of 3.0.34 with another secret. What it installs brings 3.0.35 and a file in /tmp."""
    node.put("/etc/bigbluebutton/bigbluebutton-release", "BIGBLUEBUTTON_RELEASE=3.0.34\n")
    node.put(PROPERTIES, f"bigbluebutton.web.serverURL=https://{HOST}\nsecuritySalt={OLD}\n", 0o640)
    node.put("/etc/bigbluebutton/bbb-apps-akka.conf.bak", f'sharedSecret="{OLD}"\n')
    node.put("/usr/share/bigbluebutton/nginx/sip.nginx", "  proxy_pass https://10.0.0.1:7443;\n")
    node.put("/etc/turnserver.conf", "static-auth-secret=other\n", 0o640)
    node.put("/dpkg", AFTER.replace("-48", "-47"))
    node.put("/after", AFTER)
    node.root.at("/tmp").mkdir()
    node.root.at("/tmp").chmod(0o1777)
    node.put(
        "/installing",
        'cp "$NODE/after" "$NODE/dpkg"\n'
        'echo BIGBLUEBUTTON_RELEASE=3.0.35 > "$NODE/etc/bigbluebutton/bigbluebutton-release"\n'
        f"echo securitySalt={OLD} > $NODE/tmp/bigbluebutton.properties\n",
    )
    return node


def shut(node: Node) -> None:
    node.put(gate.FILE, gate.TEXT)


def started(node: Node) -> list[str]:
    return [it for it in node.calls("systemctl start") if "bigbluebutton.target" in it]


def waiting(node: Node) -> list[str]:
    return [it.what for it in compare.waiting(node.root, steps.staged(node.root))[0]]


def test_an_upgrade_with_a_rotation_ends_with_nothing_waiting(old: Node) -> None:
    assert waiting(old) == [
        "3.0.34 -> 3.0.35", "secret", "/etc/turnserver.conf",
        "/usr/share/bigbluebutton/nginx/sip.nginx",
    ]  # fmt: skip
    assert steps.run(old.root) == 0
    assert state.read(old.root).state == "done" and waiting(old) == []
    assert places.with_old(old.root) == [] and NEW in old.text(
        "/etc/bigbluebutton/bbb-apps-akka.conf.bak"
    )
    assert not old.root.at("/tmp/bigbluebutton.properties").exists()
    assert secrets.before(old.root) == [OLD]


def test_bbb_is_stopped_before_any_file_and_started_after_all(
    old: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files.write

    def write(root: Any, path: str, *rest: Any) -> None:
        if not path.startswith(STATE):
            with (old.top / "calls").open("a") as calls:
                calls.write(f"write {path}\n")
        real(root, path, *rest)

    monkeypatch.setattr(files, "write", write)
    steps.run(old.root)
    told = [
        it.replace(f"-o Dir::Etc::sourcelist={old.root.at(STATE)}/apt/sources.list", "")
        for it in old.calls()
        if it.startswith(("write", "systemctl st", "systemctl re", "dpkg --f"))
        or (it.startswith("apt-get") and " -y install " in it)
    ]
    first = [it.split()[0] + " " + it.split()[1] for it in told]
    assert first == [
        "systemctl start",
        "dpkg --force-confold",
        "systemctl stop",
        f"write {PROPERTIES}",
        "write /etc/turnserver.conf",
        "systemctl start",
        "apt-get -o",
        "systemctl stop",
        "write /usr/share/bigbluebutton/nginx/sip.nginx",
        "write /etc/bigbluebutton/bbb-apps-akka.conf.bak",
        "systemctl restart",
        "systemctl reload-or-restart",
        "systemctl start",
    ]


STEPS = [
    "check", "finish what dpkg has left", "fetch packages", "stop", "remember secrets",
    "write files", "install packages", "stop again", "write files again", "patch",
    "take old secrets away", "compare", "restart", "start", "wait for the API",
]  # fmt: skip


class Killed(BaseException):
    pass


@pytest.mark.parametrize("name", [*STEPS, "the end"])
def test_a_change_that_is_killed_before_any_step_is_gone_on_with(
    old: Node, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    real = steps.Change._step

    def step(self: steps.Change, at: str, do: Any) -> None:
        if at == name:
            raise Killed
        real(self, at, do)
        if (name, at) == ("the end", STEPS[-1]):
            raise Killed

    shut(old)
    old.secret = OLD
    change.change(old.root, wait=0, cut=False)
    old.secret = NEW
    with monkeypatch.context() as patched:
        patched.setattr(steps.Change, "_step", step)
        with pytest.raises(Killed):
            steps.run(old.root)
    told = change.change(old.root, wait=0, cut=False)
    assert told["state"] == "failed" and "cut off in: " in told["log"][-1]
    assert steps.run(old.root) == 0
    assert waiting(old) == [] and secrets.before(old.root) == [OLD]
    assert "systemctl restart coturn.service" in old.calls()


def test_every_step_is_one_that_can_be_killed(old: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = steps.Change._step

    def step(self: steps.Change, at: str, do: Any) -> None:
        seen.append(at)
        real(self, at, do)

    monkeypatch.setattr(steps.Change, "_step", step)
    steps.run(old.root)
    assert seen == STEPS


def test_a_second_change_writes_and_installs_nothing(old: Node) -> None:
    steps.run(old.root)
    all_files = [*old.root.at("/etc").rglob("*"), *old.root.at("/usr").rglob("*")]
    before = {it: it.stat().st_ino for it in all_files if it.is_file()}
    (old.top / "calls").unlink()
    assert steps.run(old.root) == 0
    assert {it: it.stat().st_ino for it in before} == before
    assert not [it for it in old.calls("apt-get") if " install " in it]
    assert "systemctl restart coturn.service" not in old.calls()


def test_a_package_that_writes_into_our_files_does_not_get_its_way(old: Node) -> None:
    with old.root.at("/installing").open("a") as more:
        more.write(f'echo livekit: >> "$NODE{PROPERTIES}"\n')
    assert steps.run(old.root) == 0
    assert "livekit" not in old.text(PROPERTIES)


def test_a_package_that_has_changed_at_a_patch_s_place_stops_the_change(old: Node) -> None:
    with old.root.at("/installing").open("a") as more:
        more.write('echo > "$NODE/usr/share/bigbluebutton/nginx/sip.nginx"\n')
    assert steps.run(old.root) == 1
    now = state.read(old.root)
    assert now.step == "patch" and "no line matches" in now.why
    assert not started(old)


def test_a_failure_is_told_by_the_log_s_last_line_without_secrets(old: Node) -> None:
    old.put("/installing", f"echo using {OLD} and {NEW}; exit 3\n")
    shut(old)
    assert steps.run(old.root) == 1
    told = change._told(old.root, state.read(old.root).state)
    assert told["state"] == "failed" and told["step"] == "install packages"
    assert told["log"][-1].startswith("failed in install packages: apt-get")
    assert "using *** and ***" in told["log"]
    assert OLD not in old.text(f"{STATE}/change.log") and NEW not in old.text(f"{STATE}/change.log")


def test_the_limit_of_time_is_a_failure(old: Node) -> None:
    old.put("/installing", f"kill -TERM {os.getpid()}; sleep 5\n")
    assert steps.run(old.root) == 1
    assert "ended from outside" in state.read(old.root).why


def test_an_api_that_does_not_come_up_is_a_failure(old: Node) -> None:
    old.mode = "page"
    assert steps.run(old.root) == 1
    assert "bbb-web is strange" in state.read(old.root).why


def test_nothing_is_touched_below_which_packages_would_fail(old: Node) -> None:
    old.put(
        "/proc/self/mountinfo",
        "1 2 0:1 / /var/bigbluebutton/published rw - nfs4 10.66.0.1:/x rw\n",
    )
    shut(old)
    with pytest.raises(Failed, match="published is nfs4"):
        change.change(old.root, 0, cut=True)
    assert steps.run(old.root) == 1 and not old.calls("systemctl stop")


def test_a_link_of_recordings_that_leads_nowhere_is_refused(old: Node) -> None:
    old.root.at("/var/bigbluebutton").mkdir()
    old.root.at("/var/bigbluebutton/published").symlink_to("/nowhere/else")
    assert compare.refusals(old.root)[0].startswith("/var/bigbluebutton/published is a link")


def begun(node: Node) -> list[str]:
    return node.calls("systemd-run")


def test_a_change_begins_in_a_unit_with_a_limit(old: Node) -> None:
    shut(old)
    old.secret = OLD
    assert change.change(old.root, 0, cut=False)["state"] == "failed"
    assert f"--unit={UNIT} --collect" in begun(old)[0]
    assert "--property=RuntimeMaxSec=3600" in begun(old)[0]
    assert begun(old)[0].endswith(" steps")


def test_a_change_that_runs_is_not_started_again(old: Node) -> None:
    old.unit(UNIT)
    state.write(old.root, state.State(), state="running", step="patch")
    assert change.change(old.root, 0, cut=False) == {"state": "running", "step": "patch", "log": []}
    assert not begun(old)


def test_a_change_does_not_begin_while_the_gate_is_open(old: Node) -> None:
    with pytest.raises(Failed, match="gate is open"):
        change.change(old.root, 0, cut=True)
    assert not begun(old)


@pytest.mark.parametrize("cut", [False, True])
def test_a_live_meeting_is_cut_only_if_that_is_said(old: Node, cut: bool) -> None:
    shut(old)
    old.secret = OLD
    old.live = [meeting()]
    if cut:
        change.change(old.root, 0, cut)
    else:
        with pytest.raises(Failed, match="1 meetings are live"):
            change.change(old.root, 0, cut)
    assert len(begun(old)) == cut


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("mode", ["slow", "page", "html"])
def test_an_unknown_answer_is_no_empty_list(
    old: Node, monkeypatch: pytest.MonkeyPatch, mode: str, cut: bool
) -> None:
    """Nobody is cut of whom there is no list, whatever is said."""
    monkeypatch.setattr(meetings, "SECONDS", 0.5)
    shut(old)
    old.mode = mode
    with pytest.raises(Failed, match="nobody knows whether a meeting is live"):
        change.change(old.root, 0, cut)
    assert not begun(old)


def test_a_change_that_was_cut_off_goes_on_while_the_api_is_down(old: Node) -> None:
    shut(old)
    old.mode = "page"
    state.write(old.root, state.State(), state="running", step="stop", may_have_people=False)
    change.change(old.root, 0, cut=False)
    assert len(begun(old)) == 1


def test_it_does_not_if_the_gate_was_open_meanwhile(old: Node) -> None:
    state.write(old.root, state.State(), state="running", step="stop", may_have_people=False)
    old.root.at("/proc/101/stat").unlink()
    gate.open_(old.root, steps.staged(old.root))
    shut(old)
    old.mode = "page"
    with pytest.raises(Failed, match="nobody knows"):
        change.change(old.root, 0, cut=False)


def test_a_node_that_is_as_wanted_is_left_alone(node: Node) -> None:
    shut(node)
    steps.run(node.root)
    assert change.change(node.root, 0, cut=False)["state"] == "done"
    assert not begun(node)


def bare(node: Node) -> None:
    node.root.at("/etc/bigbluebutton/bigbluebutton-release").unlink()
    node.root.at(PROPERTIES).unlink()
    node.put("/dpkg", "redis\t7\tii \n")
    node.put("/after", AFTER)
    node.put(
        "/installing",
        'cp "$NODE/after" "$NODE/dpkg"\n'
        'echo BIGBLUEBUTTON_RELEASE=3.0.35 > "$NODE/etc/bigbluebutton/bigbluebutton-release"\n',
    )


def test_a_bare_node_is_installed_without_gate_and_without_reboot(node: Node) -> None:
    bare(node)
    node.want(reboot=True)
    node.put(compare.REBOOT, "")
    boot(node, "one")
    assert waiting(node)[0] == "not installed -> 3.0.35"
    change.change(node.root, 0, cut=False)
    assert steps.run(node.root) == 0
    assert "systemctl reboot" not in node.calls() and waiting(node) == ["reboot"]
    assert gate.is_shut(node.root) and not state.read(node.root).may_have_people


def test_a_first_installation_that_somebody_has_opened_needs_the_gate_and_a_list(
    node: Node,
) -> None:
    """It was cut off after its start, and people may have come since."""
    bare(node)
    change.change(node.root, 0, cut=False)
    node.put("/dpkg", "bbb-web\t1:3.0-48\tii \n")
    node.root.at("/proc/101/stat").unlink()
    gate.open_(node.root, steps.staged(node.root))
    with pytest.raises(Failed, match="gate is open"):
        change.change(node.root, 0, cut=False)
    shut(node)
    node.mode = "page"
    with pytest.raises(Failed, match="nobody knows"):
        change.change(node.root, 0, cut=False)
    assert len(begun(node)) == 1


def test_a_first_installation_that_was_killed_goes_on_without_gate(node: Node) -> None:
    bare(node)
    change.change(node.root, 0, cut=False)
    node.put("/dpkg", "bbb-web\t1:3.0-48\tiF \n")
    change.change(node.root, 0, cut=False)
    assert len(begun(node)) == 2 and state.read(node.root).is_first


def test_a_node_with_a_half_of_bbb_is_not_bare(node: Node) -> None:
    bare(node)
    node.put("/dpkg", "bbb-web\t1:3.0-48\tiF \n")
    with pytest.raises(Failed, match="gate is open"):
        change.change(node.root, 0, cut=False)


def test_a_file_whose_group_comes_with_a_package_is_written_after_it(node: Node) -> None:
    bare(node)
    it = node.want()
    groups = dict(node.root.groups or {})
    it["files"][1]["group"] = "turnserver"
    node.want(files=it["files"])
    assert steps.run(node.root) == 1 and "no group turnserver" in state.read(node.root).why
    assert state.read(node.root).step == "write files again"
    object.__setattr__(node.root, "groups", {**groups, "turnserver": os.getgid()})
    assert steps.run(node.root) == 0


def boot(node: Node, number: str) -> None:
    node.put(steps.BOOT, number)


def test_a_reboot_that_waits_happens_once_before_the_start(old: Node) -> None:
    old.want(reboot=True)
    old.put(compare.REBOOT, "")
    boot(old, "one")
    shut(old)
    assert steps.run(old.root) == 0
    assert old.calls("systemctl")[-1] == "systemctl reboot"
    assert change._told(old.root, state.read(old.root).state)["state"] == "running"
    boot(old, "two")
    (old.top / "calls").unlink()
    assert steps.run(old.root) == 0
    assert "systemctl reboot" not in old.calls()
    assert started(old)
    assert state.read(old.root).state == "done"


def test_no_reboot_with_two_programs_for_one_firewall(old: Node) -> None:
    old.want(reboot=True)
    old.put(compare.REBOOT, "")
    for name in ("dpkg", "after"):
        old.put(f"/{name}", old.text(f"/{name}") + "ufw\t1\tii \niptables-persistent\t1\tii \n")
    assert steps.run(old.root) == 1
    assert state.read(old.root).step == "check" and "purge" in state.read(old.root).why
    assert "systemctl reboot" not in old.calls()


def test_a_damaged_state_is_a_problem_and_not_a_beginning(old: Node) -> None:
    old.put(f"{STATE}/state.json", json.dumps({"other": 1}))
    with pytest.raises(Failed, match="damaged"):
        change.change(old.root, 0, cut=True)
    assert not begun(old)


def test_the_log_is_for_root_alone(old: Node) -> None:
    steps.run(old.root)
    for file in Path(old.root.at(STATE)).rglob("*"):
        assert file.is_dir() or file.stat().st_mode & 0o077 == 0, file
