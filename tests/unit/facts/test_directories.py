from pathlib import Path

from facts.directories import MOST_BYTES, Directories
from tests.unit.host_here import ask


def test_directories_that_begin_so(tmp_path: Path) -> None:
    for name in ("persistent_b", "persistent_a\nc", "other", "persistent_z/persistent_in"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "persistent_file").touch()
    (tmp_path / "persistent_link").symlink_to("other")
    found = ask(Directories, str(tmp_path), "persistent_")
    assert found == ("persistent_a\nc", "persistent_b", "persistent_z")


def test_without_the_directory_there_is_none(tmp_path: Path) -> None:
    assert ask(Directories, str(tmp_path / "none"), "x") == ()


def test_a_host_that_has_any_number_tells_some(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"{number:03}{'x' * 200}").mkdir()
    found = ask(Directories, str(tmp_path), "")
    assert 300 < len(found) < 400 and all(len(name) == 203 for name in found)
    assert sum(len(name) + 1 for name in found) <= MOST_BYTES
