import shutil
import subprocess

import pytest

from roles.clients import in_command_line, mount_unit

# As `systemd-escape --path --suffix=mount` of systemd 252 prints them.
NAMES = {
    "/media/storage": "media-storage.mount",
    "/media/gocryptfs-storage": r"media-gocryptfs\x2dstorage.mount",
    "/srv": "srv.mount",
    "/srv/a-b/c-d": r"srv-a\x2db-c\x2dd.mount",
    "/srv/a_b.c/D9": "srv-a_b.c-D9.mount",
    "/srv/.hidden": "srv-.hidden.mount",
    "/.hidden/-": r"\x2ehidden-\x2d.mount",
}


@pytest.mark.parametrize(("path", "name"), NAMES.items())
def test_a_mount_unit_has_the_name_that_systemd_wants(path: str, name: str) -> None:
    assert mount_unit(path) == name


@pytest.mark.skipif(not shutil.which("systemd-escape"), reason="needs systemd")
def test_systemd_agrees() -> None:
    command = ["systemd-escape", "--path", "--suffix=mount", *NAMES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(NAMES.values())


def test_the_name_of_a_unit_reaches_a_command_line_of_systemd_unharmed() -> None:
    assert in_command_line(NAMES["/media/gocryptfs-storage"]) == (
        r"media-gocryptfs\\x2dstorage.mount"
    )
