"""The bounds of `make scale`. Those of time count for fleets of 200 client VMs or more."""

from collections.abc import Iterator, Mapping, Sequence

from tests.scale.runs import Measured

CLIENTS = 200

# A run with no change may take so many times as long as a run on one host of the same fleet, by
# the milliseconds of a round trip.
TIMES_ONE_HOST = {20: 7.0, 100: 5.0}
# Seconds on the clock, at a round trip of 20 ms.
SECONDS = {"first": 50.0, "a VM added": 20.0}
# Seconds of CPU to load, validate and derive the fleet, for each measured number of people.
LOAD_SECONDS = 1.2
# Remote commands of one host in a run with no change, in smaller fleets too.
COMMANDS = 3


def broken(runs: Sequence[Measured], load: Mapping[int, float], clients: int) -> Iterator[str]:
    """Each bound that is not met, in words.

    load: seconds of CPU by the number of people; clients: the client VMs of the fleet
    """
    for it in runs:
        if it.what == "no change" and it.changed:
            yield f"{_named(it)}: {it.changed} operations changed something"
        if it.what == "no change" and it.most > COMMANDS:
            yield f"{_named(it)}: {it.most} commands on one host, and not {COMMANDS} at most"
        if it.what not in {"no change", "one host"} and not it.changed:
            yield f"{_named(it)}: nothing was changed, so this says nothing"
    if clients < CLIENTS:
        return
    one = {it.round_trip: it.used.wall for it in runs if it.what == "one host"}
    for it in runs:
        most = SECONDS.get(it.what)
        if most and it.used.wall > most:
            yield f"{_named(it)}: {it.used.wall:.1f} s, and not {most:.0f} s at most"
        if it.what == "no change" and it.round_trip in one:
            times = it.used.wall / one[it.round_trip]
            if times > TIMES_ONE_HOST[it.round_trip]:
                most = TIMES_ONE_HOST[it.round_trip]
                yield f"{_named(it)}: {times:.1f} times one host, and not {most:.0f} at most"
    for people, seconds in load.items():
        if seconds > LOAD_SECONDS:
            yield (
                f"{people} people: {seconds:.2f} s of CPU to load, validate and derive, and not "
                f"{LOAD_SECONDS} s at most"
            )


def _named(it: Measured) -> str:
    return f"{it.what}, {it.hosts} hosts, {it.round_trip} ms"
