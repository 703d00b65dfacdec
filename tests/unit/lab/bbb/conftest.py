"""The stand-in packages, built once for all tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.bbb.build import build
from lab.bbb.repository import Key


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
