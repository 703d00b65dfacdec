"""Maps whose keys another program knows: settings that the data passes on."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from fleet.reading.problems import Invalid, shown

# No setting lies deeper; and a walk over it needs no more of Python's stack.
DEEPEST = 20


def paths_of(values: Mapping[str, Any]) -> Iterator[str]:
    """The dotted path of each setting: {"a": {"b": 1, "c": []}} has a.b and a.c."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from (f"{key}.{inner}" for inner in paths_of(value))
        else:
            yield key


def _mapping(values: Any) -> Any:
    if not isinstance(values, Mapping):
        raise Invalid(f"{shown(values)} is not a mapping of settings", "write them as key: value")
    return values


def _flat(values: dict[Any, Any]) -> dict[str, str | int | bool]:
    for key, value in values.items():
        _check_key(key, r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
        # bbb-conf takes a key without a value for a mistake: it exits 1.
        if not isinstance(value, str | int) or value == "":
            raise Invalid(f"{shown(value)} is no setting", "write a text, a whole number or true")
        _check_scalar(value)
    return values


def _free(values: dict[Any, Any]) -> dict[str, Any]:
    _check(values, 0)
    return values


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise Invalid(f"the settings are more than {DEEPEST} deep", "write them less nested")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            # A dot would hide which setting it is.
            _check_key(key, r"[A-Za-z0-9_-]+")
            _check(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner, depth + 1)
    else:
        _check_scalar(value)


def _check_key(key: Any, pattern: str) -> None:
    if not isinstance(key, str) or not re.fullmatch(pattern, key, re.ASCII):
        raise Invalid(f"{shown(key)} is no name of a setting", "write it as the program has it")


def _check_scalar(value: Any) -> None:
    if isinstance(value, str):
        if not value.isprintable():
            raise Invalid(f"{shown(value)} is not one line of text", "write it without others")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Invalid(f"{shown(value)} is no number that a setting can be", "write another")
    elif value is not None and not isinstance(value, bool | int):
        message = f"{shown(value)} is no setting"
        raise Invalid(message, "write a text in quotes, a number, true, false, a list or a map")


FlatMap = Annotated[dict[Any, Any], BeforeValidator(_mapping), AfterValidator(_flat)]
"""One value a key, as a file of properties has it. A dot is a part of the key."""
FreeMap = Annotated[dict[Any, Any], BeforeValidator(_mapping), AfterValidator(_free)]
"""Maps within maps, as a file of YAML has them."""
