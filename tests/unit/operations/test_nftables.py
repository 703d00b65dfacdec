from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from pyinfra.api import FunctionCommand

from engine import undo
from engine.turns import Turns
from facts.files import PathState
from facts.nftables import Table, TableState
from operations import nftables
from operations.nftables import Part, table
from tests.unit.operation_harness import Run, run

FILE = "/etc/coop-infra/firewall.nft"
OPEN, SHUT = "open text\n", "shut text\n"
OPEN_LISTED, SHUT_LISTED = "table open", "table shut"
OTHERWISE = "bring your tunnel up"


@pytest.fixture(autouse=True)
def _nothing_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nftables, "_turns", Turns())


def state(live: str, text: str | None, **more: PathState) -> TableState:
    file = PathState("file", 0o644, "root", "root", content=(text or "").encode())
    files = {**({FILE: file} if text else {}), **more}
    return TableState(True, live, (SHUT_LISTED, OPEN_LISTED), files)


def text_of(names: Collection[str]) -> str:
    return SHUT if "ssh" in names else OPEN


def apply(*states: TableState, inside: bool | None = True, part: bool = True, **how: Any) -> Run:
    """inside: whether the operator is in the VPN; None: to ask takes time, and must not happen."""

    def hindrance(now: TableState) -> str | None:
        assert inside is not None
        return None if inside else OTHERWISE

    parts = [Part("ssh", "shut", hindrance)] if part else []
    answers: Any = list(states) if len(states) > 1 else states[0]
    return run(table, "fw", FILE, text_of, lambda *_: None, parts, facts={Table: answers}, **how)


def proven(states: TableState, inside: bool) -> list[str]:
    """The names of the parts that the change has to prove."""
    asked: list[list[str]] = []
    parts = [Part("ssh", "shut", lambda _: None if inside else OTHERWISE)]

    def prove(names: Collection[str], now: TableState) -> None:
        assert now == states
        asked.append(list(names))

    done = run(table, "fw", FILE, text_of, prove, parts, facts={Table: states})
    (command,) = [it for it in done.commands if isinstance(it, FunctionCommand)]
    command.args[0]()
    return asked[0]


def armed(done: Run) -> str:
    return str(done.commands[0].connector_arguments["_stdin"])


def test_what_is_in_force_is_left_alone_and_nothing_is_asked_for_it() -> None:
    done = apply(state(SHUT_LISTED, SHUT), inside=None)
    assert done.commands == [] and done.noops == ["fw is in force"] and done.warned == []


def test_the_table_is_written_and_loaded_under_a_proof() -> None:
    done = apply(state("", None))
    assert len(done.commands) == 5
    assert f"nft -f {FILE}" in str(done.commands[2].connector_arguments["_stdin"])
    assert proven(state("", None), inside=True) == ["ssh"]


def test_what_is_undone_is_the_table_that_was_in_force() -> None:
    lines = armed(apply(state(OPEN_LISTED, OPEN))).splitlines()
    start = lines.index("nft -f - <<'END-OF-TABLE'")
    assert lines[start + 1 : start + 5] == [
        "table inet fw",
        "delete table inet fw",
        OPEN_LISTED,
        "END-OF-TABLE",
    ]


def test_what_was_changed_by_hand_is_shown_and_mended() -> None:
    done = apply(state("table shut\n\ta hole", SHUT))
    assert done.said == ["nft list table inet fw: +0 -1 lines"]
    assert len(done.commands) == 5


def test_a_file_that_differs_counts_too_as_it_is_for_the_next_boot() -> None:
    done = apply(state(SHUT_LISTED, OPEN))
    assert done.said == [f"{FILE}: +1 -1 lines"] and len(done.commands) == 5


def test_who_is_not_inside_leaves_it_open_and_is_told() -> None:
    done = apply(state("", None), inside=False)
    assert done.warned == [OTHERWISE]
    assert len(done.commands) == 5
    assert proven(state("", None), inside=False) == []
    again = apply(state(OPEN_LISTED, OPEN), inside=False)
    assert again.noops == ["fw is in force"] and again.warned == [OTHERWISE]


def test_what_is_left_open_does_not_keep_the_rest_of_the_table_back() -> None:
    done = apply(state("table open of before", "open of before\n"), inside=False)
    assert len(done.commands) == 5 and done.warned == [OTHERWISE]


def test_who_is_not_inside_does_not_open_what_is_closed_otherwise() -> None:
    done = apply(state("table shut of before", "shut of before\n"), inside=False)
    assert done.commands == [] and done.noops == ["fw is left as it is"]
    assert done.warned == [OTHERWISE]


def test_a_table_without_parts_is_made_as_it_is() -> None:
    now = replace(state(SHUT_LISTED, SHUT), loaded=(OPEN_LISTED,))
    assert len(apply(now, part=False, inside=None).commands) == 5


def test_of_two_parts_one_closes_while_the_other_is_in_use() -> None:
    listed = ("ssh nfs", "ssh", "nfs", "none")
    said = Part("nfs", "nfs", lambda _: None, lambda _: "closes NFS")
    parts = [Part("ssh", "ssh", lambda _: OTHERWISE), said]

    def there(live: str) -> Run:
        now = TableState(True, live, listed, {})
        return run(table, "fw", FILE, " ".join, lambda *_: None, parts, facts={Table: now})

    done = there("none")
    assert done.warned == [OTHERWISE, "closes NFS"]
    assert done.said[0] == "nft list table inet fw: +1 -1 lines"
    # What is closed already is not told again, and nobody asks who uses it.
    assert there("nfs").warned == [OTHERWISE]
    assert there("ssh nfs of before").noops == ["fw is left as it is"]


def test_an_earlier_change_that_was_not_proven_is_undone_first() -> None:
    directory = PathState("directory", 0o700, "root", "root")
    waiting = state(SHUT_LISTED, SHUT, **{undo.directory("fw"): directory})
    done = apply(waiting, state(OPEN_LISTED, OPEN))
    assert "systemctl start coop-undo@fw.service" in armed(done)
    assert len(done.commands) == 6


def test_a_text_that_nft_does_not_take_changes_nothing() -> None:
    broken = TableState(True, OPEN_LISTED, ("", OPEN_LISTED))
    assert "nft does not take the table fw" in apply(broken).failure


def test_a_host_that_cannot_try_the_texts_apart_is_left_as_it_is() -> None:
    untried = replace(state(SHUT_LISTED, SHUT), loaded=())
    assert "nft does not take the table fw" in apply(untried).failure


def test_before_nft_is_installed_the_table_is_to_come() -> None:
    done = apply(TableState(False, "", ("", "")), executing=False, diff=True)
    assert done.warned == [] and f"{FILE}: absent -> file root:root 0644, 1 line" in done.said


def test_what_has_come_into_use_while_the_host_waited_is_not_cut_off() -> None:
    answers = iter([None, OTHERWISE])
    parts = [Part("ssh", "shut", lambda _: next(answers))]
    now: dict[type, Any] = {Table: state(OPEN_LISTED, OPEN)}
    done = run(table, "fw", FILE, text_of, lambda *_: None, parts, facts=now)
    assert done.failure == OTHERWISE and len(done.commands) == 1


def test_to_prepare_is_not_to_begin() -> None:
    for _ in range(2):
        assert len(apply(state("", None), executing=False).commands) == 1
    assert len(apply(state("", None)).commands) == 5
