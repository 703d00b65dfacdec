"""What the operation decides for each state of a volume that it may find."""

import shlex
from pathlib import Path

import pytest

from facts.gocryptfs import Volume, VolumeState
from operations import files
from operations.gocryptfs import none, plain
from tests.unit.gocryptfs_harness import Machine, decide, digest
from tests.unit.operation_harness import Run, run

PASSWORD = "correct horse battery staple"
CONFIG, OTHER, KEY = b"config", b"another config", "0f" * 32
SET = digest(PASSWORD)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def escrow(machine: Machine, config: bytes = CONFIG) -> None:
    machine.escrow.store(config, KEY)


def says(run: Run, machine: Machine) -> list[str]:
    here = f"{machine.ciphertext}"
    return [text.replace(here, "DIR") for text in run.said]


def refuses(run: Run) -> str:
    assert len(run.commands) == 1
    assert run.said == []
    return run.failure


def test_an_escrowed_volume_with_its_password_is_one_question(machine: Machine) -> None:
    escrow(machine)
    done = decide(VolumeState(True, CONFIG, True, 5, SET), PASSWORD, machine)
    assert (done.commands, done.said) == ([], [])
    assert done.noops == [f"{machine.ciphertext} is an encrypted volume, and escrowed"]
    paths = {"ciphertext": str(machine.ciphertext), "password_file": str(machine.password_file)}
    assert done.asked == [paths]


@pytest.mark.parametrize("kept", [True, False])
def test_nothing_is_done_where_nothing_is_mounted(machine: Machine, kept: bool) -> None:
    if kept:
        escrow(machine)
    done = decide(VolumeState(False, None, False, 0, SET), PASSWORD, machine)
    assert "is not mounted or does not answer" in refuses(done)


def test_a_dry_run_before_the_first_mount_does_not_complain(machine: Machine) -> None:
    done = decide(VolumeState(), PASSWORD, machine, executing=False)
    assert done.warned == []
    assert [command.get_raw_value() for command in done.commands] == ["true"]
    assert "not mounted now" in done.said[0]


def test_an_empty_mount_becomes_a_volume_and_is_escrowed(machine: Machine) -> None:
    done = decide(VolumeState(True), PASSWORD, machine)
    assert says(done, machine) == [
        f"{machine.password_file}: content changes (secret, not shown)",
        "DIR: empty -> encrypted volume, initialised now and never again",
        f"DIR: gocryptfs.conf and master key -> escrow in {machine.escrow.directory}",
    ]
    assert len(done.commands) == 3


@pytest.mark.parametrize("diriv", [True, False])
def test_entries_are_never_initialised_over(machine: Machine, diriv: bool) -> None:
    done = decide(VolumeState(True, None, diriv, 1, None), PASSWORD, machine)
    assert "has 1 entries but no gocryptfs.conf" in refuses(done)


@pytest.mark.parametrize("entries", [0, 5])
def test_what_was_escrowed_is_not_begun_anew_elsewhere(machine: Machine, entries: int) -> None:
    """Files without gocryptfs.diriv are no volume: another dataset is mounted here."""
    escrow(machine)
    done = decide(VolumeState(True, None, False, entries, SET), PASSWORD, machine)
    assert "is the right dataset mounted?" in refuses(done)


@pytest.mark.parametrize("left", ["masterkey", "gocryptfs.conf"])
@pytest.mark.parametrize("diriv", [True, False])
def test_half_an_escrow_prevents_it_too(machine: Machine, left: str, diriv: bool) -> None:
    escrow(machine)
    for path in machine.escrow.directory.iterdir():
        if path.name != left:
            path.unlink()
    done = decide(VolumeState(True, None, diriv, 0, SET), PASSWORD, machine)
    assert "is the right dataset mounted?" in refuses(done)


@pytest.mark.parametrize("entries", [0, 5])
def test_a_config_that_is_gone_is_restored(machine: Machine, entries: int) -> None:
    escrow(machine)
    done = decide(VolumeState(True, None, True, entries, SET), PASSWORD, machine)
    assert says(done, machine) == ["DIR/gocryptfs.conf: absent -> restored from escrow"]
    assert len(done.commands) == 1


@pytest.mark.parametrize("config", [OTHER, b""])
@pytest.mark.parametrize("password", [SET, digest("old"), None])
def test_a_config_that_differs_is_refused(
    machine: Machine, config: bytes, password: str | None
) -> None:
    escrow(machine)
    done = decide(VolumeState(True, config, True, 5, password), PASSWORD, machine)
    assert "gocryptfs.conf differs from the one in" in refuses(done)


