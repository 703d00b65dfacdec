"""A host with a pretended systemd, whose changes undo themselves."""

from pathlib import Path

import pytest

from engine import undo
from engine.report import script
from tests.unit.host_here import perform
from tests.unit.operation_harness import Shell

TIMER, SERVICE = "coop-undo@door.timer", "coop-undo@door.service"
TEMPLATES = {"coop-undo@.service", "coop-undo@.timer"}

SYSTEMD = """\
case "$*" in
"show -P ActiveState -P NeedDaemonReload"*) printf 'inactive\\nno\\n\\ninactive\\nno\\n' ;;
show*) echo inactive ;;
"--no-reload -q enable {service}")
  mkdir -p {units}/multi-user.target.wants
  ln -s -f {units}/coop-undo@.service {units}/multi-user.target.wants/{service} ;;
"start {service}") [ ! -d {place} ] || sh {place}/undo.sh ;;
esac
"""


def host(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A host whose folders of systemd, and of changes that wait, are the test's own."""
    monkeypatch.setattr(undo, "KEPT", str(directory / "undo"))
    monkeypatch.setattr(undo, "UNITS", str(directory / "units"))
    (directory / "units").mkdir()
    shell = Shell(directory)
    systemd(shell)
    return shell


def systemd(shell: Shell, instead: str = "") -> None:
    """Puts the pretended systemd in place; instead: a case that goes before all others."""
    body = SYSTEMD.format(units=undo.UNITS, service=SERVICE, place=undo.directory("door"))
    shell.stand_in("systemctl", f'case "$*" in {instead} esac\n{body}' if instead else body)


def units(tmp_path: Path) -> set[str]:
    return {it.name for it in (tmp_path / "units").iterdir() if it.is_file()}


def arm(shell: Shell, *files: Path, change: str = "") -> int:
    text = undo.arm("door", [str(file) for file in files], ["echo in force"])
    return perform(script(text, change), shell).returncode
