"""Prints the tables of docs/performance.md. The exit status is 1 if a bound is not met."""

import json
import signal
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path

from tests.scale.bounds import broken
from tests.scale.fleet import Size, declare, make_project
from tests.scale.process import FailedError, run
from tests.scale.runs import Fleet, Measured

CLIENTS = (1, 10, 50, 200)
ROUND_TRIPS = (20, 100)
# For each of these numbers of people the loading of a fleet is measured.
PEOPLE = (5, 50, 200)
# How often a run on one host is measured. The best time counts: the run is short, and the bounds
# compare the other runs with it.
ONE_HOST = 3

HEAD = """\
| Run | Hosts | Round trip | Wall | CPU | Memory | Commands a host | All | Received | Simulated |
|---|---|---|---|---|---|---|---|---|---|"""
LOAD_HEAD = """\
| Clients | People | Load and validate | Accounts | Peers | Storage, packages | All |
|---|---|---|---|---|---|---|"""


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("clients", nargs="*", type=int, default=CLIENTS, help="client VMs")
    parser.add_argument("--people", type=int, default=PEOPLE[0], help="of the runs")
    wanted = parser.parse_args()
    over: list[str] = []
    with tempfile.TemporaryDirectory(prefix="coop-scale-") as name:
        print(f"CPU to load, check and derive:\n\n{LOAD_HEAD}", flush=True)
        project = make_project(Path(name) / "load")
        loads = {clients: _loads(clients, project) for clients in wanted.clients}
        print(f"\nRuns, with {wanted.people} people:\n\n{HEAD}", flush=True)
        for clients in wanted.clients:
            size, directory = Size(clients, wanted.people), Path(name) / f"run-{clients}"
            runs = list(_runs(size, directory, is_last=clients == wanted.clients[-1]))
            over += broken(runs, loads[clients], clients)
    if over:
        sys.exit("\n".join(["\nover a bound:", *over]))


def _loads(clients: int, project: Path) -> dict[int, float]:
    """Seconds of CPU to load, validate and derive the fleet, by the number of people."""
    found, file = {}, project.parent / "seconds"
    for people in PEOPLE:
        declare(project, Size(clients, people), 22, new=[])
        run("tests.scale.load", [str(file)], project, project.parent / "log")
        steps = list(json.loads(file.read_text()).values())
        found[people] = sum(steps)
        cells = (clients, people, *(f"{it:.2f} s" for it in (*steps, found[people])))
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return found


def _runs(size: Size, directory: Path, is_last: bool) -> Iterable[Measured]:
    directory.mkdir()
    best: dict[int, Measured] = {}
    for it in Fleet(size, directory).measure(ROUND_TRIPS, ONE_HOST if is_last else 0):
        if it.what == "one host":
            known = best.setdefault(it.round_trip, it)
            best[it.round_trip] = min(known, it, key=lambda one: one.used.wall)
            continue
        print(_row(it), flush=True)
        yield it
    for it in best.values():
        print(_row(it), flush=True)
        yield it


def _row(it: Measured) -> str:
    cells = (
        it.what,
        it.hosts,
        f"{it.round_trip} ms",
        f"{it.used.wall:.1f} s",
        f"{it.used.cpu:.1f} s",
        f"{it.used.memory / 1e6:.0f} MB",
        it.most,
        it.commands,
        f"{it.received / 1e6:.1f} MB",
        f"{it.simulation:.1f} s",
    )
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    # An exit lets Python remove the temporary directory and end the processes that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        main()
    except FailedError as error:
        sys.exit(str(error))
