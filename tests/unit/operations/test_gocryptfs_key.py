"""A key for files that lie elsewhere: made once, escrowed, and restored from escrow alone.

The stand-ins behave as gocryptfs 2.3 was seen to behave. With -config the config lies apart. With
-masterkey=stdin, -passwd reads the key and the new password, and leaves the old config as .bak.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import FunctionCommand, StringCommand

from facts.files import Paths
from operations.escrow import Escrow
from operations.gocryptfs_key import key
from tests.unit.gocryptfs_harness import XRAY
from tests.unit.host_here import answer, ask, perform
from tests.unit.operation_harness import Run, Shell, run

GOCRYPTFS = """\
config=$(echo "$*" | sed 's/.*-config \\([^ ]*\\).*/\\1/')
case "$*" in
  '-init -q -deterministic-names '*)
    for last; do :; done
    [ -d "$last" ] && [ -z "$(ls -A "$last")" ] && [ ! -e "$config" ] || exit 6
    password=$(echo "$*" | sed 's/.*-passfile \\([^ ]*\\).*/\\1/')
    echo "$(sha256sum < "$password") $(od -An -N32 -tx1 /dev/urandom | tr -d ' \\n')" > "$config" ;;
  '-q -passwd -masterkey=stdin '*)
    IFS= read -r given; IFS= read -r new
    read -r digest dash key < "$config"
    [ "$given" = "$key" ] || exit 12
    mv "$config" "$config.bak"
    echo "$(printf '%s\\n' "$new" | sha256sum) $key" > "$config" ;;
  *) exit 1 ;;
esac
"""


class Keeper:
    """A host with a real shell, and its operator's escrow."""

    def __init__(self, directory: Path) -> None:
        self.shell = Shell(directory)
        self.shell.stand_in("gocryptfs", GOCRYPTFS)
        self.shell.stand_in("gocryptfs-xray", XRAY)
        self.config = directory / "etc/backup.conf"
        self.password = directory / "etc/backup.password"
        self.escrow = Escrow(directory / "escrow")

    def look(self) -> Any:
        return ask(Paths, [str(self.config)], [str(self.password)], shell=self.shell)

    def plan(self) -> Run:
        names = (str(self.config), str(self.password), self.escrow.directory)
        return run(key, *names, facts={Paths: self.look()})

    def converge(self, stop_after: int = 99) -> Run:
        done = self.plan()
        for command in done.commands[:stop_after]:
            if isinstance(command, FunctionCommand):
                command.function(SimpleNamespace(), self, *command.args)
                continue
            result = perform(command, self.shell)
            assert result.returncode == 0, result.stderr
        return done

    def run_shell_command(self, command: StringCommand, **options: Any) -> Any:
        assert options == {"print_output": False, "print_input": False, "_sudo": True}
        return answer(perform(command, self.shell))

    def opens(self) -> str:
        """The master key that config and password give."""
        command = f"gocryptfs-xray -dumpmasterkey {self.config} < {self.password}"
        return perform(StringCommand(command), self.shell).stdout.strip()


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path)


def test_it_is_made_once_and_escrowed(keeper: Keeper) -> None:
    keeper.converge()
    assert keeper.opens() == keeper.escrow.master_key != ""
    assert keeper.escrow.config == keeper.config.read_bytes()
    assert {file.stat().st_mode & 0o077 for file in keeper.config.parent.iterdir()} == {0}
    before = keeper.shell.calls
    assert keeper.converge().noops == ["its key is there, and escrowed"]
    assert keeper.shell.calls == before


def test_the_password_is_in_no_command(keeper: Keeper) -> None:
    done = keeper.converge()
    password = keeper.password.read_text().strip()
    assert len(password) == 44
    assert password not in str(done.commands) + "".join(keeper.shell.calls) + str(done.said)


@pytest.mark.parametrize("lost", [("config",), ("password",), ("config", "password")])
def test_what_a_host_has_lost_it_has_again_by_the_escrowed_key(
    keeper: Keeper, lost: tuple[str, ...]
) -> None:
    keeper.converge()
    master_key = keeper.escrow.master_key
    for name in lost:
        getattr(keeper, name).unlink()
    done = keeper.converge()
    assert keeper.opens() == keeper.escrow.master_key == master_key
    assert keeper.escrow.config == keeper.config.read_bytes()
    assert {file.name for file in keeper.config.parent.iterdir()} == {
        "backup.conf",
        "backup.password",
    }
    assert master_key not in "".join(keeper.shell.calls) + str(done.said)
    assert keeper.plan().noops


