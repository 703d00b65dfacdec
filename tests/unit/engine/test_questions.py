"""A run asks a host its questions together, and takes no answer from before the last change."""

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra import api
from pyinfra.api import StringCommand
from pyinfra.context import ctx_host, ctx_state

from engine import questions as module
from engine.fact import Fact, whole
from engine.operation import Commands, ask, operation
from engine.questions import forget_what_others_changed
from engine.several import Question
from tests.unit.operation_harness import PretendedHost


class One(Fact[str]):
    def command(self, what: str) -> str:
        return whole(f"echo {what}")


class Two(One): ...


class Asked(PretendedHost):
    """Answers each fact with its arguments and the number of changes so far; keeps each command.

    begins: how many questions of one command the host begins before patience ends
    """

    def __init__(self, name: str = "storage1", begins: int = 99) -> None:
        super().__init__({})
        self.name = name
        self.begins = begins
        self.changes = 0
        self.commands: list[list[str]] = []
        self.patient: list[bool] = []

    def get_fact(self, kind: type, **arguments: Any) -> Any:
        asked: list[Question] = arguments["asked"]
        patient = "uptime" in arguments["_stdin"]
        self.patient.append(patient)
        self.commands.append([f"{it.__name__} {its['what']}" for it, its in asked])
        begun = asked[: self.begins] if patient else asked
        return [(its["what"], self.changes) for _, its in begun]


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The state of a run that prepares, without pyinfra's own part of an operation."""
    module._asked.clear()
    module._changed.clear()

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
    module._asked.clear()
    module._changed.clear()


def looks(kind: type[Fact[str]], changes: bool = False) -> Any:
    """An operation that asks, may change the host, and then asks again. An old answer fails it."""

    @operation()
    def made(what: str) -> Commands:
        host: Any = yield from _answered_now(kind, what)
        if changes:
            yield StringCommand("change it")
            yield StringCommand("and this of it")
            host.changes += 1
            yield from _answered_now(kind, what)

    return made


def _answered_now(kind: type[Fact[str]], what: str) -> Any:
    found: Any = yield from ask(kind, what=what)
    host: Any = ctx_host.get()
    assert found == (what, host.changes), "an answer is older than the last change"
    return host


# What makes the operation, what the operation asks for, and pyinfra's own arguments.
Call = tuple[Callable[[], Any], str, dict[str, Any]]


def prepare(host: Asked, *calls: Call) -> None:
    """Calls the operations as deploy.py does."""
    with ctx_host.use(host):
        for made, what, options in calls:
            made()(name="Looks", what=what, **options)
    assert host.commands == [], "nothing is asked before the run"


def execute(state: SimpleNamespace, host: Asked, *calls: Call) -> None:
    """Runs the operations as pyinfra does, which gives the host each one's global arguments."""
    state.is_executing = True
    with ctx_host.use(host):
        for made, what, options in calls:
            host.current_op_global_arguments = {"_timeout": None, **options}
            for command in made()._inner(what=what):
                assert isinstance(command, StringCommand)


def converge(state: SimpleNamespace, host: Asked, *calls: Call) -> list[list[str]]:
    """The questions that a run asks, by command."""
    prepare(host, *calls)
    execute(state, host, *calls)
    return host.commands


def an_operation(kind: type[Fact[str]], what: str, changes: bool = False, **options: Any) -> Call:
    return partial(looks, kind, changes), what, options


A, B, C = an_operation(One, "a"), an_operation(Two, "a"), an_operation(One, "b")
CHANGES = an_operation(One, "x", changes=True)
CHANGES_TOO = an_operation(Two, "x", changes=True)
STORAGE, UPLOADS, HEALTH = (
    an_operation(One, what, _timeout=30) for what in ("storage", "uploads", "health")
)


def test_what_all_operations_ask_first_is_one_question(state: SimpleNamespace) -> None:
    host = Asked()
    assert converge(state, host, A, B, C) == [["One a", "Two a", "One b"]]
    assert host.patient == [False]


def test_what_may_have_to_wait_is_another_when_what_stands_before_it_is_done(
    state: SimpleNamespace,
) -> None:
    host = Asked()
    commands = converge(state, host, A, CHANGES, STORAGE, UPLOADS, B, HEALTH)
    assert commands == [
        ["One a", "One x", "Two a"],
        ["One x", "Two a"],
        ["One storage", "One uploads", "One health"],
    ]
    assert host.patient == [False, False, True]


def test_a_run_with_no_change_asks_twice(state: SimpleNamespace) -> None:
    commands = converge(state, Asked(), A, B, STORAGE, C, UPLOADS, HEALTH)
    assert commands == [
        ["One a", "Two a", "One b"],
        ["One storage", "One uploads", "One health"],
    ]


def test_after_a_change_what_is_left_is_asked_together_once_more(state: SimpleNamespace) -> None:
    assert converge(state, Asked(), A, CHANGES, B, C) == [
        ["One a", "One x", "Two a", "One b"],
        ["One x", "Two a", "One b"],
    ]


