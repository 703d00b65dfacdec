"""Programs run on hosts without gevent, and so they do here."""

import os

import pytest
from gevent import monkey


@pytest.fixture(autouse=True)
def _files_close_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as any test has loaded pyinfra's command line, gevent puts off each os.close.

    Whoever then waits for the other end of a pipe waits for ever.
    """
    monkeypatch.setattr(os, "close", monkey.get_original("os", "close"))
