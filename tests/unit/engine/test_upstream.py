"""The functions that take the place of pyinfra's return what pyinfra's return."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pyinfra
import pytest
from pyinfra.api import arguments, util

from engine import upstream
from engine.upstream import REPLACEMENTS, Replacement

PLACES = [(import_module(module), it.name) for it in REPLACEMENTS for module in it.modules]


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    originals = [getattr(module, name) for module, name in PLACES]
    yield
    for (module, name), original in zip(PLACES, originals, strict=True):
        setattr(module, name, original)


def test_pyinfra_is_the_one_that_they_were_written_for() -> None:
    """If this fails, and this pyinfra has the change itself, take it out of engine/upstream.py."""
    assert [it.name for it in REPLACEMENTS if not it.apply()] == []
    assert [getattr(module, name) for module, name in PLACES] == [
        it.made for it in REPLACEMENTS for _ in it.modules
    ]


def test_to_apply_them_again_changes_nothing() -> None:
    upstream.apply()
    upstream.apply()
    assert [getattr(module, name) for module, name in PLACES] == [
        it.made for it in REPLACEMENTS for _ in it.modules
    ]


def test_another_function_of_that_name_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_global_arguments() -> list[Any]:
        return []

    module = "pyinfra.api.arguments"
    monkeypatch.setattr(arguments, "all_global_arguments", all_global_arguments)
    found = next(it for it in REPLACEMENTS if it.name == "all_global_arguments")
    assert not Replacement(found.name, (module,), found.digest, found.made).apply()
    assert arguments.all_global_arguments is all_global_arguments


Order = Callable[[Any], list[int]]


def in_a_deploy(order: Order, state: Any) -> list[int]:
    """The order of an operation that deploy.py calls by a role, through pyinfra's own code."""
    names: dict[str, Any] = {"order": order, "state": state}
    for file, text in (
        (f"{util.PYINFRA_INSTALL_DIR}/api/deploy.py", "def wrapped():\n    return order(state)"),
        ("roles.py", "\ndef role():\n    return wrapped()"),
        ("deploy.py", "\n\nfound = role()"),
    ):
        exec(compile(text, file, "exec"), names)
    found: list[int] = names["found"]
    return found


@pytest.mark.parametrize("cli", [True, False])
@pytest.mark.parametrize("file", ["deploy.py", "another.py", None, "", __file__])
def test_operations_have_the_order_that_pyinfra_gives_them(
    monkeypatch: pytest.MonkeyPatch, file: str | None, cli: bool
) -> None:
    monkeypatch.setattr(pyinfra, "is_cli", cli)
    state = SimpleNamespace(current_deploy_filename=file, current_op_file_number=7)
    both = [
        partial(in_a_deploy, it)
        for it in (util.get_operation_order_from_stack, upstream.operation_order)
    ]
    # Both are called from one line, because the line is a part of the order.
    theirs, ours = [order(state) for order in both]
    assert ours == theirs
    if file == "deploy.py":
        assert ours == [*([7] if cli else []), 3, 3]
    assert (len(ours) > 1) == (file != "another.py")


def test_an_operation_that_another_line_calls_has_another_order() -> None:
    state = SimpleNamespace(current_deploy_filename=None, current_op_file_number=0)
    one = upstream.operation_order(state)
    two = upstream.operation_order(state)
    assert one < two


def test_the_arguments_are_those_of_pyinfra() -> None:
    before = arguments.all_global_arguments()
    upstream.apply()
    assert arguments.all_global_arguments() == before
    assert dict(before)["_sudo"] is bool
    assert sys.modules["pyinfra.api.facts"].all_global_arguments() == before
