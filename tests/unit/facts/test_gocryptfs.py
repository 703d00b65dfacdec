import os
from pathlib import Path

import pytest

from engine.fact import END, STORAGE_SECONDS
from facts.gocryptfs import CONFIG_BYTES, KIBIBYTES, Volume, VolumeState
from tests.unit.gocryptfs_harness import Machine, digest
from tests.unit.host_here import sh

CONFIG = b'{\n\t"Creator": "gocryptfs 2.3",\n\t"EncryptedKey": "iG4V+/=="\n}\n'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def fill(machine: Machine, *names: str) -> None:
    for name in names:
        (machine.ciphertext / name).write_text("")


def test_an_empty_mount_is_no_volume(machine: Machine) -> None:
    assert machine.state == VolumeState(mounted=True)


def test_a_volume_with_its_config_byte_for_byte(machine: Machine) -> None:
    fill(machine, "gocryptfs.diriv", "aGVsbG8gd29ybGQ", "gocryptfs.longname.x", ".hidden")
    machine.on_storage.write_bytes(CONFIG)
    assert machine.state == VolumeState(mounted=True, config=CONFIG, diriv=True, entries=3)


def test_an_empty_config_is_a_config(machine: Machine) -> None:
    fill(machine, "gocryptfs.conf")
    assert machine.state == VolumeState(mounted=True, config=b"")


def test_no_more_is_read_of_a_config_than_a_config_may_have(machine: Machine) -> None:
    """A server in the wrong hands answers for ever: a sparse file takes it no room."""
    with machine.on_storage.open("wb") as file:
        file.truncate(2**40)
    assert machine.state == VolumeState(mounted=True, config=bytes(CONFIG_BYTES + 1))


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_what_stands_in_the_place_of_a_config_is_not_read(machine: Machine, kind: str) -> None:
    """A link would bring any file of the host to the operator, and a FIFO would never answer."""
    if kind == "link":
        secret = machine.ciphertext.with_name("secret")
        secret.write_text("secret")
        machine.on_storage.symlink_to(secret)
    elif kind == "fifo":
        os.mkfifo(machine.on_storage)
    else:
        machine.on_storage.mkdir()
    assert machine.state == VolumeState(mounted=True, config=b"")


def test_names_without_end_are_not_kept_in_memory(machine: Machine) -> None:
    machine.shell.stand_in("ls", "exec yes")
    command = Volume().command(**vars(machine.places))
    assert command.count(f"ulimit -v {KIBIBYTES}\n") == 1
    done = sh(command.replace(f"ulimit -v {KIBIBYTES}\n", "ulimit -v 40000\n"), shell=machine.shell)
    assert done.stdout == f"{END}\n"


def test_the_hosts_own_config_is_known_without_the_storage(machine: Machine) -> None:
    machine.mounted.unlink()
    machine.config.parent.mkdir()
    machine.config.write_bytes(CONFIG)
    assert machine.state == VolumeState(own=CONFIG)
    machine.config.write_bytes(b"")
    assert machine.state == VolumeState(own=b"")


def test_what_a_cut_off_initialisation_leaves_is_no_entry(machine: Machine) -> None:
    (machine.ciphertext / ".init-new").mkdir()
    assert machine.state == VolumeState(mounted=True)
    fill(machine, "gocryptfs.diriv")
    assert machine.state == VolumeState(mounted=True, diriv=True)


@pytest.mark.parametrize(
    "name",
    ["xinit-new", ".init", "a.init-", "gocryptfs.confx", "gocryptfs_conf", "gocryptfs.conf.new"],
)
def test_names_that_look_alike_are_entries(machine: Machine, name: str) -> None:
    fill(machine, name)
    assert machine.state == VolumeState(mounted=True, entries=1)


def test_the_password_is_known_by_its_digest_alone(machine: Machine) -> None:
    machine.password_file.parent.mkdir()
    machine.password_file.write_text("correct horse battery staple\n")
    assert machine.state.password_digest == digest("correct horse battery staple")


def test_an_unmounted_directory_is_not_looked_into(machine: Machine) -> None:
    fill(machine, "gocryptfs.conf", "aGVsbG8")
    machine.mounted.unlink()
    assert machine.state == VolumeState()


@pytest.mark.parametrize("broken", ["findmnt", "ls", "base64", "timeout"])
def test_what_cannot_be_read_counts_as_not_mounted(machine: Machine, broken: str) -> None:
    """A run that took it for empty would initialise a volume over it."""
    fill(machine, "aGVsbG8", "gocryptfs.conf", "gocryptfs.diriv")
    machine.shell.stand_in(broken, "echo partly; exit 5")
    assert not machine.state.mounted


def test_storage_that_does_not_answer_is_given_up(machine: Machine) -> None:
    machine.shell.stand_in("timeout", 'shift 3; PATH=${PATH#*:} exec timeout -s KILL 0.2 "$@"')
    machine.shell.stand_in("ls", "exec sleep 20")
    assert not machine.state.mounted
    assert machine.shell.calls[0].startswith(f"timeout -s KILL {STORAGE_SECONDS} sh -c")


def test_without_an_answer_nothing_is_mounted() -> None:
    assert Volume.default() == VolumeState(mounted=False)
