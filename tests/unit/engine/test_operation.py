"""How an operation asks: all at once while nothing was changed, and for itself from then on."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra import api
from pyinfra.api import StringCommand
from pyinfra.context import ctx_host, ctx_state

from engine import operation as module
from engine import report
from engine.fact import Fact, whole
from engine.operation import Commands, ask, forget_what_others_changed, operation
from engine.several import Several
from tests.unit.operation_harness import PretendedHost, run


class One(Fact[str]):
    def command(self, what: str) -> str:
        return whole(f"echo {what}")


class Two(One): ...


class Asked(PretendedHost):
    """Answers each fact by its arguments, and keeps what it was asked, a list for each command."""

    def __init__(self, name: str = "storage1") -> None:
        super().__init__({})
        self.name = name
        self.log_of_facts: list[list[str]] = []

    def get_fact(self, kind: type, **arguments: Any) -> Any:
        asked = arguments["asked"] if kind is Several else [(kind, arguments)]
        self.log_of_facts.append([f"{it.__name__} {its['what']}" for it, its in asked])
        answers = [f"{its['what']} is here" for _, its in asked]
        return answers if kind is Several else answers[0]


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """That of a run which prepares; pyinfra's own part of an operation is left out."""
    for name in ("_questions", "_answers"):
        monkeypatch.setattr(module, name, {})
    monkeypatch.setattr(module, "_changed", set())

    def noting() -> Any:
        def decorator(code: Any) -> Any:
            def made(*arguments: Any, **options: Any) -> None: ...

            made._inner = code  # type: ignore[attr-defined]
            return made

        return decorator

    monkeypatch.setattr(api, "operation", noting)
    found = SimpleNamespace(is_executing=False, config=SimpleNamespace(DIFF=False), failed_hosts=[])
    with ctx_state.use(found):
        yield found


def looks(kind: type[Fact[str]], then: Any = None) -> Any:
    """An operation that asks, and does `then` if it is given."""

    @operation()
    def made(what: str) -> Commands:
        said = yield from ask(kind, what=what)
        assert said == f"{what} is here"
        if then:
            yield StringCommand(then)
            assert (yield from ask(kind, what=what)) == f"{what} is here"

    return made


def converge(state: SimpleNamespace, host: Asked, *calls: tuple[Any, str, dict[str, Any]]) -> None:
    """Calls the operations, as deploy.py does, and then runs them."""
    state.is_executing = False
    with ctx_host.use(host):
        for made, what, options in calls:
            made(name="Looks", what=what, **options)
        assert host.log_of_facts == [], "nothing is asked before the run"
        state.is_executing = True
        for made, what, _ in calls:
            list(made._inner(what=what))


def test_what_all_operations_ask_first_is_one_question(state: SimpleNamespace) -> None:
    host = Asked()
    converge(state, host, (looks(One), "a", {}), (looks(Two), "a", {}), (looks(One), "b", {}))
    assert host.log_of_facts == [["One a", "Two a", "One b"]]


def test_once_something_was_changed_each_asks_for_itself(state: SimpleNamespace) -> None:
    host = Asked()
    changes = looks(One, then="change it")
    converge(state, host, (looks(One), "a", {}), (changes, "b", {}), (looks(Two), "c", {}))
    assert host.log_of_facts == [["One a", "One b", "Two c"], ["One b"], ["Two c"]]


def test_an_operation_that_may_have_to_wait_asks_alone(state: SimpleNamespace) -> None:
    host = Asked()
    waits = (looks(One), "storage", {"_timeout": 9})
    converge(state, host, (looks(One), "a", {}), waits, (looks(Two), "b", {}))
    assert host.log_of_facts == [["One a", "Two b"], ["One storage"]]


def test_what_is_known_of_a_host_may_be_old_once_another_was_changed(
    state: SimpleNamespace,
) -> None:
    first, other = Asked(), Asked("vision-prod1")

    @operation()
    def barrier() -> Commands:
        yield from ()
        forget_what_others_changed()

    late = looks(Two)
    with ctx_host.use(other):
        looks(One)(name="First", what="a")
        barrier(name="Barrier")
        late(name="Late", what="b")
        state.is_executing = True
        list(looks(One)._inner(what="a"))
    assert other.log_of_facts == [["One a", "Two b"]]
    with ctx_host.use(first):
        list(looks(One, then="change it")._inner(what="x"))
    with ctx_host.use(other):
        list(barrier._inner())
        list(late._inner(what="b"))
    assert other.log_of_facts == [["One a", "Two b"], ["Two b"]]


def test_a_run_that_only_prepares_takes_no_answer_for_later(state: SimpleNamespace) -> None:
    """Without -y pyinfra runs each operation once before any host is changed."""
    host, calls = Asked(), [(looks(One), "a"), (looks(Two, then="change it"), "b")]
    with ctx_host.use(host):
        for made, what in calls:
            made(name="Looks", what=what)
        for made, what in calls:
            next(made._inner(what=what), None)
    assert host.log_of_facts == [["One a"], ["Two b"]]
    assert module._changed == set(), "to prepare is not to change"
    host.log_of_facts = []
    state.is_executing = True
    with ctx_host.use(host):
        for made, what in calls:
            list(made._inner(what=what))
    assert host.log_of_facts == [["One a", "Two b"], ["Two b"]]


def test_on_a_host_that_was_changed_before_anything_was_asked_nothing_is_asked_for_later(
    state: SimpleNamespace,
) -> None:
    @operation()
    def changes(what: str) -> Commands:
        yield StringCommand("change it")

    host = Asked()
    converge(state, host, (changes, "x", {}), (looks(One), "a", {}), (looks(Two), "b", {}))
    assert host.log_of_facts == [["One a"], ["Two b"]]


def test_more_than_a_command_line_takes_is_asked_one_by_one(
    state: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST", 20)
    host = Asked()
    converge(state, host, (looks(One), "a", {}), (looks(Two), "b", {}))
    assert host.log_of_facts == [["One a"], ["Two b"]]


def test_what_could_not_be_read_is_not_taken_for_absent() -> None:
    """pyinfra gives the default for a fact that failed, and goes on with the operation."""

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
