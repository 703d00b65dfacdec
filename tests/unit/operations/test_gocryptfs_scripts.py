"""The operation's commands, performed; and what each of them leaves when it is cut off."""

from pathlib import Path

import pytest
from pyinfra.api import StringCommand

from engine import report
from facts import systemd
from facts.gocryptfs import VolumeState
from tests.unit.gocryptfs_harness import GOCRYPTFS, XRAY, Machine, decide, digest
from tests.unit.host_here import sh

PASSWORD = "correct horse battery staple"
NEW = "another horse entirely, $(no) `shell` \\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def volume(machine: Machine) -> Machine:
    """A volume with a file in it, made and escrowed."""
    assert [done.returncode for done in machine.converge(PASSWORD)] == [0, 0, 0]
    (machine.ciphertext / "aGVsbG8gd29ybGQ").write_text("data")
    machine.shell.log.write_text("")
    return machine


def settled(machine: Machine, password: str) -> bool:
    """The password opens the volume, all of it is escrowed, and the next run does nothing."""
    key = machine.opens(password)
    assert machine.escrow.config == machine.config.read_bytes()
    assert len(key) == 64
    assert machine.escrowed_key == key
    return decide(machine.state, password, machine).commands == []


def test_an_empty_mount_is_settled_by_one_run(machine: Machine) -> None:
    assert [done.returncode for done in machine.converge(NEW)] == [0, 0, 0]
    assert settled(machine, NEW)
    names = {path.name for path in machine.ciphertext.iterdir()}
    assert names == {"gocryptfs.conf", "gocryptfs.diriv"}
    assert machine.password_file.read_text() == f"{NEW}\n"
    assert machine.password_file.stat().st_mode & 0o777 == 0o600
    # The directory is not the password's alone.
    assert machine.password_file.parent.stat().st_mode & 0o777 == 0o755


def test_neither_password_nor_master_key_is_in_any_argument_or_output(machine: Machine) -> None:
    done = machine.converge(NEW) + machine.converge(PASSWORD, rotate=True)
    shown = [*machine.shell.calls, *(text for it in done for text in (it.stdout, it.stderr))]
    assert len(shown) > 10
    for text in shown:
        assert not any(secret in text for secret in (NEW, PASSWORD, machine.escrowed_key))


def test_a_new_password_is_noted_so_that_it_comes_in_force_whatever_the_clock_says(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "CHANGES", str(tmp_path / "notes"))
    machine.converge(PASSWORD)
    assert (tmp_path / "notes").read_text() == f"written {machine.password_file}\n"


def cut(command: StringCommand, lines: int) -> StringCommand:
    """The command's script up to that many of its lines."""
    kept = str(command.connector_arguments["_stdin"]).splitlines()[2:-1][:lines]
    return report.script(*kept)


@pytest.mark.parametrize("line", range(7))
def test_an_initialisation_that_was_cut_off_is_begun_again(machine: Machine, line: int) -> None:
    first, making, _ = decide(machine.state, PASSWORD, machine).commands
    assert machine.perform(first).returncode == 0
    assert machine.perform(cut(making, line)).returncode == 0
    if line < 6:
        assert machine.state.config is None
        assert machine.state.entries == 0
    assert {done.returncode for done in machine.converge(PASSWORD)} == {0}
    assert settled(machine, PASSWORD)


def test_one_that_gocryptfs_left_half_done_is_begun_again(machine: Machine) -> None:
    machine.shell.stand_in(
        "gocryptfs", 'for last; do :; done; echo x > "$last/gocryptfs.conf"; kill $$'
    )
    assert machine.converge(PASSWORD)[-1].returncode != 0
    assert machine.state == VolumeState(True, password_digest=digest(PASSWORD))
    machine.shell.stand_in("gocryptfs", GOCRYPTFS)
    machine.converge(PASSWORD)
    assert settled(machine, PASSWORD)


def test_between_initialisation_and_escrow_nothing_is_lost(machine: Machine) -> None:
    for command in decide(machine.state, PASSWORD, machine).commands[:2]:
        machine.perform(command)
    key = machine.opens(PASSWORD)
    assert machine.escrowed == {}
    machine.converge(PASSWORD)
    assert settled(machine, PASSWORD)
    assert machine.escrowed_key == key


@pytest.mark.parametrize("surprise", ["unmounted", "config", "entry", "unreadable"])
def test_a_volume_that_appears_after_the_look_is_not_initialised(
    machine: Machine, surprise: str
) -> None:
    password, making, _ = decide(machine.state, PASSWORD, machine).commands
    machine.perform(password)
    if surprise == "unmounted":
        machine.mounted.unlink()
    elif surprise == "unreadable":
        machine.shell.stand_in("ls", "exit 2")
    else:
        name = {"config": "gocryptfs.conf", "entry": "aGVsbG8"}[surprise]
        (machine.ciphertext / name).write_text("precious")
    before = {path.name: path.read_text() for path in machine.ciphertext.iterdir()}
    done = machine.perform(making)
    assert done.returncode == 1
    assert "nothing was initialised" in done.stderr
    assert {path.name: path.read_text() for path in machine.ciphertext.iterdir()} == before


def test_a_wrong_password_never_replaces_the_one_that_works(volume: Machine) -> None:
    config = volume.config.read_bytes()
    (done,) = volume.converge(NEW)
    assert done.returncode == 12
    assert "does not open" in done.stderr
    assert volume.password_file.read_text() == f"{PASSWORD}\n"
    assert [path.name for path in volume.password_file.parent.iterdir()] == ["gocryptfs.password"]
    assert volume.config.read_bytes() == config
    assert settled(volume, PASSWORD)


