"""The operation's commands, performed; and what each of them leaves when it is cut off."""

from pathlib import Path

import pytest
from pyinfra.api import StringCommand

from engine import report
from facts.gocryptfs import VolumeState
from tests.unit.gocryptfs_harness import GOCRYPTFS, XRAY, Machine, decide, digest

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
    assert machine.escrow.config == machine.config.read_bytes() == machine.on_storage.read_bytes()
    assert machine.on_storage.stat().st_mode & 0o777 == 0o400
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
    assert machine.config.stat().st_mode & 0o777 == 0o400
    here = {path.name for path in machine.config.parent.iterdir()}
    assert here == {"gocryptfs.conf", "gocryptfs.password"}
    # Accounts of other roles read their own files there.
    assert machine.config.parent.stat().st_mode & 0o777 == 0o755


def test_neither_password_nor_master_key_is_in_any_argument_or_output(machine: Machine) -> None:
    done = machine.converge(NEW) + machine.converge(PASSWORD, rotate=True)
    shown = [*machine.shell.calls, *(text for it in done for text in (it.stdout, it.stderr))]
    assert len(shown) > 10
    for text in shown:
        assert not any(secret in text for secret in (NEW, PASSWORD, machine.escrowed_key))


def cut(command: StringCommand, lines: int) -> StringCommand:
    """The command's script up to that many of its lines."""
    kept = str(command.connector_arguments["_stdin"]).splitlines()[2:-1][:lines]
    return report.script(*kept)


@pytest.mark.parametrize("line", range(17))
def test_an_initialisation_that_was_cut_off_is_finished(machine: Machine, line: int) -> None:
    first, making, _ = decide(machine.state, PASSWORD, machine).commands
    assert machine.perform(first).returncode == 0
    assert machine.perform(cut(making, line)).returncode == 0
    now = machine.state
    assert now.entries == 0
    # What encrypts on the host is complete on the storage, but for the config there.
    assert now.diriv or now.own is None
    assert now.config in (None, now.own)
    assert (now.config is None) == (line < 16)
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


@pytest.mark.parametrize("surprise", ["unmounted", "config", "own", "entry", "unreadable"])
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
        file = {
            "config": machine.on_storage,
            "own": machine.config,
            "entry": machine.ciphertext / "aGVsbG8",
        }[surprise]
        file.write_text("precious")
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
    here = {path.name for path in volume.password_file.parent.iterdir()}
    assert here == {"gocryptfs.conf", "gocryptfs.password"}
    assert volume.config.read_bytes() == config
    assert settled(volume, PASSWORD)


def test_a_password_that_the_host_lost_is_put_back(volume: Machine) -> None:
    volume.password_file.unlink()
    assert [done.returncode for done in volume.converge(PASSWORD)] == [0]
    assert settled(volume, PASSWORD)


@pytest.mark.parametrize("lost", ["storage", "host", "both"])
def test_a_config_that_is_gone_comes_back_with_the_same_key(volume: Machine, lost: str) -> None:
    key = volume.opens(PASSWORD)
    if lost != "host":
        volume.on_storage.unlink()
    if lost != "storage":
        volume.config.unlink()
        volume.config.with_name("gocryptfs.conf.new").write_text("cut off")
    assert {done.returncode for done in volume.converge(PASSWORD)} == {0}
    assert settled(volume, PASSWORD)
    assert volume.opens(PASSWORD) == key


def test_a_machine_made_anew_opens_its_volume(volume: Machine) -> None:
    key = volume.opens(PASSWORD)
    for file in volume.config.parent.iterdir():
        file.unlink()
    volume.config.parent.rmdir()
    assert {done.returncode for done in volume.converge(PASSWORD)} == {0}
    assert settled(volume, PASSWORD)
    assert volume.opens(PASSWORD) == key


def test_what_the_storage_has_as_config_is_never_opened(volume: Machine) -> None:
    """With the password it could ask for all of the memory, or lead to another key."""
    right = volume.config.read_bytes()
    volume.shell.stand_in("gocryptfs-xray", f"case $* in *cipher*) exit 9 ;; esac\n{XRAY}")
    for hostile in (b"hostile", b"", bytes(2**17)):
        volume.on_storage.unlink()
        volume.on_storage.write_bytes(hostile)
        assert {done.returncode for done in volume.converge(PASSWORD)} == {0}
        assert settled(volume, PASSWORD)
    assert volume.config.read_bytes() == right
    assert not [call for call in volume.shell.calls if "gocryptfs" in call and "cipher" in call]


