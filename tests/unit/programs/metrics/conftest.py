from pathlib import Path

import pytest

from tests.unit.programs.metrics.stage import Stage, stage


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stage(tmp_path, monkeypatch)
