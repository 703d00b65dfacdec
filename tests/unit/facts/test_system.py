from pathlib import Path

import pytest

from facts.system import PATIENCE, Kernels, KernelsState, System, SystemState
from tests.unit.host_here import ask, sh
from tests.unit.operation_harness import Shell

BOOKWORM = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
ID=debian
"""
TRIXIE_SID = 'NAME="Debian GNU/Linux"\nVERSION_CODENAME=trixie\nID=debian\n'


def look(tmp_path: Path, fact: type, **arguments: str) -> object:
    """The fact, on a host whose /etc, /boot and /lib/modules are below tmp_path."""
    command = fact().command(**arguments)
    for directory in ("/etc/os-release", "/boot/", "/lib/modules/"):
        command = command.replace(directory, f"{tmp_path}{directory}")
    return fact().process(sh("sh", command).stdout.splitlines())


def system(tmp_path: Path) -> str:
    found = look(tmp_path, System)
    assert isinstance(found, SystemState)
    return found.system


def test_the_system_is_told_by_name_and_number(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(BOOKWORM)
    assert system(tmp_path) == "debian 12"
    (tmp_path / "etc/os-release").write_text(TRIXIE_SID)
    assert system(tmp_path) == "debian"
    (tmp_path / "etc/os-release").unlink()
    assert system(tmp_path) == ""


@pytest.mark.parametrize(
    ("by_file", "myhostname", "unknown"),
    [(True, False, ""), (False, True, ""), (False, False, "own-name")],
)
def test_a_name_that_only_dns_knows_is_told(
    tmp_path: Path, by_file: bool, myhostname: bool, unknown: str
) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("uname", "echo own-name")
    shell.stand_in("grep", f"exit {0 if myhostname else 1}")
    shell.stand_in("getent", f'[ "$2" = files ] && exit {0 if by_file else 2} || exit 0')
    assert ask(System, shell=shell).unknown_name == unknown


def test_dns_that_does_not_answer_is_told(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("uname", "echo own-name")
    shell.stand_in("grep", "exit 1")
    waited = f'[ "$1" = -s ] || {{ [ "$RES_OPTIONS" ] && sleep {PATIENCE + 1}; }}; exit 2'
    shell.stand_in("getent", waited)
    assert ask(System, shell=shell) == SystemState(ask(System).system, "own-name", True)


def test_this_machine_has_some_system() -> None:
    assert ask(System).system


def test_kernels_and_those_that_lack_the_module(tmp_path: Path) -> None:
    assert look(tmp_path, Kernels, module="zfs", tool="no-such-tool") == KernelsState()
    for version in ("6.1.0-1-amd64", "6.1.0-2-amd64"):
        (tmp_path / "boot").mkdir(exist_ok=True)
        (tmp_path / f"boot/vmlinuz-{version}").touch()
    module = tmp_path / "lib/modules/6.1.0-1-amd64/updates/dkms/zfs.ko.xz"
    module.parent.mkdir(parents=True)
    module.touch()
    # Another module whose name begins with the same letters.
    other = tmp_path / "lib/modules/6.1.0-2-amd64/zfsx.ko"
    other.parent.mkdir(parents=True)
    other.touch()
    found = look(tmp_path, Kernels, module="zfs", tool="sh")
    both = ("6.1.0-1-amd64", "6.1.0-2-amd64")
    assert found == KernelsState(both, ("6.1.0-2-amd64",), has_tool=True)
