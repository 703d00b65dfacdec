"""An operation acts on no host whose state it could not read."""

from types import SimpleNamespace

import pytest
from pyinfra.api import StringCommand

from engine import report
from engine.operation import Commands, operation
from tests.unit.operation_harness import PretendedHost, run


def test_what_could_not_be_read_is_not_taken_for_absent() -> None:
    """pyinfra alone takes the default for a fact that failed, and goes on with the operation."""

    @operation()
    def made() -> Commands:
        report.tell("absent -> present")
        yield StringCommand("make it")

    assert run(made, facts={}).commands == [StringCommand("make it")]
    done = run(made, facts={}, failed_hosts=[SimpleNamespace(name="other")])
    assert done.commands == [StringCommand("make it")]
    done = run(made, facts={}, failed_hosts=[SimpleNamespace(name=PretendedHost.name)])
    assert done.failure == "how this host is could not be read, so nothing was changed"
    assert len(done.commands) == 1 and done.said == []


def test_a_host_that_fell_silent_as_it_was_asked_is_not_called_unreadable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its output is the same as that of a host whose answer is damaged: none."""
    ended = SimpleNamespace(is_active=lambda: False)
    connector = SimpleNamespace(client=SimpleNamespace(get_transport=lambda: ended))
    monkeypatch.setattr(PretendedHost, "connector", connector, raising=False)

    @operation()
    def asks() -> Commands:
        yield from ()

    done = run(asks, facts={}, failed_hosts=[SimpleNamespace(name=PretendedHost.name)])
    lost = "the connection was lost as it was asked how it is, so nothing was changed"
    assert done.failure == lost


def test_code_that_stumbles_over_what_could_not_be_read_fails_its_host_alone() -> None:
    """pyinfra ends the run for all hosts at an exception of an operation."""

    @operation()
    def stumbles() -> Commands:
        yield StringCommand(str(().index(1)))

    with pytest.raises(ValueError, match="not in tuple"):
        run(stumbles, facts={})
    done = run(stumbles, facts={}, failed_hosts=[SimpleNamespace(name=PretendedHost.name)])
    assert done.failure == "how this host is could not be read, so nothing was changed"


def test_who_could_not_be_read_is_not_left_alone_as_if_all_was_well() -> None:
    @operation()
    def has_nothing_to_do() -> Commands:
        yield from ()

    assert run(has_nothing_to_do, facts={}).commands == []
    done = run(has_nothing_to_do, facts={}, failed_hosts=[SimpleNamespace(name="storage1")])
    assert "could not be read" in done.failure