def test_a_password_that_the_host_lost_is_put_back(volume: Machine) -> None:
    volume.password_file.unlink()
    assert [done.returncode for done in volume.converge(PASSWORD)] == [0]
    assert settled(volume, PASSWORD)


def test_a_config_that_is_gone_comes_back_with_the_same_key(volume: Machine) -> None:
    key = volume.opens(PASSWORD)
    volume.config.unlink()
    (volume.ciphertext / "gocryptfs.conf.new").write_text("cut off")
    assert [done.returncode for done in volume.converge(PASSWORD)] == [0]
    assert settled(volume, PASSWORD)
    assert volume.opens(PASSWORD) == key
    assert volume.config.stat().st_mode & 0o777 == 0o400


def test_an_older_escrow_never_brings_a_retired_password_back(volume: Machine) -> None:
    older = volume.escrow.config
    volume.converge(NEW, rotate=True)
    assert older
    volume.escrow.store(older, volume.escrowed_key)
    volume.config.unlink()
    done = volume.converge(NEW)
    assert [it.returncode for it in done] == [12]
    assert "older than the last rotation" in done[0].stderr
    assert not any(text in done[0].stderr for text in (NEW, PASSWORD))
    assert [path.name for path in volume.ciphertext.glob("gocryptfs.conf*")] == []


def test_a_rotation_keeps_the_key_and_the_older_escrow(volume: Machine) -> None:
    key, config = volume.opens(PASSWORD), volume.config.read_bytes()
    assert [done.returncode for done in volume.converge(NEW, rotate=True)] == [0, 0]
    assert settled(volume, NEW)
    assert (volume.opens(NEW), volume.opens(PASSWORD)) == (key, "")
    assert config in volume.escrowed.values()


@pytest.mark.parametrize("lines", range(5, 9))
def test_a_rotation_that_was_cut_off_is_finished(volume: Machine, lines: int) -> None:
    change, _ = decide(volume.state, NEW, volume, rotate=True).commands
    volume.perform(cut(change, lines))
    assert {done.returncode for done in volume.converge(NEW, rotate=True)} == {0}
    assert settled(volume, NEW)


def test_a_rotation_that_was_cut_off_inside_gocryptfs_is_finished(volume: Machine) -> None:
    volume.config.with_name("gocryptfs.conf.tmp").write_text("half a co")
    assert [done.returncode for done in volume.converge(NEW, rotate=True)] == [0, 0]
    assert settled(volume, NEW)


def test_a_rotation_from_a_password_that_is_not_the_volumes_is_refused(volume: Machine) -> None:
    volume.password_file.write_text("something else\n")
    (done,) = volume.converge(NEW, rotate=True)
    assert done.returncode == 12
    assert volume.password_file.read_text() == "something else\n"
    assert len(volume.opens(PASSWORD)) == 64


@pytest.mark.parametrize("program", ["base64", "gocryptfs-xray"])
def test_what_cannot_be_read_is_not_escrowed(machine: Machine, program: str) -> None:
    *_, escrow = decide(machine.state, PASSWORD, machine).commands
    for command in decide(machine.state, PASSWORD, machine).commands[:2]:
        machine.perform(command)
    machine.shell.stand_in(program, f"printf {'0f' * 32}; exit 1")
    with pytest.raises(RuntimeError, match="could not be read for escrow"):
        machine.perform(escrow)
    assert machine.escrowed == {}


HOSTILE = """\
for name in .init-new gocryptfs.conf.new; do
  rm -rf "{root}/$name"; ln -s {target} "{root}/$name"
done
"""


def hostile(machine: Machine, program: str, target: Path) -> None:
    """Before the program works, the storage server answers names in the volume with links."""
    real = {"gocryptfs": GOCRYPTFS, "gocryptfs-xray": XRAY}
    body = real.get(program, f'exec {sh(f"command -v {program}").stdout.strip()} "$@"')
    machine.shell.stand_in(
        program, f"{HOSTILE.format(root=machine.ciphertext, target=target)}{body}"
    )


@pytest.mark.parametrize("program", ["base64", "gocryptfs-xray", "dd", "chmod", "mv", "sync"])
def test_a_link_of_the_servers_turns_no_file_of_the_host_into_a_config(
    volume: Machine, tmp_path: Path, program: str
) -> None:
    passwd = tmp_path / "passwd"
    passwd.write_text("root:x:0:0\n")
    volume.config.unlink()
    hostile(volume, program, passwd)
    volume.converge(PASSWORD)
    assert passwd.read_text() == "root:x:0:0\n"
    assert passwd.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("program", ["gocryptfs", "dd", "mv", "sync"])
def test_a_link_of_the_servers_leads_no_new_volume_onto_the_host(
    machine: Machine, tmp_path: Path, program: str
) -> None:
    (tmp_path / "local").mkdir()
    hostile(machine, program, tmp_path / "local")
    machine.converge(PASSWORD)
    assert list((tmp_path / "local").iterdir()) == []


def test_what_is_moved_in_is_closed_as_gocryptfs_makes_it(volume: Machine) -> None:
    modes = {it.name: it.stat().st_mode & 0o777 for it in volume.ciphertext.glob("gocryptfs.*")}
    assert modes == {"gocryptfs.conf": 0o400, "gocryptfs.diriv": 0o440}
