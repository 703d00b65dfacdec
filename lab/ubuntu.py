"""Makes hosts of the lab say that they have Ubuntu: python -m lab.ubuntu HOST...

Stands for Ubuntu itself, which a lab made from Debian's mirror cannot have: whatever asks for the
system by os-release(5) or by /etc/lsb-release, as bbb-conf does, hears Ubuntu. All else stays
Debian 12. docs/bbb-stand-ins.md says what differs.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from fleet.load import load
from lab.machines import INVENTORY, Machine, machine, together

# https://releases.ubuntu.com: the name of each release that a line of BigBlueButton needs.
CODENAMES = {"20.04": "focal", "22.04": "jammy", "24.04": "noble"}
OS_RELEASE = """\
PRETTY_NAME="Ubuntu {version} LTS"
NAME="Ubuntu"
VERSION_ID="{version}"
VERSION="{version} LTS"
VERSION_CODENAME={codename}
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME={codename}
"""
LSB_RELEASE = """\
DISTRIB_ID=Ubuntu
DISTRIB_RELEASE={version}
DISTRIB_CODENAME={codename}
DISTRIB_DESCRIPTION="Ubuntu {version} LTS"
"""


def files(version: str) -> dict[str, str]:
    """The files that say so, by path; version: such as 22.04. Raises KeyError."""
    words = {"version": version, "codename": CODENAMES[version]}
    return {
        "/etc/os-release": OS_RELEASE.format(**words),
        "/etc/lsb-release": LSB_RELEASE.format(**words),
    }


def pretend(names: Sequence[str]) -> None:
    """Write the files on those of the hosts whose record has `ubuntu`."""
    hosts = load(Path(INVENTORY)).hosts

    def write(each: Machine) -> None:
        for path, text in files(hosts[each.name].ubuntu or "").items():
            # Debian's is a link to a file of base-files.
            each.sh(f"rm -f {path} && cat > {path}", text.encode())

    together([machine(name) for name in names if hosts[name].ubuntu], write)


if __name__ == "__main__":
    pretend(sys.argv[1:])
