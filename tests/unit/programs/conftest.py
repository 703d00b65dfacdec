"""Programs run on hosts in a process of their own, without gevent, and so they seem to here."""

import os
from collections.abc import Iterator

import pytest
from gevent import monkey


@pytest.fixture(autouse=True)
def _files_close_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as any test has loaded pyinfra's command line, gevent puts off each os.close.

    Whoever then waits for the other end of a pipe waits for ever.
    """
    monkeypatch.setattr(os, "close", monkey.get_original("os", "close"))


@pytest.fixture(autouse=True)
def _umask_ends_with_the_program() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)