@pytest.mark.parametrize("name", ["gocryptfs.conf", ".init-gocryptfs.conf"])
@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_on_the_storage_leads_no_write_elsewhere(
    volume: Machine, tmp_path: Path, name: str, dangling: bool
) -> None:
    victim = tmp_path / "victim"
    if not dangling:
        victim.write_text("the host's own")
        victim.chmod(0o644)
    volume.on_storage.unlink()
    (volume.ciphertext / name).symlink_to(victim)
    (command,) = decide(volume.state, PASSWORD, volume).commands
    assert volume.perform(command).returncode == 0
    assert not volume.on_storage.is_symlink() and settled(volume, PASSWORD)
    if dangling:
        assert not victim.exists()
    else:
        assert victim.read_text() == "the host's own" and victim.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_that_comes_between_two_steps_leads_no_write_elsewhere(
    volume: Machine, tmp_path: Path, dangling: bool
) -> None:
    victim = tmp_path / "victim"
    if not dangling:
        victim.write_text("the host's own")
    volume.on_storage.unlink()
    link = volume.ciphertext / ".init-gocryptfs.conf"
    volume.shell.stand_in("rm", f'/bin/rm "$@"; ln -s {victim} "{link}"')
    (command,) = decide(volume.state, PASSWORD, volume).commands
    assert volume.perform(command).returncode != 0
    assert (victim.read_text() if victim.exists() else None) == (
        None if dangling else "the host's own"
    )


def test_a_directory_in_the_place_of_the_config_stays_and_is_told(volume: Machine) -> None:
    volume.on_storage.unlink()
    volume.on_storage.mkdir()
    (done,) = volume.converge(PASSWORD)
    assert done.returncode != 0 and "directory" in done.stderr
    assert volume.on_storage.is_dir()


def test_two_runs_write_one_after_the_other(machine: Machine) -> None:
    """Both write to names that are always the same."""
    commands = decide(machine.state, PASSWORD, machine).commands[:2]
    machine.shell.stand_in("flock", "exit 1")
    assert [machine.perform(command).returncode for command in commands] == [1, 1]
    assert list(machine.config.parent.iterdir()) == list(machine.ciphertext.iterdir()) == []


def test_an_older_escrow_never_brings_a_retired_password_back(volume: Machine) -> None:
    older = volume.escrow.config
    volume.converge(NEW, rotate=True)
    assert older
    volume.escrow.store(older, volume.escrowed_key)
    volume.config.unlink()
    volume.on_storage.unlink()
    done = volume.converge(NEW)
    assert [it.returncode for it in done] == [12]
    assert "older than the last rotation" in done[0].stderr
    assert not any(text in done[0].stderr for text in (NEW, PASSWORD))
    assert not volume.on_storage.exists()
    assert [path.name for path in volume.config.parent.iterdir()] == ["gocryptfs.password"]


def test_a_rotation_keeps_the_key_and_the_older_escrow(volume: Machine) -> None:
    key, config = volume.opens(PASSWORD), volume.config.read_bytes()
    assert [done.returncode for done in volume.converge(NEW, rotate=True)] == [0, 0, 0]
    assert settled(volume, NEW)
    assert (volume.opens(NEW), volume.opens(PASSWORD)) == (key, "")
    assert config in volume.escrowed.values()


def test_a_rotation_gives_a_host_without_a_config_the_escrowed_one_first(volume: Machine) -> None:
    """Such as a host whose last run is of a time when hosts had no config of their own."""
    key = volume.opens(PASSWORD)
    volume.config.unlink()
    assert {done.returncode for done in volume.converge(NEW, rotate=True)} == {0}
    assert settled(volume, NEW)
    assert volume.opens(NEW) == key


@pytest.mark.parametrize("command", [0, 1, 2])
@pytest.mark.parametrize("lines", range(9))
def test_a_rotation_that_was_cut_off_is_finished(volume: Machine, command: int, lines: int) -> None:
    commands = decide(volume.state, NEW, volume, rotate=True).commands
    for done in commands[:command]:
        assert volume.perform(done).returncode == 0
    if command < 2:
        volume.perform(cut(commands[command], lines))
    assert {done.returncode for done in volume.converge(NEW, rotate=True)} == {0}
    assert settled(volume, NEW)


def test_a_rotation_that_was_cut_off_inside_gocryptfs_is_finished(volume: Machine) -> None:
    volume.config.with_name("gocryptfs.conf.tmp").write_text("half a co")
    assert [done.returncode for done in volume.converge(NEW, rotate=True)] == [0, 0, 0]
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
