"""Measures the runs of a fleet of one size. A recording of each run answers for the hosts."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.scale.fleet import INVENTORY, Size, address, declare, make_project
from tests.scale.process import FailedError, Used, run


@dataclass(frozen=True)
class Measured:
    """What one run took.

    what: "first", "no change", "a VM added" or "one host"
    hosts: of the fleet; round_trip: in milliseconds; operations, changed: on all hosts
    most, commands: remote commands of the host with the most, and of all
    received: bytes from all hosts; simulation: seconds of CPU that simulated all hosts
    """

    what: str
    hosts: int
    people: int
    round_trip: int
    used: Used
    operations: int
    changed: int
    most: int
    commands: int
    received: int
    simulation: float


class Fleet:
    """A fleet of that size, from the first day on, in a directory of its own."""

    def __init__(self, size: Size, directory: Path) -> None:
        self._size, self._directory = size, directory
        self._project = make_project(directory)
        self._port = free_port()

    def measure(self, round_trips: tuple[int, ...], one_host: int) -> Iterator[Measured]:
        """Measures all runs in turn, those with no change at each round trip, in milliseconds.

        one_host: how often a run with no change on a single host is measured, at each round trip
        """
        first = round_trips[0]
        self._declare(self._size, new=self._size.hosts)
        yield self._recorded("first", first, worlds="")
        self._declare(self._size, new=[])
        for round_trip in round_trips:
            yield self._recorded("no change", round_trip, worlds="first")
        for round_trip in round_trips * one_host:
            yield self._replayed("one host", "no change", round_trip, "--limit", "vm1")
        grown = Size(self._size.clients + 1, self._size.people)
        self._declare(grown, new=grown.hosts[-1:])
        yield self._recorded("a VM added", first, worlds="first")

    def _declare(self, size: Size, new: list[str]) -> None:
        self._size = size
        declare(self._project, size, self._port, new)

    def _recorded(self, what: str, round_trip: int, worlds: str) -> Measured:
        """Measures a run, and records it first if there is no recording yet.

        worlds: the run whose hosts this run begins with, or "" for new hosts
        """
        if not self._file(what, "recording").exists():
            with self._put_back():
                before = str(self._file(worlds, "worlds")) if worlds else ""
                files = [str(self._file(what, it)) for it in ("worlds", "recording")]
                run("tests.scale.record", [before, *files], self._project, self._file(what, "log"))
        return self._replayed(what, what, round_trip)

    def _replayed(self, what: str, recording: str, round_trip: int, *options: str) -> Measured:
        told, counted = self._file(what, "told"), self._file(what, "counted")
        arguments = [str(told), INVENTORY, "deploy.py", "-y", *options]
        with self._served(recording, round_trip, counted):
            used = run("tests.scale.controller", arguments, self._project, self._file(what, "log"))
        did, counts = json.loads(told.read_text()), json.loads(counted.read_text())
        hosts = counts["hosts"]
        if unknown := {name: it["unknown"][0] for name, it in hosts.items() if it["unknown"]}:
            raise FailedError(f"{what}: commands that were not recorded: {unknown}")
        return Measured(
            what,
            len(self._size.hosts),
            self._size.people,
            round_trip,
            used,
            did["operations"],
            did["changed"],
            max(it["commands"] for it in hosts.values()),
            sum(it["commands"] for it in hosts.values()),
            sum(it["sent"] for it in hosts.values()),
            counts["cpu"],
        )

    @contextmanager
    def _served(self, recording: str, round_trip: int, counted: Path) -> Iterator[None]:
        file = str(self._file(recording, "recording"))
        arguments = [file, str(self._port), str(round_trip), str(counted), *self._size.hosts]
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.scale.server", *arguments],
            cwd=self._project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            assert server.stdout is not None
            if not server.stdout.readline():
                raise FailedError("the simulated hosts do not listen")
            yield
        finally:
            # This closes the server's stdin, and so ends the server.
            server.communicate()

    @contextmanager
    def _put_back(self) -> Iterator[None]:
        """Puts back what a run changes on the operator's machine: inventories and escrow."""
        kept = self._directory / "kept"
        places = {
            "inventories": self._project / "inventories",
            "escrow": self._project.parent / "escrow",
        }
        for name, place in places.items():
            shutil.copytree(place, kept / name)
        yield
        for name, place in places.items():
            shutil.rmtree(place)
            (kept / name).rename(place)

    def _file(self, what: str, kind: str) -> Path:
        return self._directory / f"{what}.{kind}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((address(0), 0))
        port: int = probe.getsockname()[1]
    return port