def test_where_one_after_the_other_changes_something_each_asks_alone(
    state: SimpleNamespace,
) -> None:
    assert converge(state, Asked(), CHANGES, CHANGES_TOO, A, B, C) == [
        ["One x", "Two x", "One a", "Two a", "One b"],
        ["One x"],
        ["Two x"],
        ["Two x"],
        ["One a"],
        ["Two a", "One b"],
    ]
    # One operation that changes nothing between them is enough to ask together again.
    assert converge_anew(state, CHANGES, A, CHANGES_TOO, B) == [
        ["One x", "One a", "Two x", "Two a"],
        ["One x"],
        ["One a"],
        ["Two x", "Two a"],
        ["Two x", "Two a"],
    ]


def test_what_was_asked_before_a_change_is_asked_anew_whatever_its_kind(
    state: SimpleNamespace,
) -> None:
    """The run looks at the service as the run leaves it."""
    assert converge(state, Asked(), STORAGE, UPLOADS, CHANGES, B, HEALTH) == [
        ["One storage", "One uploads", "One health"],
        ["One x", "Two a"],
        ["One x", "Two a"],
        ["One health"],
    ]


def test_on_a_host_that_was_changed_before_anything_was_asked_the_rest_is_asked_after_it(
    state: SimpleNamespace,
) -> None:
    @operation()
    def changes(what: str) -> Commands:
        yield StringCommand("change it")
        host: Any = ctx_host.get()
        host.changes += 1

    assert converge(state, Asked(), (lambda: changes, "x", {}), A, B) == [["One a", "Two a"]]


def test_what_a_command_had_no_patience_for_is_asked_when_its_operation_comes(
    state: SimpleNamespace,
) -> None:
    assert converge(state, Asked(begins=2), STORAGE, UPLOADS, HEALTH) == [
        ["One storage", "One uploads", "One health"],
        ["One health"],
    ]
    module._asked.clear()
    state.is_executing = False
    assert converge(state, Asked(begins=1), STORAGE, UPLOADS, HEALTH) == [
        ["One storage", "One uploads", "One health"],
        ["One uploads", "One health"],
        ["One health"],
    ]


def test_two_operations_with_the_same_question_have_an_answer_each(state: SimpleNamespace) -> None:
    assert converge(state, Asked(), A, B, A) == [["One a", "Two a", "One a"]]
    assert converge_anew(state, A, CHANGES, A) == [
        ["One a", "One x", "One a"],
        ["One x", "One a"],
    ]


def converge_anew(state: SimpleNamespace, *calls: Call) -> list[list[str]]:
    module._asked.clear()
    state.is_executing = False
    return converge(state, Asked(), *calls)


def test_a_second_question_of_an_operation_asks_for_nothing_that_is_known(
    state: SimpleNamespace,
) -> None:
    @operation()
    def asks_twice(what: str) -> Commands:
        yield from ask(One, what=what)
        yield from ask(Two, what="more")
        yield from ask(Two, what="more")

    commands = converge(state, Asked(), (lambda: asks_twice, "x", {}), A, B)
    # To ask the same again is to look again.
    assert commands == [["One x", "One a", "Two a"], ["Two more"], ["Two more"]]


def test_what_is_known_of_a_host_may_be_old_once_another_was_changed(
    state: SimpleNamespace,
) -> None:
    first, other = Asked(), Asked("vision-prod1")

    @operation()
    def barrier(what: str) -> Commands:
        yield from ()
        forget_what_others_changed()

    before: Call = (lambda: barrier, "", {})
    prepare(other, A, before, B, C)
    execute(state, other, A, before)
    execute(state, first, CHANGES)
    execute(state, other, before, B, C)
    assert other.commands == [["One a", "Two a", "One b"], ["Two a", "One b"]]


def test_a_run_that_only_prepares_takes_no_answer_for_later(state: SimpleNamespace) -> None:
    """Without -y pyinfra runs each operation once before any host is changed."""
    host, each = Asked(), [A, CHANGES, B]
    prepare(host, *each)
    with ctx_host.use(host):
        for made, what, _ in each:
            next(made()._inner(what=what), None)
    assert host.commands == [["One a"], ["One x"], ["Two a"]]
    assert module._changed == set(), "to prepare is not to change"
    host.commands = []
    execute(state, host, *each)
    assert host.commands == [["One a", "One x", "Two a"], ["One x", "Two a"]]


def test_a_host_that_could_not_be_read_gets_what_pyinfra_goes_on_with(
    state: SimpleNamespace,
) -> None:
    class Gone(Asked):
        def get_fact(self, kind: type, **arguments: Any) -> Any:
            return []

    state.is_executing = True
    with ctx_host.use(Gone()):
        assert module.answer(Question(One, {"what": "a"})) is None
