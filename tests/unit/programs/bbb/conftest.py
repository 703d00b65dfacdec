from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.programs.bbb.node import Node
from tests.unit.programs.bbb.node import node as made


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """A node that is as the data says, and has no meeting."""
    with made(tmp_path, monkeypatch) as it:
        yield it
