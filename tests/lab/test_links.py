"""Nobody who owns a directory leads what root writes or serves out of it by a link."""

import pytest

from lab.machines import pyinfra
from tests.lab.fleets import Fleet

pytestmark = pytest.mark.storage

FIRST = "00000000-000000.txt"
ENABLED = "/etc/nginx/sites-enabled"


def options(fleet: Fleet, name: str, mountpoint: str) -> list[str]:
    return fleet[name].sh(f"findmnt -n -o OPTIONS -M {mountpoint}").split(",")


def test_no_link_in_a_volume_leads_out_of_it(fleet: Fleet) -> None:
    wanted = {"nosymfollow", "nosuid", "nodev", "noexec"}
    for each in fleet.boards:
        each.sh("ln -s /etc/passwd /media/storage/link")
        assert each.sh("readlink /media/storage/link") == "/etc/passwd"
        assert each.try_sh("cat /media/storage/link").returncode != 0
        assert wanted <= {*options(fleet, each.name, "/media/storage")}
    assert wanted <= {*options(fleet, fleet.prod.name, "/media/ciphertext")}


def test_the_sites_account_leads_no_file_of_a_run_elsewhere(fleet: Fleet) -> None:
    """Its directory is a link for half of the time, while a run puts the first file back."""
    host = fleet.staging
    uploads = host.sh("ls -d /media/storage/persistent_*")
    swap = (
        f"cd /media/storage; while :; do mv -T {uploads} aside; ln -s {ENABLED} {uploads}; "
        f"sleep 0.2; rm {uploads}; mv -T aside {uploads}; sleep 0.2; done"
    )
    host.sh(f"rm {uploads}/{FIRST}; systemd-run -q --unit=swap --uid=vision sh -c '{swap}'")
    # Whether this run fails is for the links to decide.
    pyinfra("deploy.py", "-y", "--limit", host.name)
    host.sh(
        f"systemctl stop swap; cd /media/storage; rm -f {uploads} 2> /dev/null || true; "
        f"[ -d {uploads} ] || mv -T aside {uploads}"
    )
    assert host.sh(f"ls -A {ENABLED}") == "vision"
    fleet.converge()
    assert host.sh(f"stat -c '%U %F' {uploads}/{FIRST}") == "vision regular file"
