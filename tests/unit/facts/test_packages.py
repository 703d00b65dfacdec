from pathlib import Path

import pytest

from facts.packages import Packages, PackageStates
from tests.unit.host_here import ask, sh
from tests.unit.operation_harness import Shell

# dpkg-query 1.21 of Debian 12; the third letter of a status is an error.
STATUSES = """\
ii |nginx-light
hi |zfs-dkms
iF |php8.2-fpm
iU |php8.2-gd
iHR|sanoid
iiR|sanoid-doc
rc |apache2
un |gocryptfs
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    statuses = tmp_path / "statuses"
    statuses.write_text(STATUSES)
    asked = f'printf "%s\\n" "$@" > {tmp_path}/asked'
    shell.stand_in("dpkg-query", f"{asked}; cat {statuses}; echo none found >&2; exit 1")
    shell.stand_in("ls")
    return shell


def test_only_what_is_wholly_installed_counts(shell: Shell, tmp_path: Path) -> None:
    seen = ask(Packages, ["nginx-light", "g++"], shell=shell)
    assert seen == PackageStates(frozenset({"nginx-light", "zfs-dkms"}))
    assert (tmp_path / "asked").read_text().splitlines() == [
        "-W",
        "-f",
        r"${db:Status-Abbrev}|${Package}\n",
        "nginx-light",
        "g++",
    ]


def test_work_that_dpkg_left_is_seen_beside_the_packages(shell: Shell) -> None:
    shell.stand_in("ls", '[ "$*" = /var/lib/dpkg/updates ] && printf "0000\\n0001\\n"')
    seen = ask(Packages, ["nginx-light"], shell=shell)
    assert seen.interrupted
    assert "nginx-light" in seen.installed


def test_a_package_of_that_name_is_no_interrupted_dpkg() -> None:
    assert not Packages().parse(["ii |updates"]).interrupted


def test_without_dpkg_nothing_is_installed(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("dpkg-query", "exit 127")
    shell.stand_in("ls", "exit 2")
    assert ask(Packages, ["a"], shell=shell) == Packages.default() == PackageStates()


def test_on_this_machine_a_package_that_does_not_exist_is_not_installed() -> None:
    assert sh(Packages().command(["no-such-package"])).returncode == 0
    assert ask(Packages, ["no-such-package"]).installed == frozenset()
