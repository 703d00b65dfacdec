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
    "dict_type": "a mapping, such as {name: value}",
    "model_attributes_type": "a mapping of fields",
}
SECRETS = re.compile(r"(?i)(?:private|pre_?shared|secret|pass|token|psk|api_?key)")
# Such as function-after[f(), tuple[str, ...]], and not [key].
BRANCH = re.compile(r"\w\[")
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
        own = [it for it in details if not _is_of_another_branch(it, details)]
        return None, [_problem(model, detail, file, record) for detail in own]


def _is_of_another_branch(error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Whether it only says that the value is not the word that a union takes too."""
    *above, last = error["loc"] or ("",)
    return str(last).startswith("literal[") and any(
        it is not error and list(it["loc"][: len(above)]) == above for it in errors
    )


def _problem(model: type[BaseModel], error: ErrorDetails, file: str, record: str) -> Problem:
    # pydantic's own words for a branch of a union or a validator say nothing to a person.
    path = [str(part) for part in error["loc"] if not BRANCH.search(str(part))]
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
    if value is None:
        return "is empty", "fill it in, or take it out"
    if kind == "too_short":
        return "has too few entries", f"write at least {error['ctx']['min_length']}"
    return _of_another_kind(error, kind, value)


def _of_another_kind(error: ErrorDetails, kind: str, value: object) -> tuple[str, str]:
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
    parent = _model_at(model, path[:-1])
    fields = parent.model_fields if parent else {}
    known = [field.alias or name for name, field in fields.items() if not field.exclude]
    remedy = f"take it out; the fields are {', '.join(known)}" if known else "take it out"
    message = "there is no such field"
    if SECRETS.match(str(path[-1])) and value and isinstance(value, str):
        message += ", and no secret may stand here"
        return message, f"make a new one, as it is known now to all who can read this; {remedy}"
    if close := get_close_matches(str(path[-1]), known, n=1):
        remedy = f"did you mean {close[0]}?"
    return message, remedy


def _model_at(kind: Any, path: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model that the path of a field, an index or a key at a time leads to from this type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if not path:
            return kind
        for name, field in kind.model_fields.items():
            if path[0] in (name, field.alias):
                return _model_at(field.annotation, path[1:])
        # In a path pydantic names the member of a union too.
        return _model_at(kind, path[1:]) if _is_member(kind, path[0]) else None
    within = {dict: 1, tuple: 0, list: 0}.get(typing.get_origin(kind))
    inner = typing.get_args(kind)
    if within is not None:
        return _model_at(inner[within], path[1:]) if path else None
    # Annotated, or a union; a model says itself whether the path fits.
    return next((found for it in inner if (found := _model_at(it, path))), None)


def _is_member(model: type[BaseModel], tag: int | str) -> bool:
    """Whether the tag is this model's in a union: one of the values of a field of it."""
    choices = [typing.get_args(field.annotation) for field in model.model_fields.values()]
    return any(tag in its for its in choices)
