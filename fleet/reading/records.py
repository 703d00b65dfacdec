"""Files of records: one mapping in YAML, with each record under its name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from fleet.reading.explain import validate
from fleet.reading.leaks import leaks
from fleet.reading.problems import Problem, shown, shown_path
from fleet.reading.strict_yaml import read_yaml

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Records(Generic[M]):
    """The records of a file, by name, in the order of the file.

    raw: the records that are mappings, as read
    valid: the records that the model accepts
    problems: what is wrong with the other records, or with the file
    """

    raw: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    valid: Mapping[str, M] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def read_records(model: type[M], title: str, path: Path, may_be_empty: bool = False) -> Records[M]:
    """The records below `title`, the only key of the file.

    model: has a field `name`, for the record's key in the file
    may_be_empty: whether nothing below the title, as after the last record was taken out, is none
    """
    file = shown_path(path)
    content, problems = read_yaml(path, file)
    records = content.get(title) if isinstance(content, dict) else None
    if may_be_empty and content == {title: None}:
        records = {}
    if not isinstance(records, dict):
        problems += leaks(content, file, "")
        if not problems:
            remedy = f"write {title}: and the records below it, each under its name"
            problems.append(Problem(file, "", "", f"there is no mapping named {title}", remedy))
        return Records(problems=tuple(problems))
    for key in content.keys() - {title}:
        problems += leaks({key: content[key]}, file, "")
        message = f"this file holds nothing but {title}"
        problems.append(Problem(file, key, "", message, f"take it out or move it below {title}"))
    valid = {name: _record(model, name, raw, file, problems) for name, raw in records.items()}
    return Records(
        {name: raw for name, raw in records.items() if isinstance(raw, dict)},
        {name: record for name, record in valid.items() if record is not None},
        tuple(problems),
    )


def _record(model: type[M], name: str, raw: Any, file: str, problems: list[Problem]) -> M | None:
    record = name or "''"
    if not isinstance(raw, dict):
        problems += leaks({record: raw}, file, "")
        message = f"{shown(raw)} is not a mapping of fields"
        needed = [
            key for key, it in model.model_fields.items() if it.is_required() and not it.exclude
        ]
        remedy = f"write {', '.join(needed)}, ..."
        problems.append(Problem(file, record, "", message, remedy))
        return None
    if "name" in raw:
        message = "there is no such field"
        problems.append(Problem(file, record, "name", message, "take it out; the key is the name"))
    instance, found = validate(model, {**raw, "name": name}, file, record)
    problems.extend(found)
    return instance


def shared_values(
    file: str, field: str, values: Mapping[str, Iterable[object]]
) -> Iterator[Problem]:
    """A problem for each value that an earlier record has too. values: by record"""
    owners: dict[object, str] = {}
    for record, found in values.items():
        for value in found:
            owner = owners.setdefault(value, record)
            if owner != record:
                message = f"{value} is also that of {owner}"
                yield Problem(file, record, field, message, "give each its own")
