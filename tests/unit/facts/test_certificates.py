"""What a host's program tells of its certificate: the sample was recorded on a host of the lab."""

import json
from shlex import quote
from typing import Any

import pytest
from pyinfra.api import FactProcessError

from facts.certificates import Certificates, Shown
from tests.unit.host_here import ask

FINGERPRINT = "1426c4d43a20caf8796d0cee765c13bd2f184b93eb15321054f11143bb1f3191"
ONE = {
    "fingerprint": FINGERPRINT,
    "names": ["web.lab.test"],
    "start": 1795802836,
    "end": 1803578835,
    "placeholder": False,
}
SAID: dict[str, Any] = {
    "at": 1795802842,
    "name": "web.lab.test",
    "source": "acme",
    "newest": ONE,
    "present": ONE,
    "shown": ONE,
    "why": "",
    "found": {},
}


def told(said: Any, code: int = 0) -> str:
    return f"sh -c {quote(f'echo {quote(json.dumps(said))}; exit {code}')}"


def test_what_the_program_tells() -> None:
    found = ask(Certificates, told(SAID))
    one = Shown(FINGERPRINT, ("web.lab.test",), 1795802836, 1803578835, False)
    assert (found.name, found.source, found.at) == ("web.lab.test", "acme", 1795802842)
    assert found.newest == found.present == found.shown == one
    assert found.found == {}


def test_a_port_that_shows_nothing() -> None:
    said = {**SAID, "shown": None, "newest": None, "found": {"served": "port 443 shows nothing"}}
    found = ask(Certificates, told(said, 1))
    assert (found.shown, found.newest) == (None, None)
    assert found.found == {"served": "port 443 shows nothing"}


def test_a_host_whose_program_is_not_there_yet() -> None:
    found = ask(Certificates, "/usr/local/sbin/no-such-program look")
    assert found.name == ""
    assert list(found.found) == ["untold"] and "was this host converged?" in found.found["untold"]


@pytest.mark.parametrize("said", [[], {"at": 1}, {**SAID, "shown": 7}, {**SAID, "found": 7}])
def test_anything_else_fails_this_host_alone(said: Any) -> None:
    with pytest.raises(FactProcessError):
        ask(Certificates, told(said))
