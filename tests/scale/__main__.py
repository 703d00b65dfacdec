"""python -m tests.scale [CLIENTS...]: the tables of docs/performance.md; status 1 over a bound."""

import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.scale.bounds import broken
from tests.scale.fleet import Size, declare, make_project
from tests.scale.process import FailedError, run
from tests.scale.runs import Fleet, Measured

CLIENTS = (1, 10, 50, 200)
ROUND_TRIPS = (20, 100)
# Of the runs. To load a fleet is measured with these too.
PEOPLE, MORE_PEOPLE = 5, (50, 200)
# One host is quickly done, and the time of all others is told in it: the best of these counts.
ONE_HOST = 3

HEAD = """\
| Run | Hosts | Round trip | Wall | CPU | Memory | Commands a host | All | Received | Simulated |
|---|---|---|---|---|---|---|---|---|---|"""
LOAD_HEAD = """\
| Clients | People | Load and validate | Accounts | Peers | Storage, packages | All |
|---|---|---|---|---|---|---|"""


def main() -> None:
    sizes = [int(it) for it in sys.argv[1:]] or CLIENTS
    over: list[str] = []
    with tempfile.TemporaryDirectory(prefix="coop-scale-") as name:
        print(LOAD_HEAD, flush=True)
        loads = {clients: _loads(clients, Path(name)) for clients in sizes}
        print(f"\n{HEAD}", flush=True)
        for clients in sizes:
            directory = Path(name) / f"run-{clients}"
            runs = list(_runs(Size(clients, PEOPLE), directory, is_last=clients == sizes[-1]))
            over += broken(runs, loads[clients], clients)
    if over:
        sys.exit("\n".join(["\nover a bound:", *over]))


def _loads(clients: int, directory: Path) -> dict[int, float]:
    """By the number of people, seconds of CPU to load, validate and derive the fleet."""
    found = {}
    for people in (PEOPLE, *MORE_PEOPLE):
        place = directory / f"load-{clients}-{people}"
        project = make_project(place)
        size = Size(clients, people)
        declare(project, size, 22, new=[])
        file = place / "seconds"
        run("tests.scale.load", [str(file)], project, place / "log")
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
    try:
        main()
    except FailedError as error:
        sys.exit(str(error))
