from pathlib import Path

import pytest

from fleet.reading.problems import Problem
from fleet.reading.strict_yaml import read_yaml
from tests.unit.fleet_samples import problems_of, write


def found(directory: Path, text: str | bytes) -> list[Problem]:
    return read_yaml(write(directory, text), "coop.yml")[1]


def test_plain_yaml_is_read_without_a_word(tmp_path: Path) -> None:
    path = write(tmp_path, 'hosts:\n  a: {roles: [x], o: "off", n: 1}\n')
    assert read_yaml(path, "coop.yml") == (
        {"hosts": {"a": {"roles": ["x"], "o": "off", "n": 1}}},
        [],
    )


def test_what_is_nearly_a_date_is_text_for_its_field_to_refuse(tmp_path: Path) -> None:
    path = write(tmp_path, "a: 2027-02-30\n")
    assert read_yaml(path, "coop.yml") == ({"a": "2027-02-30"}, [])


def test_every_duplicate_key_is_found(tmp_path: Path) -> None:
    problems = found(tmp_path, "a: 1\na: 2\nb:\n  c: 1\n  c: 2\n")
    assert [(problem.record, problem.message) for problem in problems] == [
        ("line 2", "'a' is there twice"),
        ("line 5", "'c' is there twice"),
    ]


def test_a_host_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    text = "hosts:\n  a: {roles: []}\n  a: {roles: []}\n"
    assert "coop.yml: line 3: 'a' is there twice; keep one of the two" in [
        str(problem).split("/")[-1] for problem in problems_of(tmp_path, text)
    ]


@pytest.mark.parametrize("key", ["on", "no", "1", "1.5", "2020-01-01", "~", "<<"])
def test_a_key_that_yaml_does_not_read_as_text_is_refused(tmp_path: Path, key: str) -> None:
    problem = found(tmp_path, f"a: 1\n{key}: {{b: 1}}\n")[0]
    assert problem.record == "line 2"
    assert problem.remedy == "put it in quotes"


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("hosts:\n  a: [1\n  b: 2\n", "line 3"),
        ("a: &x 1\nb: *x\n", "line 2"),
        ("a: &x\n  b: *x\n", "line 2"),
        ("a: !!python/object/apply:os.system [x]\n", "line 1"),
        ("a: !thing x\n", "line 1"),
        ("a: 1\n---\nb: 1\n", "line 2"),
        ("\tb: 1\n", "line 1"),
        ("? [a, b]\n: 1\n", "line 1"),
        ("a: !!map [x]\n", "line 1"),
        ("[" * 5000, ""),
        (b"\xff\xfe\x00", ""),
        (b"a: \x00", ""),
    ],
)
def test_what_cannot_be_read_names_its_line(tmp_path: Path, text: str | bytes, record: str) -> None:
    (problem,) = found(tmp_path, text)
    assert problem.record == record
    assert problem.message
    assert problem.remedy


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (problem,) = read_yaml(tmp_path / "none.yml", "none.yml")[1]
    assert "No such file" in str(problem)
