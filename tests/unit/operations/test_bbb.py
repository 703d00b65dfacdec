"""A run installs a bare node, and on any other tells what waits."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from engine import report
from facts.bbb import Bbb, BbbState
from operations import bbb
from tests.unit.host_here import Done, answer
from tests.unit.operation_harness import Run, run

MEETS = {"answer": "known", "meetings": [{"id": "a"}]}
IDLE = {"answer": "known", "meetings": []}
AWAY = {"answer": "unreachable", "why": "refused"}
CHANGED: dict[str, Any] = {"state": "done", "step": ""}
WELL: dict[str, Any] = {"faults": []}
OPEN: dict[str, Any] = {"gate": "open"}


def told(**look: Any) -> BbbState:
    """A node that is there. look: what its program tells"""
    return BbbState({"meetings": IDLE, **look}, "", "3.0.34", ("bbb-web",))


def waits(look: Mapping[str, Any]) -> str:
    return str(look.get("says", ""))


def apply(now: BbbState, waits: Callable[[Mapping[str, Any]], str] = waits, **more: Any) -> Run:
    facts: dict[type, Any] = {Bbb: now}
    return run(bbb.node, "coop-bbb", "/state/first", "3.0.35", 900, waits, facts=facts, **more)


def test_a_bare_node_gets_it_now() -> None:
    done = apply(BbbState())
    assert done.said == ["BigBlueButton: absent -> 3.0.35"]
    assert [it.function for it in done.commands] == [bbb._install]


def test_a_dry_run_says_what_it_would_do_and_asks_nothing_that_is_not_there() -> None:
    done = apply(BbbState(), executing=False, diff=True)
    assert done.said == ["BigBlueButton: absent -> 3.0.35"]
    assert done.asked == [{"program": "coop-bbb", "first": "/state/first"}]


def test_on_a_node_that_is_there_nothing_changes_and_what_waits_is_told() -> None:
    done = apply(told(says="bbb2: secret; no meetings", meetings=MEETS))
    assert (done.commands, done.warned) == ([], ["bbb2: secret; no meetings"])
    assert len(done.noops) == 1
    whole = apply(told())
    assert (whole.commands, whole.warned, len(whole.noops)) == ([], [], 1)


def test_a_first_install_that_was_cut_off_goes_on() -> None:
    for look in (None, {"meetings": IDLE}, {"meetings": AWAY}):
        done = apply(BbbState(look, "", None, ("bbb-web",), begun=True))
        assert done.said == ["BigBlueButton: half installed -> 3.0.35"]
        assert [it.function for it in done.commands] == [bbb._install]


def test_it_does_not_go_on_where_somebody_meets() -> None:
    now = BbbState({"meetings": MEETS}, "", "3.0.35", ("bbb-web",), begun=True)
    assert apply(now).commands == []


def test_packages_of_which_no_run_has_begun_the_install_are_left_alone() -> None:
    """Somebody else is at work there: the release's file comes late in an upgrade by hand."""
    assert apply(BbbState({"meetings": IDLE}, "", None, ("bbb-web",))).commands == []


def test_a_node_in_use_that_tells_nothing_fails_and_stays_as_it_is() -> None:
    done = apply(BbbState(None, "was this host converged?", "3.0.34", ("bbb-web",)))
    assert done.failure == "coop-bbb does not tell what this node is: was this host converged?"


def test_an_answer_that_cannot_be_read_fails_the_node() -> None:
    def strange(_: Mapping[str, Any]) -> str:
        raise ValueError("no release")

    assert apply(told(), strange).failure == "what coop-bbb tells cannot be read: no release"


def named(url: str) -> Run:
    facts: dict[type, Any] = {Bbb: BbbState(url=url)}
    return run(bbb.not_renamed, "coop-bbb", "/state/first", "Bbb1.example.org", facts=facts)


