"""python -m tests.scale.load FILE: measures how a run loads, checks and derives its fleet.

Writes the seconds of CPU of each step to the file, as JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.derived.access import accounts_on
from fleet.derived.copies import copies_of
from fleet.derived.datasets import datasets_of
from fleet.derived.exports import exports_of
from fleet.derived.packages import packages_of
from fleet.derived.vpn import server_peers
from fleet.load import load


def main() -> None:
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        seconds[name] = time.process_time() - start

    now = datetime.now(UTC)
    with step("load and validate"):
        fleet = load(Path("inventories/scale.yml"))
    hosts = list(fleet.hosts.values())
    with step("accounts"):
        _each(hosts, lambda host: accounts_on(fleet.people.values(), host, now))
    with step("peers"):
        keys = fleet.vpn_keys.load()
        _each(hosts, lambda host: server_peers(fleet, host, keys, now))
    with step("storage and packages"):
        (datasets_of(fleet), exports_of(fleet), copies_of(fleet))
        _each(hosts, lambda host: packages_of(fleet, host))
    Path(sys.argv[1]).write_text(json.dumps(seconds))


def _each(hosts: list[Any], derive: Callable[[Any], Any]) -> None:
    for host in hosts:
        derive(host)


if __name__ == "__main__":
    main()
