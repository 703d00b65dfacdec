"""What roles know of this run: the whole fleet, the present host, the run's hosts, secrets."""

import os
from functools import cache
from pathlib import Path

from pyinfra import host, state

from fleet.hosts import Host
from fleet.load import load
from fleet.model import Fleet
from fleet.secrets import Secrets, file_for


def this_fleet() -> Fleet:
    """The whole fleet, as this run's inventory has read and validated it."""
    return load(Path(host.data.fleet_file))


def this_host() -> Host:
    """The record of the host that the run is at now."""
    return this_fleet().host(host.name)


def hosts_of_run() -> list[str]:
    """The names of the hosts in this run, also of those that do not answer."""
    return [each.name for each in state.inventory if state.is_host_in_limit(each)]


@cache
def _secrets(file: Path) -> Secrets:
    return Secrets.load(file, os.environ)


def secrets() -> Secrets:
    """The secrets that belong to this run's fleet."""
    return _secrets(file_for(this_fleet()))
