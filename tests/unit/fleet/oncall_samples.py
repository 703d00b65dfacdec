"""Who is on call, as the file of a test has it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from fleet.load import read_oncall
from fleet.oncall import OnCall
from fleet.people import Person

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
PEOPLE = {
    name: Person.model_validate({"name": name, "coop": "hypha", "access": {"all": "admin"}, **more})
    for name, more in {
        "ops-hypha-1": {},
        "ops-meet-1": {},
        "gone-1": {"expires": datetime(2026, 11, 1).date()},
    }.items()
}


def sample() -> dict[str, Any]:
    return {
        "teams": {"collocall": {"people": ["ops-meet-1"]}, "hypha": {"people": ["ops-hypha-1"]}},
        "shifts": [dict(COLLOCALL), dict(HYPHA)],
        "redundancy": ["ops-hypha-1", "ops-meet-1"],
        "escalate_minutes": 15,
    }


def read(directory: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> OnCall:
    """The sample, as changed, read from a file. Raises FleetError."""
    data = sample()
    change(data)
    file = directory / "oncall.yml"
    file.write_text(yaml.safe_dump(data))
    return read_oncall(file, PEOPLE, NOW)
