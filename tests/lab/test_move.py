"""A host moves to Debian 13 in place, by the words of docs/move-to-debian-13.md."""

from pathlib import Path

import pytest

from lab.machines import pyinfra
from tests.lab.fleets import VpnFleet, addresses, changed_project, converge_alone, reaches
from tests.lab.pages import block

pytestmark = pytest.mark.access

# The box has more than such a host: without ZFS nothing is compiled for a kernel that a container
# does not boot.
NO_KERNEL = "apt-get -q -y purge zfs-dkms 'linux-image-*' 'linux-headers-*' > /dev/null"


def test_a_host_is_upgraded_in_place(vpn_fleet: VpnFleet, tmp_path: Path) -> None:
    one = vpn_fleet["bbb2"]
    one.sh(NO_KERNEL, timeout=300)
    *upgrade, reboot = block("move-to-debian-13", "full-upgrade").strip().splitlines()
    assert reboot.strip() == "reboot"
    one.sh("set -e\n" + "\n".join(line.strip() for line in upgrade), timeout=1800)
    one.reboot()
    assert one.sh("cut -d. -f1 /etc/debian_version") == "13"

    # The record comes first: nothing is changed on a host that is not what it says.
    refused = pyinfra("deploy.py", "-y", "--limit", "bbb2")
    assert refused.returncode != 0
    assert "the host runs debian 13, and its record says debian: 12" in refused.stderr

    def move(hosts: dict[str, dict[str, object]]) -> None:
        hosts["bbb2"]["debian"] = 13

    project = changed_project(tmp_path / "project", move)
    converge_alone("bbb2", project)
    assert converge_alone("bbb2", project) == (0, 0)
    assert all(reaches(one, address) for address in addresses("vpn1"))
    assert all(reaches(vpn_fleet["bbb1"], address) for address in addresses("bbb2"))
    # It tells that SSH is open, too, as nobody came by the VPN.
    audit = pyinfra("audit.py", "-y", "--limit", "bbb2", directory=project)
    assert "## bbb2" in audit.stdout and "its record says" not in audit.stdout, audit.stdout
