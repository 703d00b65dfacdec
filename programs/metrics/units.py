"""The units that have failed: systemctl(1)."""

from collections.abc import Iterator

from programs.metrics import Found, Run, Settings
from programs.shared.exposition import labels

MEANINGS = {
    "coop_units_failed": "How many units have failed.",
    "coop_unit_failed": "1 for each unit that has failed; a unit that has not has no series.",
}


def expected(settings: Settings) -> Found:
    return {"coop_units_failed": {"": 0}, "coop_unit_failed": {}}


def look(settings: Settings, run: Run) -> Iterator[Found]:
    words = ["systemctl", "list-units", "--state=failed", "--full", "--plain", "--no-legend"]
    names = [line.split()[0] for line in run(words).splitlines() if line.strip()]
    yield {
        "coop_units_failed": {"": len(names)},
        "coop_unit_failed": {labels(unit=it): 1 for it in names},
    }