@pytest.mark.parametrize("url", ["", "https://bbb1.example.org", "http://BBB1.example.org:80/x"])
def test_a_node_keeps_its_name(url: str) -> None:
    assert (named(url).commands, len(named(url).noops)) == ([], 1)


def test_another_name_is_refused_as_people_are_there_by_the_old_one() -> None:
    failure = named("https://old.example.org").failure
    assert "people reach this node as old.example.org" in failure
    assert "bbb.hostname: Bbb1.example.org. Put the name back" in failure


@pytest.mark.parametrize(
    ("now", "fits"),
    [
        (BbbState(), True),
        (BbbState(release="3.0.34", packages=("bbb-web",), has_haproxy=True), True),
        (BbbState(packages=("bbb-web",), begun=True), True),
        (BbbState(release="3.0.34", packages=("bbb-web",)), False),
    ],
)
def test_port_443_is_not_taken_from_nginx_while_people_meet(now: BbbState, fits: bool) -> None:
    done = run(bbb.behind_haproxy, "coop-bbb", "/state/first", facts={Bbb: now})
    assert bool(done.noops) == fits
    if not fits:
        assert "nginx has port 443" in done.failure


def ended(status: int, said: str) -> Done:
    return Done("coop-bbb", status, said)


class Node:
    """A host that answers coop-bbb from a list; any other command succeeds."""

    name = "meet3"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.ran: list[str] = []
        self.said: list[str] = []

    def run_shell_command(self, command: Any, _sudo: bool) -> Any:
        assert _sudo
        text = command.get_raw_value()
        self.ran.append(text)
        if not text.startswith("coop-bbb"):
            return answer(ended(0, ""))
        given = self.answers.pop(0)
        said = given if isinstance(given, str) else json.dumps(given)
        return answer(ended(1 if "problem" in said else 0, said))

    def log(self, text: str, log_func: Any = None) -> None:
        self.said.append(text)


def install(*answers: Any) -> tuple[bool, Node]:
    report.reasons.clear()
    node = Node(*answers)
    return bbb._install(None, node, "coop-bbb", "/state/first", 900), node


def reason() -> str:
    return report.reasons[("meet3", True)]


def test_an_install_is_marked_until_the_node_was_seen_whole() -> None:
    well, node = install({"state": "running", "step": "apt"}, CHANGED, WELL, OPEN)
    assert well
    assert node.ran[0].endswith(": > /state/first && sync /state/first")
    assert node.ran[1:] == [
        "coop-bbb change --wait 300",
        "coop-bbb change --wait 300",
        # This takes the mark away, whoever asks for it.
        "coop-bbb verify",
        "coop-bbb gate open",
    ]
    assert node.said == ["first install: apt"]


def test_an_install_that_fails_shows_its_log_and_stays_marked() -> None:
    well, node = install({"state": "failed", "step": "apt", "log": ["E: no space\x1b[2J"]})
    assert not well and node.ran[-1] == "coop-bbb change --wait 300"
    assert node.said == ["E: no space\\x1b[2J"]
    assert reason() == "the first install is failed: apt"


def test_an_install_that_does_not_end_fails_and_goes_on_by_itself() -> None:
    running = {"state": "running", "step": "apt"}
    well, node = install(running, running, running)
    assert not well and len(node.ran) == 4
    assert reason() == "the first install is running: apt"


@pytest.mark.parametrize(
    ("verified", "why"),
    [
        ({"faults": ["bbb-web does not run"]}, "installed, and not whole: bbb-web does not run"),
        ({}, "installed, and not whole: no faults were told"),
        ({"problem": "no bundle"}, "no bundle"),
        ("[", "coop-bbb verify: no answer that can be read"),
    ],
)
def test_a_node_that_is_not_whole_fails_and_stays_marked(verified: Any, why: str) -> None:
    well, node = install(CHANGED, verified)
    assert not well and node.ran[-1] == "coop-bbb verify"
    assert reason() == why
