"""Who is on call, as the file of a test has it."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from fleet.hosts import Host
from fleet.load import read_oncall
from fleet.oncall import OnCall
from fleet.people import Person
from tests.unit.fleet_samples import KEY, SAMPLE

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
COLLOCALL = {"team": "collocall", "from": "08:00 Europe/Berlin", "until": "16:00 Europe/Berlin"}
HYPHA = {"team": "hypha", "from": "10:00 America/Toronto", "until": "08:00 Europe/Berlin"}
SWAP = {
    "team": "hypha",
    "instead_of": "collocall",
    "from": "2026-12-24 08:00 Europe/Berlin",
    "until": "2026-12-24 16:00 Europe/Berlin",
    "why": "Christmas Eve",
}
HOSTS = {name: Host.model_validate({"name": name, **its}) for name, its in SAMPLE["hosts"].items()}
VPN = {
    "public_key": "uYC5ztYttGPQB81XC5yHDgk2SIHklfAJi8QbmEUb1DM=",
    "addresses": ["10.66.1.11", "fd66:0:0:1::11"],
}


def person(name: str, **more: Any) -> Person:
    """Somebody who can act on all hosts, but for what more says."""
    its = {"access": {"all": "admin"}, "ssh_keys": [{"key": KEY}], "vpn": VPN}
    return Person.model_validate({"name": name, "coop": "hypha", **its, **more})


PEOPLE = {
    it.name: it
    for it in (
        person("ops-hypha-1"),
        person("ops-meet-1"),
        person("gone-1", expires=date(2026, 11, 1)),
        person("outside-1", vpn=None),
        person("nowhere-1", access={"prod2": "admin"}),
        person("keyless-1", ssh_keys=[]),
        person("late-1", ssh_keys=[{"key": KEY, "expires": date(2026, 11, 1)}]),
        person("watches-1", access={"vision": "login"}),
    )
}


def sample() -> dict[str, Any]:
    return {
        "teams": {"collocall": {"people": ["ops-meet-1"]}, "hypha": {"people": ["ops-hypha-1"]}},
        "shifts": [dict(COLLOCALL), dict(HYPHA)],
        "redundancy": ["ops-hypha-1", "ops-meet-1"],
        "escalate_minutes": 15,
    }


def read(
    directory: Path,
    change: Callable[[dict[str, Any]], object] = lambda _: None,
    people: Mapping[str, Person] = PEOPLE,
) -> OnCall:
    """The sample, as changed, read from a file. Raises FleetError."""
    data = sample()
    change(data)
    file = directory / "oncall.yml"
    file.write_text(yaml.safe_dump(data))
    return read_oncall(file, people, HOSTS, NOW)


def seasons(why: str) -> list[dict[str, str]]:
    """A year and more, in gaps that are accepted one after the other."""
    days = ["2026-11-01", "2027-02-01", "2027-05-01", "2027-08-01", "2027-11-01", "2028-01-01"]
    return [
        {"from": f"{since} 00:00 UTC", "until": f"{until} 00:00 UTC", "why": why}
        for since, until in pairwise(days)
    ]
