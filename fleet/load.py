"""Reads and validates all data (hosts, people, group data). A run does so before it connects."""

import runpy
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from fleet import LAB_STATE, ROOT, is_lab
from fleet.checks.bbb import check_bbb
from fleet.checks.certificates import check_certificates
from fleet.checks.hosts import check_copies, check_hosts
from fleet.checks.monitor import check_maintenance, check_monitor
from fleet.checks.oncall import check_oncall
from fleet.checks.people import check_access, check_people
from fleet.checks.ports import check_ports
from fleet.checks.scalelite import check_scalelite
from fleet.checks.vpn import check_vpn
from fleet.derived.oncall import ends
from fleet.groups import GROUPS, POOLED
from fleet.groups.bbb import BbbGroup
from fleet.groups.clients import ClientsGroup
from fleet.groups.monitor import MonitorGroup
from fleet.groups.offsite import OffsiteGroup
from fleet.groups.scalelite import ScaleliteGroup
from fleet.groups.storage import StorageGroup
from fleet.groups.vpn import VpnGroup
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.oncall import OnCall
from fleet.people import Person
from fleet.reading.explain import validate
from fleet.reading.leaks import leaks_in_text
from fleet.reading.problems import FleetError, Problem, hidden, shown_path
from fleet.reading.records import read_records
from fleet.reading.strict_yaml import read_yaml


@lru_cache
def load(file: Path) -> Fleet:
    """The fleet that group_data/ and an inventory such as inventories/coop.yml describe.

    Reads each inventory once. A relative path starts at the repository. Raises FleetError with all
    problems that were found.
    """
    group_data = ROOT / "group_data"
    if not is_lab(file):
        return read(file, group_data, group_data / "people.yml", datetime.now(UTC))
    # lab/up makes the lab's people: their private keys must not be in a repository.
    people = LAB_STATE / "people.yml"
    if not people.exists():
        message = "the lab's people are made with the lab, which was never up"
        raise FleetError([Problem(shown_path(people), "", "", message, "start it: make lab-up")])
    # The balancers of the lab, if a test has started some, have the names of the co-op's.
    balancers = LAB_STATE / "balancers.yml"
    instead = {"balancers": yaml.safe_load(balancers.read_text())} if balancers.exists() else {}
    return read(file, group_data, people, datetime.now(UTC), {"bbb": instead})


def load_oncall(fleet: Fleet) -> OnCall:
    """Who is on call when, by group_data/oncall.yml. Raises FleetError with all problems."""
    file = ROOT / "group_data/oncall.yml"
    return read_oncall(file, fleet.people, fleet.hosts, datetime.now(UTC))


def read_oncall(
    path: Path, people: Mapping[str, Person], hosts: Mapping[str, Host], now: datetime
) -> OnCall:
    """Like `load_oncall`, but from any file, as seen at that time in UTC."""
    file = shown_path(path)
    content, problems = read_yaml(path, file)
    if not isinstance(content, dict):
        message, remedy = "there is no mapping", "write teams, shifts and redundancy"
        raise FleetError(problems or [Problem(file, "", "", message, remedy)])
    oncall, found = validate(OnCall, content, file, "")
    problems += found
    if oncall:
        oncall = oncall.with_ends(ends(oncall, people, hosts))
        problems += check_oncall(file, oncall, people, hosts, now)
    if problems or oncall is None:
        raise FleetError(problems)
    return oncall


def read(
    file: Path,
    group_data: Path,
    people_file: Path,
    now: datetime,
    instead: Mapping[str, Mapping[str, Any]] | None = None,
) -> Fleet:
    """Like `load`, but from any directory of group data and any file of people, and never cached.

    now: the time at which people and their keys have to be valid, in UTC
    instead: by group, variables that stand in for those of its file
    """
    path = ROOT / file
    problems: list[Problem] = []
    variables = {name: _run(group_data / f"{name}.py", problems) for name in GROUPS}
    groups = {
        name: _group(
            name,
            {**values, **(instead or {}).get(name, {})},
            shown_path(group_data / f"{name}.py"),
            problems,
        )
        for name, values in variables.items()
        if values is not None
    }
    hosts = read_records(Host, "hosts", path)
    people = read_records(Person, "people", people_file)
    problems += [*hosts.problems, *people.problems]
    hosts_file = shown_path(path)
    if hosts.raw or not hosts.problems:
        pools = {role: (variables[role] or {}).get("pool") for role in POOLED}
        problems += check_hosts(hosts_file, hosts.raw, pools)
    storage, offsite = groups.get("storage"), groups.get("offsite")
    if isinstance(storage, StorageGroup) and isinstance(offsite, OffsiteGroup):
        problems += check_copies(shown_path(group_data / "offsite.py"), storage, offsite)
    if isinstance(vpn := groups.get("vpn"), VpnGroup):
        problems += check_vpn(hosts_file, hosts.valid, vpn)
    bbb, clients = groups.get("bbb"), groups.get("clients")
    if isinstance(bbb, BbbGroup) and isinstance(clients, ClientsGroup):
        problems += check_bbb(hosts_file, hosts.valid, bbb, clients, not hosts.problems)
    if isinstance(bbb, BbbGroup) and isinstance(its := groups.get("scalelite"), ScaleliteGroup):
        problems += check_scalelite(hosts_file, hosts.valid, its, bbb)
    problems += check_people(shown_path(people_file), people.valid)
    # Who gets in where is known only when all people and all hosts are valid.
    if not people.problems and not hosts.problems:
        problems += check_access(shown_path(people_file), people.valid, hosts.valid, now)
    problems += check_maintenance(hosts_file, hosts.valid, now)
    oncall = None
    if any(host.calls for host in hosts.valid.values()):
        # Only a run on a host that calls needs it: controller/inventory.py.
        with suppress(FleetError):
            oncall = read_oncall(group_data / "oncall.yml", people.valid, hosts.valid, now)
    if oncall and isinstance(its := groups.get("monitor"), MonitorGroup):
        problems += check_monitor(shown_path(group_data / "monitor.py"), its, oncall, now)
    if problems:
        raise FleetError(problems)
    fleet = Fleet.model_validate(
        {"file": path, "hosts": hosts.valid, "people": people.valid, "oncall": oncall, **groups}
    )
    if found := [*check_ports(fleet), *check_certificates(fleet)]:
        raise FleetError(found)
    return fleet


def _run(path: Path, problems: list[Problem]) -> dict[str, Any] | None:
    """The variables of a file of group data, without those whose names begin with _.

    None, and a problem, if Python cannot run the file.
    """
    try:
        variables = runpy.run_path(str(path))
    except Exception as error:
        file = shown_path(path)
        # Python's own message names what it does not know.
        message = f"cannot be read: {type(error).__name__}: {hidden(str(error))}"
        with suppress(OSError, UnicodeDecodeError):
            problems += leaks_in_text(path.read_text(encoding="utf-8"), file)
        problems.append(Problem(file, "", "", message, "correct its Python"))
        return None
    return {name: value for name, value in variables.items() if not name.startswith("_")}


def _group(
    name: str, values: dict[str, Any], file: str, problems: list[Problem]
) -> BaseModel | None:
    instance, found = validate(GROUPS[name], values, file, "")
    problems.extend(found)
    return instance
