"""Turns pydantic's errors into problems that name a remedy."""

import re
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fleet.reading.leaks import leaks
from fleet.reading.problems import Invalid, Problem, shown

WANTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "tuple_type": "a list",
    "invalid_key": "text",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
}
SECRETS = re.compile(r"(?i)(?:private|pre_?shared|secret|pass|token|psk|api_?key)")
M = TypeVar("M", bound=BaseModel)


def validate(
    model: type[M], values: Mapping[str, Any], file: str, record: str
) -> tuple[M | None, list[Problem]]:
    """The record that the values make, or None and everything that is wrong with the values.

    record: its name in problems; if "", problems take the first part of the field's path
    """
    if found := leaks(values, file, record):
        return None, found
    try:
        return model.model_validate(values), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [_problem(model, detail, file, record) for detail in details]


def _problem(model: type[BaseModel], error: ErrorDetails, file: str, record: str) -> Problem:
    path = [str(part) for part in error["loc"]]
    if not record and path:
        record, *path = path
    return Problem(file, record, ".".join(path), *_explain(model, error))


def _explain(model: type[BaseModel], error: ErrorDetails) -> tuple[str, str]:
    kind, value = error["type"], error["input"]
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Invalid):
        return cause.message, cause.remedy
    if kind == "missing":
        return "is missing", "add it"
    if kind == "extra_forbidden":
        return _unknown_field(model, error["loc"], value)
    wanted = error["msg"].replace("Input should be ", "")
    wanted = WANTED.get(kind, wanted)
    if isinstance(value, bool) and kind in ("string_type", "literal_error"):
        quotes = " in quotes: YAML reads on, off, yes and no as booleans"
        return f"{value} is a boolean, not text", f"write {wanted}{quotes}"
    if kind == "string_type":
        return f"{shown(value)} is not text", "put it in quotes"
    return f"{shown(value)} is not accepted", f"it should be {wanted}"


def _unknown_field(
    model: type[BaseModel], path: tuple[int | str, ...], value: object
) -> tuple[str, str]:
    """What is wrong with the unknown field at the end of the path, and the remedy."""
    parent: type[BaseModel] | None = model
    for step in path[:-1]:
        parent = _model_of(parent.model_fields[str(step)].annotation) if parent else None
    fields = parent.model_fields if parent else {}
    known = [name for name, field in fields.items() if not field.exclude]
    remedy = f"take it out; the fields are {', '.join(known)}"
    message = "there is no such field"
    if SECRETS.match(str(path[-1])) and value and isinstance(value, str):
        message += ", and no secret may stand here"
        return message, f"make a new one, as it is known now to all who can read this; {remedy}"
    if close := get_close_matches(str(path[-1]), known, n=1):
        remedy = f"did you mean {close[0]}?"
    return message, remedy


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `Volume | None`."""
    for kind in (annotation, *typing.get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
