"""The scripts that make and undo a change, in a real shell with a pretended systemd."""

import os
import time
from fcntl import LOCK_EX, flock
from pathlib import Path
from shlex import quote
from typing import Any

import pytest
from pyinfra.api import FunctionCommand, StringCommand

from engine import report, undo
from engine.report import script
from tests.unit.host_here import perform, sh
from tests.unit.operation_harness import Shell
from tests.unit.undo_harness import SERVICE, TEMPLATES, TIMER, arm, host, systemd, units


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return host(tmp_path, monkeypatch)


def test_what_waits_is_undone_with_its_owner_and_mode(shell: Shell, tmp_path: Path) -> None:
    old, new, link = tmp_path / "old file", tmp_path / "new", tmp_path / "link"
    old.write_text("as it was")
    old.chmod(0o440)
    link.symlink_to("nowhere")
    assert arm(shell, old, new, link) == 0
    assert Path(undo.directory("door")).is_dir()
    assert f"systemctl start {TIMER}" in shell.calls
    assert f"systemctl --no-reload -q enable {SERVICE}" in shell.calls

    old.unlink()
    old.write_text("changed")
    new.write_text("made")
    link.unlink()
    done = perform(script(undo.now("door")), shell)
    assert done.returncode == 0 and "in force" in done.stdout
    assert old.read_text() == "as it was" and old.stat().st_mode & 0o777 == 0o440
    assert not new.exists() and link.is_symlink()
    assert not Path(undo.directory("door")).exists()
    assert list((tmp_path / "undo").iterdir()) == []


