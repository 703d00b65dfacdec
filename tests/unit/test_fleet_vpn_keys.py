"""The hosts' public keys: written down once, and never changed by a run."""

from pathlib import Path

import pytest

from fleet.problems import FleetError
from fleet.vpn_keys import load, store

A = "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ="
B = "rELDb80cm0s2Xj6YJ5ghF0ArzW3QLZVB0dj7zZshNlk="


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "coop-vpn-keys.yml"


def test_there_is_none_before_the_first_run(file: Path) -> None:
    assert load(file) == {}


def test_what_was_stored_is_read_back(file: Path) -> None:
    store(file, "vpn1", A)
    store(file, "prod1", B)
    store(file, "prod1", B)
    assert load(file) == {"prod1": B, "vpn1": A}
    assert file.read_text().startswith("# The public keys of the hosts in the VPN.")
    assert list(file.parent.iterdir()) == [file]


def test_a_stored_key_is_never_changed(file: Path) -> None:
    store(file, "vpn1", A)
    with pytest.raises(ValueError, match="vpn1 has another key"):
        store(file, "vpn1", B)
    assert load(file) == {"vpn1": A}


def test_a_copied_machine_is_found_by_its_key(file: Path) -> None:
    store(file, "vpn1", A)
    with pytest.raises(ValueError, match="prod1 has the key of vpn1"):
        store(file, "prod1", A)
    assert load(file) == {"vpn1": A}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hosts:\n  vpn1: {public_key: x}\n", "vpn1: public_key: 'x' is not a WireGuard"),
        (f"hosts:\n  vpn1: {A}\n", "is not a mapping"),
        (f"vpn1: {{public_key: {A}}}\n", "no mapping named hosts"),
        (
            f"hosts:\n  a: {{public_key: {A}}}\n  b: {{public_key: {A}}}\n",
            "b: public_key: .* is also that of a",
        ),
        ("", "no mapping named hosts"),
    ],
)
def test_a_file_that_was_spoilt_by_hand_is_refused(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    with pytest.raises(FleetError, match=says):
        load(file)
    with pytest.raises(FleetError, match=says):
        store(file, "c", B)
    assert file.read_text() == text
