"""A run writes down a host's public key once, and never changes it."""

import os
from pathlib import Path
from typing import Any

import pytest

from fleet import host_keys
from fleet.host_keys import HostKeys, pull_keys, vpn_keys
from fleet.reading.problems import FleetError
from fleet.reading.records import read_records
from tests.unit.fleet_samples import KEY

A = "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ="
B = "rELDb80cm0s2Xj6YJ5ghF0ArzW3QLZVB0dj7zZshNlk="


@pytest.fixture
def keys(tmp_path: Path) -> HostKeys:
    return vpn_keys(tmp_path / "coop-vpn-keys.yml")


def test_there_is_none_before_the_first_run(keys: HostKeys) -> None:
    assert keys.load() == {}


def test_what_was_stored_is_read_back(keys: HostKeys) -> None:
    keys.store("vpn1", A)
    keys.store("prod1", B)
    keys.store("prod1", B)
    assert keys.load() == {"prod1": B, "vpn1": A}
    assert keys.file.read_text().startswith("# The public keys of the hosts in the VPN.")
    assert list(keys.file.parent.iterdir()) == [keys.file]


def test_a_file_whose_last_entry_was_taken_out_has_none(keys: HostKeys) -> None:
    keys.store("vpn1", A)
    keys.file.write_text("# A heading.\nhosts:\n")
    assert keys.load() == {}
    keys.store("prod1", B)
    assert keys.load() == {"prod1": B}


def test_a_stored_key_is_never_changed(keys: HostKeys) -> None:
    keys.store("vpn1", A)
    with pytest.raises(ValueError, match="vpn1 has another key"):
        keys.store("vpn1", B)
    assert keys.load() == {"vpn1": A}


def test_a_copied_machine_is_found_by_its_key(keys: HostKeys) -> None:
    keys.store("vpn1", A)
    with pytest.raises(ValueError, match="prod1 has the key of vpn1"):
        keys.store("prod1", A)
    assert keys.load() == {"vpn1": A}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hosts:\n  vpn1: {public_key: x}\n", "vpn1: public_key: this is not a WireGuard"),
        (f"hosts:\n  vpn1: {A}\n", "is not a mapping"),
        (f"vpn1: {{public_key: {A}}}\n", "no mapping named hosts"),
        (
            f"hosts:\n  a: {{public_key: {A}}}\n  b: {{public_key: {A}}}\n",
            "b: public_key: .* is also that of a",
        ),
        ("", "no mapping named hosts"),
    ],
)
def test_a_file_that_was_spoilt_by_hand_is_refused(keys: HostKeys, text: str, says: str) -> None:
    keys.file.write_text(text)
    with pytest.raises(FleetError, match=says):
        keys.load()
    with pytest.raises(FleetError, match=says):
        keys.store("c", B)
    assert keys.file.read_text() == text


def test_those_of_ssh_are_a_file_of_their_own(tmp_path: Path) -> None:
    keys = pull_keys(tmp_path / "coop-pull-keys.yml")
    keys.store("offsite1", KEY)
    assert keys.load() == {"offsite1": KEY}
    keys.file.write_text("hosts:\n  offsite1: {public_key: x}\n")
    with pytest.raises(FleetError, match="this is not a kind of key"):
        keys.load()


def test_it_is_read_once_and_again_when_it_has_changed(
    keys: HostKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def reading(record: type[Any], title: str, file: Path, **more: Any) -> Any:
        read.append(file)
        return read_records(record, title, file, **more)

    monkeypatch.setattr(host_keys, "read_records", reading)
    keys.store("vpn1", A)
    for each in (keys, vpn_keys(keys.file)):
        each.load()["vpn1"] = "spoilt by whoever got it"
        assert each.load() == {"vpn1": A}
    assert len(read) == 1
    keys.store("prod1", B)
    assert keys.load() == {"prod1": B, "vpn1": A}
    assert len(read) == 2
    keys.file.unlink()
    assert keys.load() == {}


def test_what_follows_within_one_tick_of_the_clock_is_seen(keys: HostKeys) -> None:
    """Two changes may have the same time, because file systems count in steps of milliseconds."""
    keys.store("vpn1", A)
    keys.load()
    moment = keys.file.stat().st_mtime_ns
    keys.store("prod1", B)
    os.utime(keys.file, ns=(moment, moment))
    assert keys.load() == {"prod1": B, "vpn1": A}
    # Another file of the same length takes the place of this one.
    new = keys.file.with_suffix(".other")
    new.write_text(keys.file.read_text().replace("prod1", "prod2"))
    os.utime(new, ns=(moment, moment))
    new.replace(keys.file)
    assert keys.load() == {"prod2": B, "vpn1": A}
    # The file itself changes.
    keys.file.write_text(keys.file.read_text().replace("prod2", "prod10"))
    os.utime(keys.file, ns=(moment, moment))
    assert keys.load() == {"prod10": B, "vpn1": A}


def test_an_edit_in_its_place_that_is_as_long_is_seen(keys: HostKeys) -> None:
    keys.store("vpn1", A)
    keys.load()
    inode = keys.file.stat().st_ino
    moment = keys.file.stat().st_mtime_ns
    keys.file.write_text(keys.file.read_text().replace("vpn1", "vpn2"))
    os.utime(keys.file, ns=(moment + 1, moment + 1))
    assert (keys.load(), keys.file.stat().st_ino) == ({"vpn2": A}, inode)
