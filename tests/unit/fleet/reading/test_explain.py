"""A mistake is named by record and field, wherever among lists and maps of records it stands."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field

from fleet.reading.explain import validate
from fleet.values.fields import Record, unique


class Key(Record):
    key: str
    expires: str = ""


class Xml(Record):
    kind: Literal["xml"]
    element: str


class Line(Record):
    kind: Literal["line"]
    match: str


class Turn(Record):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True)
    since: str = Field("", alias="from")


class Whole(Record):
    keys: Annotated[tuple[Key, ...], unique("key")] = ()
    named: dict[str, Key] = {}
    within: dict[str, tuple[Key, ...]] = {}
    patches: tuple[Annotated[Xml | Line, Field(discriminator="kind")], ...] = ()
    turns: tuple[Turn, ...] = ()
    relay: Literal["local"] | Annotated[tuple[Annotated[int, Field(gt=3)], ...], unique("x")] = (
        "local"
    )
    maybe: Key | None = None
    two: Annotated[tuple[str, ...], Field(min_length=2)] = ("a", "b")


def problem(values: dict[str, Any]) -> str:
    made, found = validate(Whole, values, "hosts.yml", "it")
    assert made is None and len(found) == 1, found
    return str(found[0])


SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"keys": [{"key": "a", "expire": "b"}]}, "it: keys.0.expire: there is no such field; did"),
        ({"named": {"a": {"key": "a", "kye": "b"}}}, "it: named.a.kye: there is no such field"),
        (
            {"within": {"x": [{"key": "a", "zzz": 1}]}},
            "it: within.x.0.zzz: there is no such field; take it out; the fields are key, expires",
        ),
        (
            {"patches": [{"kind": "line", "match": "a", "elment": "b"}]},
            "there is no such field; take it out; the fields are kind, match",
        ),
        (
            {"patches": [{"kind": "xml", "element": "a", "elment": "b"}]},
            "there is no such field; did you mean element?",
        ),
        (
            {"turns": [{"form": "b"}]},
            "it: turns.0.form: there is no such field; did you mean from?",
        ),
        ({"maybe": {"key": "a", "kie": "b"}}, "it: maybe.kie: there is no such field; did you"),
        ({"relay": [9, 1]}, "it: relay.1: 1 is not accepted"),
        ({"keys": [{"key": "a", "passphrase": SECRET}]}, "and no secret may stand here"),
        ({"keys": [{"key": None}]}, "it: keys.0.key: is empty; fill it in, or take it out"),
        ({"two": ["a"]}, "it: two: has too few entries; write at least 2"),
        ({"named": "a"}, "it: named: 'a' is not accepted; it should be a mapping, such as"),
    ],
)
def test_a_mistake_within_lists_and_maps_is_told(values: dict[str, Any], says: str) -> None:
    told = problem(values)
    assert says in told and SECRET not in told, told
