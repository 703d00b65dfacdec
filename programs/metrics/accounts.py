"""The last days of accounts: shadow(5)."""

from collections.abc import Iterator
from pathlib import Path

from programs.metrics import Found, Run, Settings
from programs.shared.exposition import labels

SHADOW = Path("/etc/shadow")
EXPIRES = 7
DAY = 86400

MEANINGS = {
    "coop_account_end_timestamp_seconds": (
        "From when on nobody can use the account; 0 if the host knows no end of it."
    )
}


def expected(settings: Settings) -> Found | None:
    if not settings.accounts:
        return None
    return {
        "coop_account_end_timestamp_seconds": {labels(account=it): 0 for it in settings.accounts}
    }


def look(settings: Settings, run: Run) -> Iterator[Found]:
    entries = (line.split(":") for line in SHADOW.read_text().splitlines())
    ends: dict[str, float] = {
        labels(account=entry[0]): int(entry[EXPIRES]) * DAY
        for entry in entries
        if entry[0] in settings.accounts and entry[EXPIRES]
    }
    yield {"coop_account_end_timestamp_seconds": ends}
