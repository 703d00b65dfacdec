import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.git_samples import ENVIRONMENT, git

ROOT = Path(__file__).resolve().parents[3]


def publish(repository: Path, **environment: str) -> str:
    """Runs lab/site/publish; returns what it prints."""
    command = [str(ROOT / "lab/site/publish"), str(repository)]
    done = subprocess.run(
        command, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.rstrip("\n")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab") / "vision.git"


@pytest.fixture(scope="module")
def commit(repository: Path) -> str:
    return publish(repository)


def test_the_inventory_pins_the_commit_that_is_published(commit: str) -> None:
    fleet: dict[str, Any] = yaml.safe_load((ROOT / "inventories/lab.yml").read_text())["hosts"]
    pinned = {name: host["site"]["commit"] for name, host in fleet.items() if "site" in host}
    assert pinned
    assert pinned == dict.fromkeys(pinned, commit)


def test_whoever_publishes_whenever_gets_the_same_commit(tmp_path: Path, commit: str) -> None:
    other = {"GIT_AUTHOR_NAME": "somebody", "GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z"}
    assert publish(tmp_path / "a.git", **other, TZ="Asia/Tokyo") == commit


def test_publishing_again_makes_the_same_repository(repository: Path, commit: str) -> None:
    (repository / "leftover").touch()
    assert publish(repository) == commit
    assert not (repository / "leftover").exists()


def test_the_repository_is_sound_and_can_be_cloned(
    repository: Path, commit: str, tmp_path: Path
) -> None:
    assert git(repository, "rev-parse", "--is-bare-repository") == "true"
    git(repository, "fsck", "--strict")
    git(tmp_path, "clone", "-q", str(repository), "clone")
    pages = ROOT / "lab/site/pages"
    cloned = tmp_path / "clone"
    for page in pages.iterdir():
        assert (cloned / page.name).read_bytes() == page.read_bytes()
    assert git(cloned, "status", "--porcelain") == ""
