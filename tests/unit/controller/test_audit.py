"""What the audit makes of the roles' findings, and how it ends."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra import host
from pyinfra.context import ctx_host, ctx_state

from controller import audit
from controller.audit import Finding, Look
from controller.command_line import Ended
from engine.fact import Fact

SEEN = {
    "access": Finding({"keys": [1]}, "| a table |\n"),
    "vpn": Finding({"ports": []}, "", []),
}


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "REPORT", tmp_path / "reports")
    monkeypatch.setattr(audit, "_done", {})


def look_at(
    monkeypatch: pytest.MonkeyPatch,
    found: dict[str, dict[str, Finding]],
    away: tuple[str, ...] = (),
) -> int:
    """Runs the audit on these hosts, one after the other; returns its exit status."""
    hosts = [SimpleNamespace(name=name) for name in found]
    everybody = [*hosts, *(SimpleNamespace(name=name) for name in away)]

    class Inventory:
        def __iter__(self) -> Any:
            return iter(everybody)

    state = SimpleNamespace(
        activated_hosts=hosts,
        inventory=Inventory(),
        is_host_in_limit=lambda host: True,
    )
    monkeypatch.setattr(audit, "look", lambda offers: found[host.name])
    with ctx_state.use(state):
        for each in hosts[:-1]:
            with ctx_host.use(each):
                audit.report([])
        with ctx_host.use(hosts[-1]), pytest.raises(Ended) as ended:
            audit.report([])
    return ended.value.exit_code


def report(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "reports/audit.json").read_text())
    return found


def test_the_report_is_of_all_hosts_and_written_once_all_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look_at(monkeypatch, {"two": SEEN, "one": SEEN}) == 0
    assert report(tmp_path) == {
        "format": 3,
        "hosts": {
            name: {"access": {"keys": [1]}, "vpn": {"ports": []}, "drift": []}
            for name in ("one", "two")
        },
    }
    text = (tmp_path / "reports/audit.md").read_text()
    assert text.endswith("## two\n\n| a table |\n\nAs the data says.\n")
    assert text.count("As the data says.") == 2
    assert text in capsys.readouterr().out


def test_drift_fails_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holes = {**SEEN, "vpn": Finding(drift=["a hole", "another"])}
    assert look_at(monkeypatch, {"one": SEEN, "two": holes}) == 1
    assert report(tmp_path)["hosts"]["two"]["drift"] == ["a hole", "another"]
    assert "\n- a hole\n- another\n" in (tmp_path / "reports/audit.md").read_text()


def test_no_host_writes_a_line_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = {"access": Finding(drift=["\x1b[2J\n## two\n\nAs the data says."])}
    assert look_at(monkeypatch, {"one": forged}) == 1
    text = (tmp_path / "reports/audit.md").read_text()
    assert "\n- \\x1b[2J\\n## two\\n\\nAs the data says.\n" in text
    assert "\x1b" not in text


def test_a_host_that_is_away_fails_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look_at(monkeypatch, {"one": SEEN}, away=("two",)) == 1
    assert report(tmp_path)["hosts"]["two"]["drift"] == ["not reached"]


class Number(Fact[int]):
    def command(self, number: int) -> str:
        return f"echo {number}"


def look(answers: Sequence[Any], failed: tuple[str, ...] = ()) -> tuple[Any, list[Any]]:
    """What the audit finds where one role asks two questions, and what it asks at once."""
    asked: list[Any] = []

    def get_fact(kind: Any, **arguments: Any) -> Sequence[Any]:
        asked.append(arguments["asked"])
        assert [f"echo {n}" in arguments["_stdin"] for n in (1, 2, 3)] == [True] * 3
        return answers

    two = Look(
        "two", [(Number, {"number": n}) for n in (1, 2)], lambda a, b: Finding({"is": a - b})
    )
    one = Look("one", [(Number, {"number": 3})], lambda a: Finding({"is": a}))
    state = SimpleNamespace(failed_hosts=[SimpleNamespace(name=name) for name in failed])
    with ctx_state.use(state), ctx_host.use(SimpleNamespace(name="host1", get_fact=get_fact)):
        return audit.look([lambda: two, lambda: None, lambda: one]), asked


def test_all_roles_ask_in_one_command_and_get_their_own_answers() -> None:
    found, asked = look([7, 5, 3])
    assert {role: it.data for role, it in found.items()} == {"two": {"is": 2}, "one": {"is": 3}}
    assert [[question["number"] for _, question in it] for it in asked] == [[1, 2, 3]]


@pytest.mark.parametrize(("answers", "failed"), [([7, 5], ()), ([], ()), ([7, 5, 3], ("host1",))])
def test_half_an_answer_is_none(answers: list[int], failed: tuple[str, ...]) -> None:
    found, _ = look(answers, failed)
    assert found == {"host": Finding(drift=["could not be read"])}
