"""Gives the fleet to pyinfra: an inventory file calls `groups` and does nothing else."""

import os
from collections.abc import Collection, Container, Iterable
from pathlib import Path
from typing import Any

from pyinfra.api.exceptions import InventoryError

from controller import open_files
from controller.command_line import (
    check_directory,
    check_limits,
    converges,
    in_limit,
    only_reads,
)
from controller.reach import End, address_here, that_answer
from engine.report import warn_run
from fleet import ROOT, is_lab, secrets
from fleet.checks.bbb import check_keys
from fleet.derived.bbb import is_left_alone
from fleet.groups import GROUPS
from fleet.hosts import Host
from fleet.load import load, load_oncall
from fleet.model import Fleet
from fleet.reading.problems import FleetError, Problem, shown_path

PyinfraHost = tuple[str, dict[str, Any]]


def groups(
    file: str, environments: Collection[str], running: str | None = None, **data: Any
) -> dict[str, list[PyinfraHost]]:
    """The hosts of each group of fleet.groups, with their data for pyinfra.

    file: the inventory's YAML file, relative to the repository
    environments: those whose hosts are in the run
    running: a text file, relative to the repository, with the names of the hosts that are up, one
        a line. The run leaves out hosts that are not in it. If there is no such file, none is up
    data: further pyinfra data for every host

    Raises InventoryError if pyinfra was not started in the repository, if the fleet is not valid,
    if no host is left or a limit means none, if this machine cannot open so many connections, or if
    a run that changes hosts lacks a secret or the fingerprint of a key. A run that only reads
    (--dry) gets a warning for each instead.
    """
    check_directory()
    try:
        fleet = load(Path(file))
        hosts = _up(fleet.hosts_in(environments), running)
        check_limits(hosts)
        hosts = _changed(fleet, hosts)
        _check_vpn_keys(fleet)
        _check_oncall(fleet, hosts)
        _check_needs(fleet, hosts)
    except FleetError as error:
        # pyinfra prints its own errors as they are, and all others with a traceback.
        raise InventoryError(f"put this right first:\n{error}") from None
    open_files.allow(sum(map(in_limit, hosts)))
    addresses = _addresses_in_vpn(fleet, hosts)
    members = {
        host.name: (
            host.name,
            {**_ssh(host), **addresses.get(host.name, {}), "fleet_file": file, **data},
        )
        for host in hosts
    }
    return {
        group: [members[host.name] for host in hosts if group in host.groups] for group in GROUPS
    }


def _up(hosts: list[Host], running: str | None) -> list[Host]:
    if running is None:
        return hosts
    file = ROOT / running
    names = file.read_text().split() if file.exists() else []
    up = [host for host in hosts if host.name in names]
    if not up:
        raise InventoryError(f"none of the hosts is up ({running}); start some: make lab-up")
    return up


def _changed(fleet: Fleet, hosts: list[Host]) -> list[Host]:
    """The hosts without those that deploy.py leaves alone, if this is a run of it; says which."""
    alone = [host for host in hosts if is_left_alone(fleet, host)]
    if not alone or not converges():
        return hosts
    left = [host for host in hosts if host not in alone]
    if meant := ", ".join(host.name for host in alone if in_limit(host)):
        what = (
            f"{meant}: a node of a line of BigBlueButton that only goes is left as it is, its "
            "accounts, keys and firewall too. audit.py and bbb_status.py look at it; see "
            "docs/bbb-retire-a-node.md"
        )
        if not any(map(in_limit, left)):
            raise InventoryError(what)
        warn_run(what)
    return left


def _check_oncall(fleet: Fleet, hosts: Iterable[Host]) -> None:
    """Warns if the data of who is on call is wrong, such as a person who is removed.

    A run goes on, unless it changes a host that calls, which would call the wrong people. Raises
    FleetError.
    """
    watches = any(host.calls for host in hosts if in_limit(host))
    if is_lab(fleet.file) and not watches:
        # The lab has people of its own.
        return
    try:
        load_oncall(fleet)
    except FleetError as error:
        if watches and converges() and not only_reads():
            raise
        for problem in error.problems:
            warn_run(str(problem))


def _ssh(host: Host) -> dict[str, Any]:
    """The host's data for pyinfra's SSH connector, without fields that are not set."""
    values = {"hostname": host.address, **host.ssh.model_dump(exclude_none=True)}
    return {f"ssh_{name}": value for name, value in values.items()}


def _addresses_in_vpn(fleet: Fleet, hosts: Iterable[Host]) -> dict[str, dict[str, str]]:
    """By host, the pyinfra data of each host that the run reaches through the VPN."""
    members = [host for host in hosts if host.vpn and in_limit(host)]
    if not address_here(fleet):
        if closed := [host.name for host in members if host.only_by_vpn]:
            warn_run(
                f"you are not in the VPN, and {', '.join(closed)} may let nobody in from "
                "elsewhere. If so, bring your tunnel up (make vpn-config) and run again"
            )
        return {}
    ends = [end for host in members for end in (_public_end(host), _end_in_vpn(host)) if end]
    answering = that_answer(ends)
    found = {host.name: _address_in_vpn(host, answering) for host in members}
    return {name: {"ssh_hostname": it} for name, it in found.items() if it}


def _address_in_vpn(host: Host, answering: Container[End]) -> str | None:
    """The host's address in the VPN, if SSH answers there; otherwise None, for the public address.

    The run also takes the public address if SSH should be open to all and answers there.
    """
    public, inside = _public_end(host), _end_in_vpn(host)
    if inside is None or inside not in answering or (public and public in answering):
        return None
    return inside[0]


def _public_end(host: Host) -> End | None:
    """Where SSH should be open to all; None if it should be open to the VPN alone."""
    return None if host.only_by_vpn else (host.address, host.ssh_port)


def _end_in_vpn(host: Host) -> End | None:
    return (host.vpn.addresses[0], host.ssh_port) if host.vpn else None


def _check_vpn_keys(fleet: Fleet) -> None:
    """Raises FleetError for a stored key whose host is not in the VPN.

    The other hosts would drop that peer, while the host's own firewall may still let nobody in from
    elsewhere. An edit of one file must not lead to that.
    """
    members = {host.name for host in fleet.hosts_in_vpn()}
    file = shown_path(fleet.vpn_keys.file)
    gone = [name for name in fleet.vpn_keys.load() if name not in members]
    message = "has a key here, and the inventory has no such host, or none with vpn"
    remedy = "run once with only_way_in: false for it, then take it out here: docs/add-a-server.md"
    if gone:
        raise FleetError([Problem(file, name, "", message, remedy) for name in gone])


def _check_needs(fleet: Fleet, hosts: Iterable[Host]) -> None:
    """Raises FleetError for secrets and keys that are missing or unfit.

    A run that only reads gets warnings.
    """
    found = secrets.Secrets.load(secrets.file_for(fleet), os.environ)
    mine = [host for host in hosts if in_limit(host)]
    problems = [*found.problems(*secrets.required(fleet, mine)), *check_keys(fleet, mine)]
    if not problems:
        return
    if not only_reads():
        raise FleetError(problems)
    for problem in problems:
        warn_run(str(problem))
