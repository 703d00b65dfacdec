from types import SimpleNamespace
from typing import Any

import pytest

from engine import questions
from engine.order import barrier
from engine.several import Question
from facts.systemd import Units
from tests.unit.operation_harness import PretendedHost, Run, run


def other(name: str, *groups: str) -> Any:
    return SimpleNamespace(name=name, groups=groups)


def apply(*failed: Any) -> Run:
    return run(barrier, "the clients mount it", "storage", facts={}, failed_hosts=failed)


@pytest.mark.parametrize("failed", [(), (other("stg1", "clients", "vision"),)])
def test_a_barrier_asks_nothing_and_does_nothing(failed: tuple[Any, ...]) -> None:
    done = apply(*failed)
    assert (done.asked, done.commands, done.said) == ([], [], [])
    assert done.noops == ["before the clients mount it"]


def test_what_is_known_of_a_host_does_not_pass_a_barrier_once_another_was_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for changed in (set(), {"nas1"}):
        known = questions._Asked(answers=[(Question(Units, {}), None)])
        with monkeypatch.context() as patch:
            patch.setattr(questions, "_asked", {PretendedHost.name: known})
            patch.setattr(questions, "_changed", changed)
            apply()
        assert bool(known.answers) == (not changed)


def test_nobody_goes_on_without_the_hosts_that_all_need() -> None:
    done = apply(other("stg1", "vision"), other("nas1", "storage"))
    assert done.failure.startswith("nas1 failed, which comes before the clients mount it")
    assert "--limit" in done.failure
