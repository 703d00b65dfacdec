import errno
import os
from pathlib import Path

import pytest

from operations.escrow import Escrow

KEY, NEXT_KEY = "0f" * 32, "a1" * 32


@pytest.fixture
def escrow(tmp_path: Path) -> Escrow:
    return Escrow(tmp_path / "escrow" / "vision-prod1")


def contents(escrow: Escrow) -> dict[str, str]:
    return {path.name: path.read_text() for path in escrow.directory.iterdir()}


def test_nothing_is_escrowed_at_first(escrow: Escrow) -> None:
    assert (escrow.config, escrow.exists) == (None, False)
    assert not escrow.directory.exists()


def test_what_is_stored_is_there(escrow: Escrow) -> None:
    escrow.store(b"config \xff", KEY)
    assert (escrow.config, escrow.exists) == (b"config \xff", True)
    assert (escrow.directory / "masterkey").read_text() == f"{KEY}\n"


def test_nobody_else_can_read_it(escrow: Escrow) -> None:
    before = os.umask(0)
    try:
        escrow.store(b"config", KEY)
        escrow.store(b"next", NEXT_KEY)
    finally:
        os.umask(before)
    assert escrow.directory.stat().st_mode & 0o777 == 0o700
    files = list(escrow.directory.iterdir())
    assert len(files) == 4
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_every_older_version_stays(escrow: Escrow) -> None:
    for number in range(4):
        escrow.store(f"config {number}".encode(), f"{number:064x}")
    found = contents(escrow)
    assert sorted(found.values()) == sorted(
        [f"config {number}" for number in range(4)] + [f"{number:064x}\n" for number in range(4)]
    )
    assert found["gocryptfs.conf"] == "config 3"


def test_what_is_the_same_makes_no_version(escrow: Escrow) -> None:
    escrow.store(b"config", KEY)
    escrow.store(b"config", KEY)
    escrow.store(b"next", KEY)
    assert sorted(contents(escrow).values()) == sorted(["config", "next", f"{KEY}\n"])


@pytest.mark.parametrize(
    "key",
    [
        "",
        "0f" * 31,
        "0f" * 33,
        "0g" * 32,
        f"{KEY}\n",
        f" {KEY}",
        "0f " * 32,
        "Password:",
        "\N{FULLWIDTH DIGIT ZERO}f" * 32,
    ],
)
def test_a_malformed_master_key_is_refused_and_not_shown(escrow: Escrow, key: str) -> None:
    escrow.store(b"config", KEY)
    with pytest.raises(ValueError, match="64 hexadecimal digits") as refusal:
        escrow.store(b"next", key)
    assert key == "" or key not in str(refusal.value)
    assert contents(escrow) == {"gocryptfs.conf": "config", "masterkey": f"{KEY}\n"}


def test_an_empty_config_is_refused(escrow: Escrow) -> None:
    with pytest.raises(ValueError, match=r"empty gocryptfs\.conf"):
        escrow.store(b"", KEY)
    assert not escrow.directory.exists()


@pytest.mark.parametrize("left", ["masterkey", "gocryptfs.conf"])
def test_one_of_the_two_alone_is_no_config_but_something(escrow: Escrow, left: str) -> None:
    escrow.store(b"config", KEY)
    for path in escrow.directory.iterdir():
        if path.name != left:
            path.unlink()
    assert (escrow.config, escrow.exists) == (None, True)


def test_the_config_comes_last_so_that_a_cut_off_pair_is_none(
    escrow: Escrow, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def cut_off(file: Path, content: bytes, now: str) -> None:
        names.append(file.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(Escrow, "_write", staticmethod(cut_off))
    with pytest.raises(KeyboardInterrupt):
        escrow.store(b"config", KEY)
    assert names == ["masterkey"]


@pytest.mark.parametrize("step", range(4))
def test_whatever_a_cut_leaves_has_the_old_pair_or_the_new_one(
    escrow: Escrow, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """There are four renames: each of two files and its older version."""
    escrow.store(b"config", KEY)
    rename, steps = Path.rename, iter(range(9))

    def cut_off(file: Path, target: Path) -> None:
        if next(steps) == step:
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(file, target)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(Path, "rename", cut_off)
        escrow.store(b"next", NEXT_KEY)
    assert escrow.config == b"config" and escrow.master_key in (KEY, NEXT_KEY)
    escrow.store(b"next", NEXT_KEY)
    assert (escrow.config, escrow.master_key) == (b"next", NEXT_KEY)
    assert {"config", f"{KEY}\n"} < set(contents(escrow).values())


@pytest.mark.parametrize(
    "text",
    [
        KEY.upper(),
        "0f0f0f0f-" * 8,
        f"{'0f0f0f0f-' * 4}\n{'0f0f0f0f-' * 3}0f0f0f0f\n",
        f"    {'0f0f0f0f-' * 4}\r\n    {'0f0f0f0f-' * 3}0f0f0f0f\r\n",
        f"\ufeff{KEY}",
    ],
)
def test_a_master_key_as_gocryptfs_shows_it_is_the_same_key(escrow: Escrow, text: str) -> None:
    escrow.store(b"config", KEY)
    (escrow.directory / "masterkey").write_text(text, "utf-8")
    assert (escrow.master_key, escrow.config, escrow.lack) == (KEY, b"config", "")


@pytest.mark.parametrize("content", [b"", b"0f" * 31, b"\xff\xfe" + b"0\0f\0" * 32])
def test_what_is_no_master_key_is_said_to_lack(escrow: Escrow, content: bytes) -> None:
    escrow.store(b"config", KEY)
    (escrow.directory / "masterkey").write_bytes(content)
    assert (escrow.master_key, escrow.exists) == (None, True)
    assert escrow.lack == "no masterkey with 64 hexadecimal digits"
    (escrow.directory / "gocryptfs.conf").unlink()
    assert escrow.lack == "no masterkey with 64 hexadecimal digits and no gocryptfs.conf"


def test_a_write_that_was_cut_off_is_begun_again(escrow: Escrow) -> None:
    escrow.directory.mkdir(parents=True)
    (escrow.directory / ".masterkey.new").write_text("0f0f")
    escrow.store(b"config", KEY)
    assert contents(escrow) == {"gocryptfs.conf": "config", "masterkey": f"{KEY}\n"}


def test_a_file_is_replaced_by_a_rename(escrow: Escrow) -> None:
    escrow.store(b"config", KEY)
    with (escrow.directory / "gocryptfs.conf").open() as reader:
        escrow.store(b"next", KEY)
        assert reader.read() == "config"
