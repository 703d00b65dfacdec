from pathlib import Path

import pytest

from facts.packages import Packages, PackageStates
from operations.packages import installed
from tests.unit.host_here import perform
from tests.unit.operation_harness import Run, Shell, run

LOCK = "-o DPkg::Lock::Timeout=300"
FINISH = [f"apt-get -q {LOCK} check", "dpkg --force-confold --configure -a"]


def apply(*there: str, interrupted: bool = False) -> Run:
    state = PackageStates(frozenset(there), interrupted)
    return run(installed, ["nginx", "g++"], facts={Packages: state})


def install(names: str) -> list[str]:
    return [
        "apt-get -q update",
        f"apt-cache --quiet=0 show --no-all-versions {names}",
        f"apt-get -q -y {LOCK} -o Dpkg::Options::=--force-confold --no-install-recommends "
        f"--no-remove install {names}",
    ]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.stand_in("dpkg", 'echo "$DEBIAN_FRONTEND"')
    shell.stand_in("apt-get", 'echo "$DEBIAN_FRONTEND"')
    shell.stand_in("apt-cache")
    shell.stand_in("sleep")
    return shell


def calls(run: Run, shell: Shell) -> list[str]:
    (command,) = run.commands
    assert perform(command, shell).returncode == 0
    return shell.calls


def test_installed_packages_are_one_question() -> None:
    done = apply("nginx", "g++", "other")
    assert (done.commands, done.said) == ([], [])
    assert done.noops == ["all packages are installed"]
    assert done.asked == [{"names": ["nginx", "g++"]}]


def test_only_what_is_missing_is_installed(shell: Shell) -> None:
    """apt-get would upgrade an installed package that the command names."""
    done = apply("nginx")
    assert calls(done, shell) == FINISH + install("g++")
    assert done.said == ["packages to install: g++"]


def test_an_interrupted_dpkg_is_finished_also_with_nothing_missing(shell: Shell) -> None:
    done = apply("nginx", "g++", interrupted=True)
    assert calls(done, shell) == FINISH
    assert done.said == ["dpkg was interrupted: its work is finished first"]


def test_an_interrupted_dpkg_is_finished_first(shell: Shell) -> None:
    done = apply(interrupted=True)
    assert calls(done, shell) == FINISH + install("nginx g++")
    assert done.said == [
        "dpkg was interrupted: its work is finished first",
        "packages to install: nginx g++",
    ]


def test_nothing_asks_a_question(shell: Shell) -> None:
    done = perform(apply().commands[0], shell)
    assert set(done.stdout.split()) == {"noninteractive"}


LOCKED = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"


def test_it_waits_for_another_update_but_not_for_ever(shell: Shell) -> None:
    once = shell.programs / "asked"
    shell.stand_in(
        "apt-get",
        f'[ "$2" != update ] || [ -e {once} ] || {{ touch {once}; echo "{LOCKED}"; exit 100; }}',
    )
    assert calls(apply("nginx"), shell) == [
        *FINISH,
        "apt-get -q update",
        "sleep 5",
        *install("g++"),
    ]
    shell.stand_in("apt-get", f'[ "$2" != update ] || {{ echo "{LOCKED}"; exit 100; }}')
    done = perform(apply().commands[0], shell)
    assert (done.returncode, done.stderr) == (1, f"{LOCKED}\n")


def test_what_no_source_has_is_named_before_anything_is_installed(shell: Shell) -> None:
    shell.stand_in("apt-cache", "echo 'N: Unable to locate package g++' >&2")
    done = perform(apply().commands[0], shell)
    assert done.returncode == 1
    assert "Unable to locate package g++" in done.stderr and "contrib" in done.stderr
    assert not [call for call in shell.calls if " install " in call]


def test_waiting_for_another_installer_is_not_failing(shell: Shell) -> None:
    """apt-get waits for the lock before it complains of an interrupted dpkg."""
    shell.stand_in("apt-get", '[ "$4" != check ]')
    assert calls(apply("nginx"), shell) == FINISH + install("g++")


@pytest.mark.parametrize("broken", ["dpkg", "update", "install"])
def test_it_stops_at_the_first_failure(shell: Shell, broken: str) -> None:
    if broken == "dpkg":
        shell.stand_in("dpkg", "exit 1")
    else:
        shell.stand_in("apt-get", f'case "$*" in *{broken}*) exit 100;; esac')
    assert perform(apply().commands[0], shell).returncode != 0
    assert broken in shell.calls[-1]
