from pathlib import Path

import pytest

from tests.unit.programs.recordings.node import Node, node


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    return node(tmp_path, monkeypatch)
