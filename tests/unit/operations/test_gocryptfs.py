"""What the operation decides for each state of a volume that it may find."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from facts.gocryptfs import Places, Volume, VolumeState
from operations import files
from operations.gocryptfs import none, plain
from tests.unit.gocryptfs_harness import Machine, decide, digest
from tests.unit.operation_harness import Run, run

PASSWORD = "correct horse battery staple"
CONFIG, OTHER, KEY = b"config", b"another config", "0f" * 32
SET = digest(PASSWORD)
OWN = b'{"EncryptedKey": "aaaa==", "FeatureFlags": ["EMENames"]}'
# Whoever has the storage can change all but the key.
WITH_PLAIN_NAMES = b'{"FeatureFlags": ["PlaintextNames"], "EncryptedKey": "aaaa=="}'
AT = Places("/cipher", "/config", "/password")
SETTLED = VolumeState(True, CONFIG, True, 5, SET, CONFIG)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def escrow(machine: Machine, config: bytes = CONFIG) -> None:
    machine.escrow.store(config, KEY)


def says(run: Run, machine: Machine) -> list[str]:
    names = {f"{machine.ciphertext}": "DIR", f"{machine.config}": "OWN"}
    said = "\n".join(run.said)
    for path, name in names.items():
        said = said.replace(path, name)
    return said.splitlines()


def refuses(run: Run) -> str:
    assert len(run.commands) == 1
    assert run.said == []
    return run.failure


def test_an_escrowed_volume_with_its_password_is_one_question(machine: Machine) -> None:
    escrow(machine)
    done = decide(SETTLED, PASSWORD, machine)
    assert (done.commands, done.said, done.warned) == ([], [], [])
    assert done.noops == [f"{machine.ciphertext} is an encrypted volume, and escrowed"]
    assert done.asked == [vars(machine.places)]


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


@pytest.mark.parametrize("config", [None, CONFIG, OTHER])
@pytest.mark.parametrize("kept", [True, False])
def test_a_host_that_has_a_config_never_takes_an_empty_directory_for_its_volume(
    machine: Machine, config: bytes | None, kept: bool
) -> None:
    if kept:
        escrow(machine)
    now = replace(SETTLED, config=config, diriv=False, entries=0)
    assert "is the right dataset mounted?" in refuses(decide(now, PASSWORD, machine))


@pytest.mark.parametrize("config", [None, CONFIG])
@pytest.mark.parametrize("entries", [0, 5])
def test_a_host_without_a_config_gets_the_escrowed_one(
    machine: Machine, config: bytes | None, entries: int
) -> None:
    """It was made anew, or its last run was of a time when hosts had no config of their own."""
    escrow(machine)
    files.pending.clear()
    done = decide(replace(SETTLED, own=None, config=config, entries=entries), PASSWORD, machine)
    onto_storage = [] if config else ["DIR/gocryptfs.conf: absent -> this host's own config"]
    assert says(done, machine) == ["OWN: absent -> restored from escrow", *onto_storage]
    assert len(done.commands) == len(done.said) and not done.warned
    assert files.pending == {"storage1": {str(machine.config)}}


@pytest.mark.parametrize("config", [OTHER, b"", WITH_PLAIN_NAMES])
@pytest.mark.parametrize("rotate", [True, False])
@pytest.mark.parametrize("password", [SET, digest("old"), None])
def test_no_host_without_a_config_takes_the_one_on_the_storage(
    machine: Machine, config: bytes, rotate: bool, password: str | None
) -> None:
    now = VolumeState(True, config, True, 5, password)
    nothing_is_right = refuses(decide(now, PASSWORD, machine, rotate=rotate))
    assert "neither this host nor" in nothing_is_right
    assert "gocryptfs.diriv away" not in nothing_is_right
    escrow(machine)
    differs = refuses(decide(now, PASSWORD, machine, rotate=rotate))
    assert "gocryptfs.conf differs from the one in" in differs
    assert "none of its own" in differs


def test_what_was_made_before_hosts_had_a_config_and_never_used_is_told_apart(
    machine: Machine,
) -> None:
    done = decide(VolumeState(True, CONFIG, True, 0, SET), PASSWORD, machine)
    assert "move gocryptfs.conf and gocryptfs.diriv away instead" in refuses(done)


@pytest.mark.parametrize("password", [SET, digest("old"), None])
def test_a_config_that_differs_from_the_escrowed_one_is_refused(
    machine: Machine, password: str | None
) -> None:
    escrow(machine, OTHER)
    done = decide(replace(SETTLED, password_digest=password), PASSWORD, machine)
    said = refuses(done)
    assert f"{machine.config} differs from the one in" in said
    assert "move the host's own aside" in said


def test_a_config_that_is_gone_from_the_storage_is_put_back(machine: Machine) -> None:
    escrow(machine)
    done = decide(replace(SETTLED, config=None), PASSWORD, machine)
    assert says(done, machine) == ["DIR/gocryptfs.conf: absent -> this host's own config"]
    assert len(done.commands) == 1 and not done.warned


@pytest.mark.parametrize("config", [OTHER, b"", bytes(2**16 + 1), WITH_PLAIN_NAMES])
@pytest.mark.parametrize("executing", [True, False])
def test_a_config_that_somebody_has_put_onto_the_storage_is_told_and_put_right(
    machine: Machine, config: bytes, executing: bool
) -> None:
    escrow(machine, OWN)
    now = replace(SETTLED, own=OWN, config=config)
    done = decide(now, PASSWORD, machine, executing=executing)
    assert says(done, machine) == ["DIR/gocryptfs.conf: another config -> this host's own config"]
    assert len(done.commands) == 1
    (warning,) = done.warned
    assert "whoever has access to the storage server has changed it" in warning


@pytest.mark.parametrize("where", ["host", "escrow", "both"])
@pytest.mark.parametrize(
    "change",
    [
        (b"Plaintext", b"Plaintext"),
        (b"PlaintextNames", b"\\u0050laintextNames"),
        (b"FeatureFlags", b"featureflags"),
    ],
)
def test_a_config_that_leaves_names_in_clear_is_trusted_nowhere(
    machine: Machine, where: str, change: tuple[bytes, bytes]
) -> None:
    """Escrow may have taken it from the storage when hosts had no config of their own."""
    config = WITH_PLAIN_NAMES.replace(*change)
    escrow(machine, OWN if where == "host" else config)
    now = replace(SETTLED, own=OWN if where == "escrow" else config, config=config)
    done = decide(now, PASSWORD, machine)
    assert "has PlaintextNames among its FeatureFlags" in refuses(done)


@pytest.mark.parametrize("config", [b"[]", b'{"FeatureFlags": 5}', b"[" * 2**15, b"\xff"])
def test_a_config_that_is_no_json_is_refused_by_gocryptfs_alone(
    machine: Machine, config: bytes
) -> None:
    escrow(machine, config)
    now = replace(SETTLED, own=config, config=config)
    assert decide(now, PASSWORD, machine).noops


@pytest.mark.parametrize("kept", [True, False])
def test_the_config_of_another_volume_is_never_replaced(machine: Machine, kept: bool) -> None:
    """A wrong dataset is mounted there, or a restored one is older than the password."""
    if kept:
        escrow(machine, OWN)
    other = OWN.replace(b"aaaa", b"bbbb")
    done = decide(replace(SETTLED, own=OWN, config=other), PASSWORD, machine)
    assert "holds another key than" in refuses(done)


def test_a_config_that_a_rotation_changed_is_escrowed(machine: Machine) -> None:
    """The state is that after a rotation that was cut off before the escrow."""
    escrow(machine)
    now = replace(SETTLED, config=OTHER, own=OTHER)
    done = decide(now, PASSWORD, machine, rotate=True)
    assert [text.split(": ")[1].split(" ->")[0] for text in says(done, machine)] == [
        "gocryptfs.conf and master key"
    ]


def test_a_rotation_that_was_cut_off_before_the_storage_is_finished(machine: Machine) -> None:
    before = OWN.replace(b"aaaa", b"bbbb")
    escrow(machine, before)
    now = replace(SETTLED, config=before, own=OWN)
    done = decide(now, PASSWORD, machine, rotate=True)
    assert says(done, machine) == [
        "DIR/gocryptfs.conf: another config -> this host's own config",
        f"DIR: gocryptfs.conf and master key -> escrow in {machine.escrow.directory}",
    ]
    assert not done.warned


def test_a_rotation_that_is_done_is_not_done_again(machine: Machine) -> None:
    escrow(machine)
    assert decide(SETTLED, PASSWORD, machine, rotate=True).commands == []


@pytest.mark.parametrize("half", ["masterkey", "gocryptfs.conf", None])
def test_a_volume_that_is_not_escrowed_yet_is(machine: Machine, half: str | None) -> None:
    """Also what a run that was cut off has escrowed in part, with the host's own config."""
    if half:
        escrow(machine)
        (machine.escrow.directory / half).unlink()
    done = decide(SETTLED, PASSWORD, machine)
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
    now = VolumeState(True, config, config is not None or kept, 0, None, config)
    done = decide(now, password, machine, rotate=True)
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
        VolumeState(own=CONFIG),
    ],
)
@pytest.mark.parametrize("executing", [True, False])
def test_a_host_that_has_an_encrypted_volume_is_never_made_plain(
    now: VolumeState, executing: bool
) -> None:
    done = run(none, AT, None, facts={Volume: now}, executing=executing)
    assert "encrypted: true" in refuses(done)
    assert done.warned == ([] if executing else [f"will fail: {done.failure}"])


def test_a_host_that_never_had_one_may_be_plain() -> None:
    done = run(none, AT, None, facts={Volume: VolumeState()})
    assert (done.commands, done.said) == ([], [])


def test_a_machine_made_anew_is_never_made_plain(machine: Machine) -> None:
    """The machine knows nothing of its volume. The escrow and the storage do."""
    escrow(machine)
    kept = machine.escrow.directory
    done = run(none, AT, kept, facts={Volume: VolumeState()})
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
    now = replace(SETTLED, password_digest="old")
    decide(now, PASSWORD, machine, executing=False)
    assert files.pending == {"storage1": {str(machine.password_file)}}
