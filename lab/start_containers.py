"""Brings containers up, each with a snapshot `fresh`: python -m lab.start_containers HOST...

Runs inside the lab. With --end before the hosts, the program throws their containers away.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from fleet.load import load
from lab import ubuntu
from lab.container import CONTAINERS, Container, is_container
from lab.hosts import FOR_UBUNTU
from lab.machines import INVENTORY, STATE, machine, together


def start(names: Sequence[str]) -> None:
    """Make the containers that are not there yet, and start those that do not run."""
    CONTAINERS.mkdir(exist_ok=True)
    hosts = load(Path(INVENTORY)).hosts
    for name in names:
        container, host = Container(name), hosts[name]
        if not is_container(name):
            assert host.lab is not None
            box = STATE / f"boot/{host.lab.box}-{host.debian or FOR_UBUNTU}"
            container.make(box.resolve() / "tree", host.address)
        container.resume()
        container.on()
    machines = [machine(name) for name in names]
    together(machines, lambda each: each.wait_until_up(60))
    new = [each for each in machines if not each.has_snapshot("fresh")]
    ubuntu.pretend([each.name for each in new])
    together(new, lambda each: each.snapshot("fresh"))


def end(names: Sequence[str]) -> None:
    for name in names:
        Container(name).end()


if __name__ == "__main__":
    if sys.argv[1] == "--end":
        end(sys.argv[2:])
    else:
        start(sys.argv[1:])