def test_a_config_that_a_rotation_changed_is_escrowed(machine: Machine) -> None:
    """The state is that after a rotation that was cut off before the escrow."""
    escrow(machine)
    done = decide(VolumeState(True, OTHER, True, 5, SET), PASSWORD, machine, rotate=True)
    assert [text.split(": ")[1].split(" ->")[0] for text in says(done, machine)] == [
        "gocryptfs.conf and master key"
    ]


def test_a_rotation_that_is_done_is_not_done_again(machine: Machine) -> None:
    escrow(machine)
    done = decide(VolumeState(True, CONFIG, True, 5, SET), PASSWORD, machine, rotate=True)
    assert done.commands == []


def test_a_volume_that_is_not_escrowed_yet_is(machine: Machine) -> None:
    done = decide(VolumeState(True, CONFIG, True, 5, SET), PASSWORD, machine)
    assert len(done.commands) == 1
    assert "escrow" in done.said[0]


@pytest.mark.parametrize("config", [None, CONFIG])
@pytest.mark.parametrize("kept", [True, False])
def test_the_password_is_on_standard_input_alone(
    machine: Machine, config: bytes | None, kept: bool
) -> None:
    password = 'it\'s $(not) `a` \\n "shell" %s word'
    if kept:
        escrow(machine)
    done = decide(VolumeState(True, config, True, 0, None), password, machine, rotate=True)
    shown = [*done.said, *done.warned, *map(str, done.commands), *map(repr, done.commands)]
    shown += [command.get_raw_value() for command in done.commands if hasattr(command, "bits")]
    for text in shown:
        assert password not in text
        assert shlex.quote(password) not in text
    assert any(password in str(it.connector_arguments.get("_stdin")) for it in done.commands)


@pytest.mark.parametrize(
    "now",
    [
        VolumeState(password_digest=SET),
        VolumeState(True, CONFIG, True, 5),
        VolumeState(True, CONFIG, True, 5, SET),
    ],
)
@pytest.mark.parametrize("executing", [True, False])
def test_a_host_that_has_an_encrypted_volume_is_never_made_plain(
    now: VolumeState, executing: bool
) -> None:
    done = run(none, "/cipher", "/password", None, facts={Volume: now}, executing=executing)
    assert "encrypted: true" in refuses(done)
    assert done.warned == ([] if executing else [f"will fail: {done.failure}"])


def test_a_host_that_never_had_one_may_be_plain() -> None:
    done = run(none, "/cipher", "/password", None, facts={Volume: VolumeState()})
    assert (done.commands, done.said) == ([], [])


def test_a_machine_made_anew_is_never_made_plain(machine: Machine) -> None:
    """The machine knows nothing of its volume. The escrow and the storage do."""
    escrow(machine)
    kept = machine.escrow.directory
    done = run(none, "/cipher", "/password", kept, facts={Volume: VolumeState()})
    assert str(machine.escrow.directory) in refuses(done)


@pytest.mark.parametrize(
    "now", [VolumeState(True, CONFIG, True, 5), VolumeState(True, None, True, 5)]
)
def test_the_encrypted_side_of_a_volume_is_never_used_as_plain_storage(now: VolumeState) -> None:
    done = run(plain, "/media", ["a.timer", "media.mount"], facts={Volume: now})
    assert done.commands[0].connector_arguments["_stdin"].splitlines()[3] == (
        "systemctl disable --now a.timer media.mount >&2 || true"
    )
    assert "an encrypted volume lies in what is mounted at /media" in done.failure
    dry = run(plain, "/media", ["a.timer"], facts={Volume: now}, executing=False)
    assert "will fail: an encrypted volume lies in" in dry.warned[0]


@pytest.mark.parametrize("now", [VolumeState(), VolumeState(True, None, False, 5)])
def test_plain_storage_is_one_question(now: VolumeState) -> None:
    done = run(plain, "/media", ["a.timer"], facts={Volume: now})
    assert (done.commands, done.noops) == ([], ["/media is plain"])


def test_a_new_password_restarts_in_a_dry_run_too(machine: Machine) -> None:
    escrow(machine)
    files.pending.clear()
    decide(VolumeState(True, CONFIG, True, 5, "old"), PASSWORD, machine, executing=False)
    assert files.pending == {"storage1": {str(machine.password_file)}}
