"""A node of the lab on loopback, and the stand-in packages, built once for all tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.bbb.build import build
from lab.bbb.participants import Crowd
from lab.bbb.repository import Key
from tests.unit.lab.bbb.called import Called
from tests.unit.lab.bbb.node import GAP, Node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node whose daemon runs."""
    with Node(tmp_path).runs() as running:
        yield running


@pytest.fixture
def call(tmp_path: Path) -> Called:
    """The API of a node whose daemon does not run."""
    return Called(Node(tmp_path))


@pytest.fixture
def crowd(node: Node) -> Iterator[Crowd]:
    """Participants of the node, who have all left in the end."""
    people = Crowd(node.door, gap=GAP)
    yield people
    people.leave_all()


@dataclass(frozen=True)
class Built:
    """www: the repositories, by host and path of a URL; key: the armoured public key"""

    www: Path
    key: Path
    fingerprint: str


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    home = tmp_path_factory.mktemp("bbb")
    key = Key(home / "gnupg")
    try:
        key.make()
        build(home / "www", key)
        public = home / "key.asc"
        public.write_bytes(key.public())
        return Built(home / "www", public, key.fingerprint())
    finally:
        key.end()
