"""For any data the answer is a fleet, or a FleetError with a place and a remedy."""

import copy
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.groups.storage import StorageGroup
from fleet.load import read
from fleet.reading.explain import validate
from fleet.reading.problems import FleetError
from tests.unit.fleet_samples import GROUP_DATA, NODE, NOW, PEOPLE, SAMPLE, write

WITH_NODE = {"hosts": {**SAMPLE["hosts"], "bbb1": NODE}}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.binary(max_size=8),
    st.text(max_size=50),
    st.from_regex(r"[0-9.]{1,4}[KMGTPB]{0,2}", fullmatch=True),
)
GARBAGE = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value in data."""
    yield path
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from paths(value, (*path, key))


def spoil(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of data with value at path."""
    if not path:
        return value
    spoilt = copy.deepcopy(data)
    parent = spoilt
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return spoilt


def is_a_fleet_or_an_error(content: Any) -> None:
    with TemporaryDirectory() as directory:
        file = write(Path(directory), content)
        try:
            read(file, GROUP_DATA, write(Path(directory), PEOPLE, "people.yml"), NOW)
        except FleetError as error:
            assert error.problems
            assert all(problem.message and problem.remedy for problem in error.problems)
            assert len(str(error).splitlines()) == len(error.problems)


@settings(max_examples=100)
@given(st.sampled_from(list(paths(WITH_NODE))), GARBAGE)
def test_garbage_at_any_place(path: tuple[Any, ...], value: Any) -> None:
    is_a_fleet_or_an_error(spoil(WITH_NODE, path, value))


@settings(max_examples=50)
@given(st.sampled_from(list(paths(WITH_NODE))), st.text(max_size=8), GARBAGE)
def test_an_unknown_field_at_any_place(path: tuple[Any, ...], name: str, value: Any) -> None:
    is_a_fleet_or_an_error(spoil(WITH_NODE, path, {name: value}))


@settings(max_examples=100)
@given(st.binary() | st.text(alphabet="ab:-[]{}&*!?|>%@'\"# \n\t,0.~<é", max_size=60))
def test_garbage_as_the_file(content: Any) -> None:
    try:
        is_a_fleet_or_an_error(content)
    except UnicodeEncodeError:  # text that no file can hold
        return


STORAGE: dict[str, Any] = {
    "packages": ["sanoid"],
    "pool": {"name": "storage", "layout": "mirror", "ashift": 12},
    "dataset_properties": {"recordsize": "1M"},
    "snapshots": {
        "prod": {"hourly": 1, "daily": 0, "weekly": 0, "monthly": 0},
        "staging": {"hourly": 0, "daily": 1, "weekly": 0, "monthly": 0},
    },
    "scrub": "monthly",
    "nfs": {"threads": 8, "grace_seconds": 15, "lease_seconds": 15},
}


@settings(max_examples=100)
@given(st.sampled_from([path for path in paths(STORAGE) if path]), GARBAGE)
def test_garbage_in_group_data(path: tuple[Any, ...], value: Any) -> None:
    group, problems = validate(StorageGroup, spoil(STORAGE, path, value), "storage.py", "")
    assert (group is None) == bool(problems)
    assert all(problem.record and problem.remedy for problem in problems)
