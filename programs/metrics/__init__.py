"""Tells how a host stands, for Prometheus, each minute.

    metrics FILE    look, and write the metrics; exit 1 if they cannot be written

FILE is JSON. It says what the host should have, so that whatever is missing has a series too:

    file        the file to write: textfile collector of prometheus-node-exporter(1)
    locks       a directory of root's, for the locks of commands that may hang
    pool        the name of its ZFS pool, or null
    module      the module that each of its kernels has to have, or null
    datasets    the datasets whose room is told
    exports     pairs of a path and the client's address
    mounts      {path: type of file system, such as nfs4}
    interface   the WireGuard interface
    peers       {the first prefix of another server that it uses: its name}
    table       the firewall's table, such as "inet coop_vpn"
    bbb         the program coop-bbb on a node of BigBlueButton, or null
    accounts    the accounts that have a last day

Each collector is a module with

    MEANINGS    what its metrics mean, by name
    expected    the values where nothing is known: 0 for all that should be there; None if the host
                has nothing of the kind
    look        yields what there is, piece by piece: what came before a failure counts

Nothing that one collector meets is in the way of the others: what it raises is told in the journal,
and `coop_metrics_collector_success` is 0. What it did not get to has the values of `expected`; or,
where 0 would say that all is well, or that something was destroyed, those of the last look.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

Found = dict[str, dict[str, float]]
"""By metric, its values by labels, as programs.shared.exposition has them."""

Run = Callable[[Sequence[str]], str]
"""Runs a command and returns what it prints. Raises Failed."""


class Failed(Exception):
    """A command failed, or has not ended in time."""


@dataclass(frozen=True)
class Settings:
    """FILE, as above."""

    file: str
    locks: str
    pool: str | None
    module: str | None
    datasets: Sequence[str]
    exports: Sequence[tuple[str, str]]
    mounts: Mapping[str, str]
    interface: str
    peers: Mapping[str, str]
    table: str
    bbb: str | None
    accounts: Sequence[str]


def settings_of(said: Mapping[str, Any]) -> Settings:
    """The settings that FILE says."""
    values = {it.name: said[it.name] for it in fields(Settings)}
    return Settings(**{**values, "exports": [(path, client) for path, client in said["exports"]]})
