import pytest

from facts.directories import Directories
from operations.directories import not_renamed
from tests.unit.operation_harness import Run, run

PATH = "/media/storage/persistent_new.example.org"


def apply(*names: str) -> Run:
    return run(not_renamed, PATH, "persistent_", "site.name", facts={Directories: names})


@pytest.mark.parametrize(
    "names", [(), ("persistent_new.example.org",), ("persistent_new.example.org", "persistent_old")]
)
def test_a_directory_that_is_there_or_the_first_one_is_no_rename(names: tuple[str, ...]) -> None:
    done = apply(*names)
    assert done.commands == []
    assert done.asked == [{"path": "/media/storage", "start": "persistent_"}]


def test_another_directory_of_its_kind_is_not_left_behind() -> None:
    done = apply("persistent_o\nld", "persistent_old")
    assert len(done.commands) == 1
    both = r"'persistent_o\nld', 'persistent_old'"
    assert done.failure.startswith(f"{PATH} is not there, and {both} is")
    assert "Put site.name back, or" in done.failure
    old = apply("persistent_old.example.org").failure
    assert f"(mv /media/storage/persistent_old.example.org {PATH})" in old
