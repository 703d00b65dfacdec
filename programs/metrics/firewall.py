"""Whether the firewall's table is in force: nft(8)."""

from collections.abc import Iterator

from programs.metrics import Found, Run, Settings

MEANINGS = {"coop_firewall_present": "Whether the project's firewall is in force: 1 or 0."}


def expected(settings: Settings) -> Found:
    return {"coop_firewall_present": {"": 0}}


def look(settings: Settings, run: Run) -> Iterator[Found]:
    tables = run(["nft", "list", "tables"]).splitlines()
    yield {"coop_firewall_present": {"": int(f"table {settings.table}" in tables)}}
