"""A host with a volume on this machine: real files, a real shell, and stand-ins of programs.

The stand-ins behave as gocryptfs 2.3 was seen to behave. -init takes only an empty directory and
makes a config that the password opens. -passwd reads the old and the new password from stdin, and
writes no config while there is a config that an earlier -passwd, cut off, has half written. With
-config the config lies anywhere, and gocryptfs does not look at the directory.
gocryptfs-xray prints the master key to everybody who has the password.
"""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pyinfra.api import FunctionCommand, StringCommand

from facts.gocryptfs import Places, Volume, VolumeState
from operations.escrow import Escrow
from operations.gocryptfs import volume
from tests.unit.host_here import Done, answer, ask, perform, sh
from tests.unit.operation_harness import Run, Shell, run

GOCRYPTFS = """\
for last; do :; done
case "$1 $2" in
  '-init -q')
    [ "$3" = -passfile ] || exit 1
    [ -z "$(ls -A "$last")" ] || { echo not empty >&2; exit 6; }
    echo diriv > "$last/gocryptfs.diriv"
    echo "$(sha256sum < "$4") $(od -An -N32 -tx1 /dev/urandom | tr -d ' \\n')" > "$last/conf"
    chmod 0400 "$last/conf"
    mv "$last/conf" "$last/gocryptfs.conf" ;;
  '-q -passwd')
    IFS= read -r old; IFS= read -r new
    [ "$3 $5" = '-config /' ] || exit 1
    read -r digest dash key < "$4"
    [ "$(printf '%s\\n' "$old" | sha256sum)" = "$digest  -" ] || { echo wrong >&2; exit 12; }
    [ ! -e "$4.tmp" ] || { echo file exists >&2; exit 24; }
    echo "$(printf '%s\\n' "$new" | sha256sum) $key" > "$4.made"
    chmod 0400 "$4.made"
    mv -f "$4.made" "$4" ;;
  *) exit 1 ;;
esac
"""
XRAY = """\
[ "$1" = -dumpmasterkey ] || exit 1
IFS= read -r password
read -r digest dash key < "$2" || exit 1
[ "$(printf '%s\\n' "$password" | sha256sum)" = "$digest  -" ] || { echo wrong >&2; exit 8; }
echo "$key"
"""


def digest(password: str) -> str:
    return hashlib.sha256(f"{password}\n".encode()).hexdigest()


class Machine:
    """The host, and what the operator keeps of it in escrow."""

    def __init__(self, directory: Path) -> None:
        self.shell = Shell(directory)
        self.shell.stand_in("gocryptfs", GOCRYPTFS)
        self.shell.stand_in("gocryptfs-xray", XRAY)
        self.shell.stand_in("findmnt", f"[ -e {directory}/mounted ]")
        (directory / "mounted").touch()
        self.mounted = directory / "mounted"
        self.ciphertext = directory / "cipher text"
        self.ciphertext.mkdir()
        self.on_storage = self.ciphertext / "gocryptfs.conf"
        self.config = directory / "etc" / "gocryptfs.conf"
        self.password_file = directory / "etc" / "gocryptfs.password"
        self.escrow = Escrow(directory / "escrow" / "host")

    @property
    def places(self) -> Places:
        return Places(str(self.ciphertext), str(self.config), str(self.password_file))

    @property
    def state(self) -> VolumeState:
        found = ask(Volume, *vars(self.places).values(), shell=self.shell)
        assert isinstance(found, VolumeState)
        return found

    @property
    def escrowed(self) -> dict[str, bytes]:
        directory = self.escrow.directory
        return (
            {it.name: it.read_bytes() for it in directory.iterdir()} if directory.exists() else {}
        )

    @property
    def escrowed_key(self) -> str:
        return (self.escrow.directory / "masterkey").read_text().rstrip("\n")

    def opens(self, password: str) -> str:
        """The master key that the password gives, or "" if it does not open the host's config."""
        command = f"gocryptfs-xray -dumpmasterkey '{self.config}'"
        return sh(command, password, self.shell).stdout.rstrip("\n")

    def converge(self, password: str, rotate: bool = False) -> list[Done]:
        """Runs the operation, as pyinfra does up to the first command that fails."""
        done: list[Done] = []
        for command in decide(self.state, password, self, rotate=rotate).commands:
            done.append(self.perform(command))
            if done[-1].returncode:
                break
        return done

    def perform(self, command: StringCommand | FunctionCommand) -> Done:
        if isinstance(command, StringCommand):
            return perform(command, self.shell)
        command.execute(SimpleNamespace(), self, {})
        return Done([], 0, "", "")

    def run_shell_command(self, command: StringCommand, **options: Any) -> Any:
        """Stands in for pyinfra's host, for a command that is a Python function."""
        assert options == {"print_output": False, "print_input": False, "_sudo": True}
        return answer(perform(command, self.shell))


def decide(
    now: VolumeState, password: str, machine: Machine, executing: bool = True, rotate: bool = False
) -> Run:
    """What the operation says and yields on that state; it only prepares if not executing."""
    return run(
        volume,
        *(machine.places, password, machine.escrow.directory, rotate),
        facts={Volume: now},
        executing=executing,
        diff=True,
    )
