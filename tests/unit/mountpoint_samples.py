"""Directories that tests may seal; the seals go afterwards, so that pytest can remove them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.host_here import sh


def can_seal(directory: Path) -> bool:
    """Whether this process may mount, and the file system has the immutable flag."""
    if os.getuid() != 0:
        return False
    probe = directory / "probe"
    probe.mkdir()
    flag = sh(f"chattr +i '{probe}' && chattr -i '{probe}'").returncode == 0
    probe.rmdir()
    return flag and sh("[ -d /mnt ] && unshare -m mount --bind /tmp /mnt").returncode == 0


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Path]:
    """A directory below which mountpoints can be made."""
    if not can_seal(tmp_path):
        pytest.skip("needs root, mount namespaces, and a file system with chattr +i")
    media = tmp_path / "it's media"
    media.mkdir()
    yield media
    sh(f'chattr -R -f -i "{media}"')
