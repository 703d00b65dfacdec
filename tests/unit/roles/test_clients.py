import shutil
import subprocess
from pathlib import Path

import pytest

from operations.files import File
from roles import clients
from roles.clients import NFS_OPTIONS, NO_LINKS, in_command_line, mount_unit
from tests.unit.fleet_samples import fleet_of, sample
from tests.unit.roles.conftest import Take

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


def lines_of(entry: object) -> list[str]:
    assert isinstance(entry, File)
    return entry.content.splitlines()


def test_no_link_of_the_storage_leads_anywhere_before_anything_uses_it(
    tmp_path: Path, take: Take
) -> None:
    fleet = fleet_of(tmp_path, sample())
    take(fleet, "stg1")
    plain = lines_of(clients.service_file("nginx.service"))
    assert plain[-1] == f"ExecStartPre=+/usr/bin/mount -o {NO_LINKS} /media/storage"
    take(fleet, "prod1")
    assert not any(NO_LINKS in line for line in lines_of(clients.service_file("nginx.service")))
    (unit,) = (
        lines_of(it) for it in clients._files([]) if it.path.endswith("/gocryptfs-storage.service")
    )
    encrypted = unit.index(f"ExecStartPre=/usr/bin/mount -o {NO_LINKS} /media/ciphertext")
    decrypted = unit.index(f"ExecStartPost=/usr/bin/mount -o {NO_LINKS} /media/storage")
    (started,) = (unit.index(it) for it in unit if it.startswith("ExecStart="))
    assert encrypted < started < decrypted


def test_a_mount_keeps_what_it_does_not_allow_when_it_loses_its_links() -> None:
    assert {it for it in NFS_OPTIONS if it.startswith("no")} - {*NO_LINKS.split(",")} == {"noatime"}


def test_an_encrypted_volume_is_opened_by_the_hosts_own_config(tmp_path: Path, take: Take) -> None:
    """The one on the storage is written by whoever has the storage."""
    take(fleet_of(tmp_path, sample()), "prod1")
    texts = {it.path: it.content for it in clients._files([]) if isinstance(it, File)}
    unit = texts["/etc/systemd/system/gocryptfs-storage.service"]
    (start,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert " -config /etc/coop-infra/gocryptfs.conf " in start
    assert clients._places().config == "/etc/coop-infra/gocryptfs.conf"
    assert "/etc/coop-infra/gocryptfs.conf" in clients._decryption().restart_on
    assert "ExecStartPre=/usr/bin/test -f /media/ciphertext/gocryptfs.diriv\n" in unit
    assert "gocryptfs.conf" not in unit.replace(" -config /etc/coop-infra/gocryptfs.conf ", "")
