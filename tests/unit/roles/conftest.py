"""What the tests of roles have in common."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from pyinfra.context import ctx_host

from controller import this_run
from fleet.model import Fleet

Take = Callable[[Fleet, str], None]


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Iterator[Take]:
    """Makes this the fleet and the host of the run, for every role."""
    with ExitStack() as stack:

        def taken(fleet: Fleet, name: str) -> None:
            monkeypatch.setattr(this_run, "load", lambda file: fleet)
            data = SimpleNamespace(fleet_file=str(fleet.file))
            stack.enter_context(ctx_host.use(SimpleNamespace(name=name, data=data)))

        yield taken