def test_a_run_that_was_cut_off_before_escrow_is_finished(keeper: Keeper) -> None:
    keeper.converge(stop_after=1)
    assert not keeper.escrow.exists
    keeper.converge()
    keeper.password.unlink()
    keeper.converge(stop_after=1)
    assert keeper.escrow.config != keeper.config.read_bytes()
    keeper.converge()
    assert keeper.escrow.config == keeper.config.read_bytes()
    assert keeper.opens() == keeper.escrow.master_key


def test_a_new_password_that_was_cut_off_does_not_pass_for_the_old_ones(keeper: Keeper) -> None:
    """The cut is between the two files that the run puts in place."""
    keeper.converge()
    keeper.password.unlink()
    keeper.shell.stand_in("mv", f'[ "$2" != {keeper.config} ] && exec /bin/mv "$@"')
    renew, _ = keeper.plan().commands
    assert perform(renew, keeper.shell).returncode != 0
    assert keeper.password.exists()
    (keeper.shell.programs / "mv").unlink()
    keeper.converge()
    assert keeper.opens() == keeper.escrow.master_key


def test_another_operator_gets_it_into_their_escrow(keeper: Keeper) -> None:
    keeper.converge()
    before = keeper.config.read_bytes()
    keeper.escrow = Escrow(keeper.escrow.directory.with_name("of-another"))
    keeper.converge()
    assert keeper.config.read_bytes() == before == keeper.escrow.config


def test_a_key_that_is_another_one_is_refused(keeper: Keeper) -> None:
    keeper.converge()
    kept = keeper.config.read_bytes()
    keeper.escrow.store(b"0 - " + b"ab" * 32, "ab" * 32)
    with pytest.raises(RuntimeError, match="has another master key than"):
        keeper.converge()
    assert (keeper.escrow.config, keeper.escrow.master_key) == (b"0 - " + b"ab" * 32, "ab" * 32)
    keeper.password.unlink()
    assert "differs from the one in" in keeper.plan().failure
    assert keeper.config.read_bytes() == kept


@pytest.mark.parametrize("name", ["masterkey", "gocryptfs.conf"])
def test_half_an_escrow_is_refused_on_a_host_without_the_key(keeper: Keeper, name: str) -> None:
    keeper.converge()
    (keeper.escrow.directory / name).unlink()
    keeper.config.unlink()
    said = keeper.plan().failure
    assert f"has no {name}" in said and "put the escrowed file back there" in said


@pytest.mark.parametrize("name", ["masterkey", "gocryptfs.conf"])
def test_half_an_escrow_is_made_whole_by_a_host_that_has_the_key(keeper: Keeper, name: str) -> None:
    """A run that was cut off while it escrowed has left it, or somebody has lost the file."""
    keeper.converge()
    key = keeper.escrow.master_key
    (keeper.escrow.directory / name).unlink()
    assert len(keeper.converge().commands) == 1
    assert keeper.plan().noops
    assert (keeper.escrow.master_key, keeper.escrow.config) == (key, keeper.config.read_bytes())


def test_half_an_escrow_of_another_key_stays_as_it_is(keeper: Keeper) -> None:
    keeper.converge()
    (keeper.escrow.directory / "gocryptfs.conf").unlink()
    (keeper.escrow.directory / "masterkey").write_text("ab" * 32)
    with pytest.raises(RuntimeError, match="has another master key than"):
        keeper.converge()
    assert [file.name for file in keeper.escrow.directory.iterdir()] == ["masterkey"]


def test_a_second_run_at_the_same_time_replaces_nothing(keeper: Keeper) -> None:
    """Two operators make the first run: the second one's was planned before the first one's key."""
    planned = keeper.plan()
    keeper.converge()
    before = keeper.config.read_bytes(), keeper.password.read_bytes()
    done = perform(planned.commands[0], keeper.shell)
    assert done.returncode == 1 and "another run has just made" in done.stderr
    assert (keeper.config.read_bytes(), keeper.password.read_bytes()) == before


def test_two_runs_write_one_after_the_other(keeper: Keeper) -> None:
    planned = keeper.plan()
    keeper.shell.stand_in("flock", "exit 1")
    assert perform(planned.commands[0], keeper.shell).returncode == 1
    assert list(keeper.config.parent.iterdir()) == []


def test_a_lost_password_without_escrow_is_refused(keeper: Keeper) -> None:
    keeper.converge(stop_after=1)
    keeper.password.unlink()
    assert "is gone" in keeper.plan().failure
