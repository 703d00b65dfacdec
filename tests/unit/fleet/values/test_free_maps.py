"""Settings that the data passes on have a form that their files can hold."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from fleet.reading.problems import Invalid
from fleet.values.free_maps import DEEPEST, FlatMap, FreeMap, paths_of


def test_each_setting_has_its_path() -> None:
    values = {"a": {"b": 1, "c": {"d": []}}, "e": {}}
    assert list(paths_of(values)) == ["a.b", "a.c.d", "e"]


def of(kind: Any, values: Any) -> Any:
    return TypeAdapter(kind).validate_python(values)


def test_what_is_fit_stays_as_it_is() -> None:
    nested = {"a": {"b": [1, 2.5, True, None, "x", {"c": "é"}]}}
    assert of(FreeMap, nested) == nested
    flat = {"bigbluebutton.web.a": "x", "b": 1, "c": True}
    assert of(FlatMap, flat) == flat


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        "a",
        {1: 2},
        {"a.b": 1},
        {"": 1},
        {"a b": 1},
        {"a": "x\ny"},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": b"x"},
        {"a": {"b": object()}},
        {"a": [{"b c": 1}]},
        deep(DEEPEST + 2),
        deep(5000),
    ],
)
def test_maps_within_maps_hold_plain_settings(values: Any) -> None:
    with pytest.raises(ValueError) as error:
        of(FreeMap, values)
    causes = error.value.errors()  # type: ignore[attr-defined]
    assert all(
        isinstance(it["ctx"]["error"], Invalid) and it["ctx"]["error"].remedy for it in causes
    )


@pytest.mark.parametrize(
    "values",
    [[], {"a": {}}, {"a": ""}, {"a": 1.5}, {"a": None}, {"a=b": 1}, {".a": 1}, {"a": "x\n"}],
)
def test_a_file_of_properties_holds_one_line_a_key(values: Any) -> None:
    with pytest.raises(ValueError, match="write"):
        try:
            of(FlatMap, values)
        except ValueError as error:
            cause = error.errors()[0]["ctx"]["error"]  # type: ignore[attr-defined]
            raise ValueError(cause.remedy) from None
