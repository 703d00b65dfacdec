"""A repository's key comes from git, or once from its repository if it is the pinned one."""

from pathlib import Path

import pytest

from controller.apt_keys import Unfit, key_of
from fleet.bbb import Mirror
from fleet.derived.bbb import AptSource
from tests.unit.fleet.values.test_openpgp import FINGERPRINT, ONE, TWO

ADDRESS = "https://example.org/key.asc"


def source(fingerprint: str | None = FINGERPRINT) -> AptSource:
    return AptSource("own", "https://example.org/x", "x", ("main",), ADDRESS, fingerprint)


def test_a_key_that_is_in_git_is_fetched_from_nowhere(tmp_path: Path) -> None:
    (tmp_path / f"{FINGERPRINT}.asc").write_text(ONE)
    assert key_of(source(), keys=tmp_path) == ONE


def test_one_that_somebody_changed_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{FINGERPRINT}.asc").write_text(TWO)
    with pytest.raises(Unfit, match=f"is the key E096.*the data pins {FINGERPRINT}"):
        key_of(source(), keys=tmp_path)


def test_the_first_run_fetches_it_and_keeps_it(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(address: str) -> str:
        asked.append(address)
        return ONE

    keys = tmp_path / "keys"
    assert key_of(source(), keys=keys, fetch=fetch) == ONE
    assert key_of(source(), keys=keys, fetch=fetch) == ONE
    assert asked == [ADDRESS]


@pytest.mark.parametrize("answer", [TWO, ONE + TWO, "<html>404</html>", ""])
def test_whatever_else_comes_is_kept_nowhere(tmp_path: Path, answer: str) -> None:
    with pytest.raises(Unfit):
        key_of(source(), keys=tmp_path, fetch=lambda _: answer)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_fetches_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="the next run fetches it from https://example"):
        key_of(source(), keys=tmp_path)


def test_without_a_fingerprint_no_key_is_right(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="no fingerprint"):
        key_of(source(None), keys=tmp_path, fetch=lambda _: ONE)


def test_a_mirror_has_a_key_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "mirror.asc"
    mirror = Mirror.model_validate({"url": "http://10.78.0.1:8060", "key": str(file)})
    with pytest.raises(Unfit, match="cannot be read: FileNotFoundError"):
        key_of(source(None), mirror)
    file.write_text(TWO)
    assert key_of(source(None), mirror) == TWO
    file.write_text(ONE + TWO)
    with pytest.raises(Unfit, match="one public key"):
        key_of(source(None), mirror)