def test_what_is_confirmed_stays(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert arm(shell, file) == 0
    file.write_text("made")
    assert perform(script(undo.confirm("door")), shell).returncode == 0
    assert file.read_text() == "made"
    assert not Path(undo.directory("door")).exists()
    assert list((tmp_path / "undo").iterdir()) == []


def test_without_its_timer_nothing_is_changed(shell: Shell, tmp_path: Path) -> None:
    systemd(shell, "*is-active*timer) exit 3 ;;")
    changed = tmp_path / "changed"
    assert arm(shell, changed, change=f"touch {changed}") != 0
    assert not changed.exists()
    assert list((tmp_path / "undo").iterdir()) == [], "and so nothing waits to be undone"


def test_what_was_undone_cannot_be_confirmed(shell: Shell, tmp_path: Path) -> None:
    arm(shell, tmp_path / "file")
    perform(script(undo.now("door")), shell)
    done = perform(script(undo.confirm("door")), shell)
    assert done.returncode != 0 and "undone before it was confirmed" in done.stderr


def test_what_is_just_being_undone_cannot_be_confirmed(shell: Shell, tmp_path: Path) -> None:
    arm(shell, tmp_path / "file")
    systemd(shell, "show*) echo activating; exit ;;")
    assert perform(script(undo.confirm("door")), shell).returncode != 0
    assert Path(undo.directory("door")).is_dir()


def test_what_cannot_be_put_back_is_kept_for_the_next_boot(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("as it was")
    arm(shell, file)
    (Path(undo.directory("door")) / "files.tar").write_text("garbage")
    assert perform(script(undo.now("door")), shell).returncode != 0
    assert Path(undo.directory("door")).is_dir()
    assert (tmp_path / "units/multi-user.target.wants" / SERVICE).exists()


def test_it_comes_back_at_a_boot_and_as_often_as_it_takes(shell: Shell, tmp_path: Path) -> None:
    arm(shell, tmp_path / "file")
    assert units(tmp_path) == TEMPLATES
    unit = (tmp_path / "units/coop-undo@.service").read_text()
    assert f"ConditionPathExists={tmp_path}/undo/%i/undo.sh\n" in unit
    assert f"ExecStart=/bin/sh {tmp_path}/undo/%i/undo.sh\n" in unit
    assert "WantedBy=multi-user.target" in unit and "Restart=on-failure" in unit
    # Before= would be a deadlock: the undo reloads sshd, and the reload would wait for the undo.
    assert "Before=" not in unit
    assert "OnActiveSec=60\n" in (tmp_path / "units/coop-undo@.timer").read_text()


def test_all_of_it_is_on_the_disk_before_anything_is_changed(shell: Shell, tmp_path: Path) -> None:
    """A reset empties files that were not synced, the unit that undoes the change included."""
    shell.stand_in("sync")
    arm(shell, tmp_path / "file", change="systemctl change")
    calls, waits = shell.calls, f"{tmp_path}/undo"
    written = calls.index(f"sync -f {waits}/.door.new {tmp_path}/units")
    renamed = calls.index(f"sync {waits}")
    changed = calls.index("systemctl change")
    assert calls.index(f"systemctl --no-reload -q enable {SERVICE}") < written < renamed < changed
    perform(script(undo.confirm("door")), shell)
    assert shell.calls[-1] == f"sync -f {waits} {tmp_path}/units"


def test_what_is_undone_is_on_the_disk_before_it_is_forgotten(shell: Shell, tmp_path: Path) -> None:
    place = undo.directory("door")
    shell.stand_in("sync", f"[ ! -d {place} ] || echo it is there >> {tmp_path}/synced")
    arm(shell, tmp_path / "file")
    (tmp_path / "synced").unlink()
    perform(script(undo.now("door")), shell)
    assert (tmp_path / "synced").read_text() == "it is there\n"


def test_a_change_that_was_not_kept_whole_does_not_wait(shell: Shell, tmp_path: Path) -> None:
    """At a boot the unit would undo the change with half of what the undo needs."""
    shell.stand_in("tar", "exit 2")
    assert arm(shell, tmp_path / "file") != 0
    assert not Path(undo.directory("door")).exists()
    (shell.programs / "tar").unlink()
    assert arm(shell, tmp_path / "file") == 0, "what is left of it is no obstacle"


BEGUN = {
    "nothing": "",
    "a list": "touch there",
    "no undo": "touch there absent files.tar",
    "half an undo": "touch there absent files.tar; printf 'set -e\\ntar -x -P' > undo.sh",
    "most of an undo": "printf 'touch {place}/../run\\nrm -rf {place}/files' > undo.sh",
    "an empty undo": "touch there absent files.tar undo.sh",
}


@pytest.mark.parametrize("left", BEGUN.values(), ids=BEGUN)
def test_what_a_cut_left_before_any_change_is_no_obstacle(
    shell: Shell, tmp_path: Path, left: str
) -> None:
    """Earlier versions made the directory first, and the disk may have been full after that."""
    place = Path(undo.directory("door"))
    place.mkdir(parents=True)
    assert sh(f"cd {place}; {left.format(place=place)}").returncode == 0
    assert perform(script(undo.now("door")), shell).returncode == 0
    assert list((tmp_path / "undo").iterdir()) == []
    assert arm(shell, tmp_path / "file") == 0


def test_a_disk_that_is_full_leaves_no_change_that_waits(shell: Shell, tmp_path: Path) -> None:
    """Whatever cannot be written any more, the next run begins anew."""
    for program in ("tar", "cat", "cp", "mkdir", "mv", "sync"):
        shell.stand_in(program, "echo No space left on device >&2; exit 1")
        changed = tmp_path / "changed"
        assert arm(shell, tmp_path / "file", change=f"touch {changed}") != 0, program
        assert not Path(undo.directory("door")).exists(), program
        assert not changed.exists(), program
        (shell.programs / program).unlink()
        assert arm(shell, tmp_path / "file") == 0, program
        assert perform(script(undo.confirm("door")), shell).returncode == 0, program
        sh(f"rm -r {tmp_path}/units/*")


def test_an_undo_that_fails_names_the_page_with_the_way_out(shell: Shell, tmp_path: Path) -> None:
    arm(shell, tmp_path / "file")
    (Path(undo.directory("door")) / "files.tar").write_text("garbage")
    done = perform(script(undo.now("door")), shell)
    assert "docs/locked-out.md" in done.stderr and "journalctl -u coop-undo@door" in done.stderr


def test_a_change_of_another_run_that_waits_is_not_thrown_away(
    shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("as it was")
    assert arm(shell, file) == 0
    file.write_text("theirs")
    assert arm(shell, file) != 0
    perform(script(undo.now("door")), shell)
    assert file.read_text() == "as it was"


def test_a_change_is_made_between_arming_and_proof(shell: Shell) -> None:
    change = [StringCommand("make", "it")]
    armed, made, proof, confirmed = undo.unless_proven(
        "door", change, lambda: None, files=["/file"], then=[], before=["first"]
    )
    lines = str(armed.connector_arguments["_stdin"]).splitlines()
    assert lines.index("first") < lines.index(f"  systemctl --no-reload -q enable {SERVICE}")
    assert made.get_raw_value().endswith("; }; make it")
    assert isinstance(proof, FunctionCommand)
    assert "undone before it was confirmed" in str(confirmed.connector_arguments["_stdin"])


def making(tmp_path: Path, *words: str) -> StringCommand:
    """A step of a change to this file, as a host gets it."""
    step = StringCommand(*words, _stdin=f"echo new > {tmp_path}/file\n")
    _, made, *_ = undo.unless_proven("door", [step], lambda: None, files=[], then=[])
    assert isinstance(made, StringCommand)
    return made


def test_what_is_undone_is_not_made_any_more(shell: Shell, tmp_path: Path) -> None:
    """A machine may be so slow that the time is up before the change has begun."""
    file = tmp_path / "file"
    file.write_text("old")
    arm(shell, file)
    assert perform(making(tmp_path, "sh", "-s"), shell).returncode == 0
    assert file.read_text() == "new\n"
    perform(script(undo.now("door")), shell)
    done = perform(making(tmp_path, "sh", "-s"), shell)
    assert done.returncode == 1 and "undone before it was made" in done.stderr
    assert file.read_text() == "old"


def beside(shell: Shell, command: StringCommand, meanwhile: str, first: str = ":") -> int:
    """Runs `first`, then the command with `meanwhile` beside it; returns the command's status."""
    made = quote(f"exec 8<&-; {command.get_raw_value()}")
    text = quote(str(command.connector_arguments["_stdin"]))
    both = f"{first}; printf '%s' {text} | sh -c {made} & {meanwhile}; wait $!"
    return sh(both, shell=shell).returncode


def test_a_step_that_is_at_work_ends_before_it_is_undone(shell: Shell, tmp_path: Path) -> None:
    file, begun = tmp_path / "file", tmp_path / "begun"
    file.write_text("old")
    arm(shell, file)
    slow = making(tmp_path, f"touch {begun}; sleep 1; sh -s")
    undone = f"sh {undo.directory('door')}/undo.sh"
    assert beside(shell, slow, f"until [ -e {begun} ]; do sleep 0.01; done; {undone}") == 0
    assert file.read_text() == "old"


def test_a_step_that_has_waited_for_the_undo_is_not_made(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    arm(shell, file)
    place = undo.directory("door")
    # By then the step has opened the directory that is about to go.
    undone = f"sleep 1; rm -r {place}; exec 8<&-"
    locked = f"exec 8< {place}; flock 8"
    assert beside(shell, making(tmp_path, "sh", "-s"), undone, first=locked) == 1
    assert file.read_text() == "old"


def test_a_step_that_hangs_does_not_keep_the_operators_out(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "CHANGE_SECONDS", 1)
    file = tmp_path / "file"
    file.write_text("old")
    arm(shell, file)
    descriptor = os.open(undo.directory("door"), os.O_RDONLY)
    flock(descriptor, LOCK_EX)
    file.write_text("new")
    start = time.monotonic()
    perform(script(undo.now("door")), shell)
    assert time.monotonic() - start < 10
    os.close(descriptor)
    assert file.read_text() == "old"


def test_whatever_goes_wrong_with_the_proof_it_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(undo, "ATTEMPTS_SECONDS", 0)
    monkeypatch.setattr(report, "reasons", {})

    said: list[str] = []

    class Host:
        name = "storage1"

        def log_styled(self, text: str, **_: Any) -> None:
            said.append(text)

    _, proof, _ = undo.unless_proven("door", [], fails, files=[], then=[])
    assert isinstance(proof, FunctionCommand)
    assert proof.function(None, Host(), *proof.args) is False
    assert said == ["not proven, so the change undoes itself within 60 s: refused"]
    assert report.reasons["storage1", True] == said[0]
    assert proof.function(None, Host(), lambda: None) is True


def test_a_proof_is_tried_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    attempts = iter([ConnectionError("refused"), ConnectionError("refused"), None])

    def prove() -> None:
        if error := next(attempts):
            raise error

    _, proof, _ = undo.unless_proven("door", [], prove, files=[], then=[])
    assert isinstance(proof, FunctionCommand)
    assert proof.function(None, None, prove) is True
