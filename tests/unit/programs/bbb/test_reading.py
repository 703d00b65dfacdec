"""wanted.json is read as a whole, or not at all."""

import json
from copy import deepcopy
from typing import Any

import pytest

from programs.bbb import wanted as definition
from programs.bbb.failed import Failed
from programs.bbb.reading import parse
from programs.bbb.wanted import Line, Off, Properties, Xml, Yaml
from tests.unit.programs.bbb.node import wanted

XML = {
    "kind": "xml", "path": "/opt/a.xml", "class": "C", "element": "param",
    "where": {"name": "x"}, "set": {"value": "y"},
}  # fmt: skip


def test_the_example_in_the_definition_is_read() -> None:
    text = definition.__doc__ or ""
    example = text[text.index("    {\n") : text.index("\n    }\n") + 7]
    it = parse(example.encode())
    assert [type(patch) for patch in it.patches] == [Xml, Line, Yaml, Properties, Off]
    assert it.files[1].units == ("coturn.service",) and it.files[1].mode == 0o640
    assert it.recordings == "/usr/local/sbin/coop-recordings" and it.reboot and it.limit == 5400


def _changed(path: str, value: Any) -> dict[str, Any]:
    """The sample with another value at a path such as files.0.mode; ... takes the key away."""
    it = deepcopy(wanted())
    *way, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    at: Any = it
    for part in way:
        at = at[part]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return it


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("format", 2),
        ("release", ...),
        ("release", "3.0"),
        ("release", "3.0.35; rm"),
        ("hostname", "https://bbb2.example.org"),
        ("more", 1),
        ("front.port", "443"),
        ("front.port", True),
        ("front.address", "localhost"),
        ("apt.source", "deb https://m.example.org/d s main"),
        ("apt.source", "deb [signed-by=/k] https://m d main\ndeb https://evil d main"),
        ("apt.packages", "bigbluebutton"),
        ("apt.packages", ["-o", "Dir=/"]),
        ("files.0.mode", "640"),
        ("files.0.mode", "0642"),
        ("files.0.mode", 0o640),
        ("files.0.class", "A"),
        ("files.0.path", "/etc/../root/x"),
        ("files.0.path", "/etc//x"),
        ("files.0.path", "etc/x"),
        ("files.0.path", "/etc/turnserver.conf"),
        ("files.0.path", "/usr/share/bigbluebutton/nginx/sip.nginx"),
        ("files.0.content", "securitySalt=@SEKRET@\n"),
        ("files.0.content", "securitySalt=@SECRET@\nsecuritySalt=@SECRET@\n"),
        ("files.0.content", "securitySalt=@SECRET@\nsecuritySaltOld=1\n"),
        ("files.0.content", "bigbluebutton.web.serverURL=https://b.example.org/\n"),
        ("patches.0.kind", "sed"),
        ("patches.0.match", "("),
        ("patches.0.match", "nothing like the line"),
        ("patches.0.line", "two\nlines"),
        ("patches.0", {**XML, "where": {}}),
        ("patches.0", {**XML, "where": {"name": "("}}),
        ("patches.0", {"kind": "yaml", "path": "/a", "class": "C", "key": ["a"], "value": 1.5}),
        ("units.0.name", "bbb-web"),
        ("noise", [1]),
        ("recordings", ""),
        ("reboot", "yes"),
        ("limit", 10),
    ],
)
def test_what_is_not_as_defined_is_refused(path: str, value: Any) -> None:
    with pytest.raises(Failed, match=r"wanted\.json.*Run deploy\.py"):
        parse(json.dumps(_changed(path, value)).encode())


def test_what_is_no_json_is_refused_without_being_shown() -> None:
    with pytest.raises(Failed, match="no JSON") as error:
        parse(b"{'secret': 'abc'")
    assert "abc" not in str(error.value)
