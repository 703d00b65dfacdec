"""Reads and validates all data, an inventory and the group data, before any connection."""

import runpy
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fleet import ROOT
from fleet.checks import check_hosts
from fleet.explain import validate
from fleet.groups import ClientsGroup, StorageGroup, VisionGroup
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.problems import FleetError, Problem, shown, shown_path
from fleet.strict_yaml import read_yaml

GROUPS: dict[str, type[BaseModel]] = {
    "storage": StorageGroup,
    "clients": ClientsGroup,
    "vision": VisionGroup,
}


@lru_cache
def load(file: Path) -> Fleet:
    """The fleet that an inventory such as inventories/coop.yml and group_data/ describe.

    A relative file is relative to the repository. Raises FleetError with everything that is wrong.
    """
    return read(file, ROOT / "group_data")


def read(file: Path, group_data: Path) -> Fleet:
    """Like load, from any directory of group data, and read anew each time."""
    path = ROOT / file
    problems: list[Problem] = []
    variables = {name: _run(group_data / f"{name}.py", problems) for name in GROUPS}
    groups = {
        name: _record(GROUPS[name], found, shown_path(group_data / f"{name}.py"), "", problems)
        for name, found in variables.items()
        if found is not None
    }
    pool = (variables["storage"] or {}).get("pool")
    hosts = _hosts(path, pool, problems)
    if problems:
        raise FleetError(problems)
    return Fleet.model_validate({"file": path, "hosts": hosts, **groups})


def _run(path: Path, problems: list[Problem]) -> dict[str, Any] | None:
    """The variables of a file of group data; None if it cannot be run."""
    try:
        variables = runpy.run_path(str(path))
    except Exception as error:
        message = f"cannot be read: {type(error).__name__}: {error}"
        problems.append(Problem(shown_path(path), "", "", message, "correct its Python"))
        return None
    return {name: value for name, value in variables.items() if not name.startswith("__")}


def _record(
    model: type[BaseModel], values: dict[str, Any], file: str, record: str, problems: list[Problem]
) -> BaseModel | None:
    instance, found = validate(model, values, file, record)
    problems.extend(found)
    return instance


def _hosts(path: Path, pool: Any, problems: list[Problem]) -> dict[str, BaseModel | None]:
    """The hosts of the inventory at path by name, None for those that are not valid."""
    file = shown_path(path)
    content, found = read_yaml(path, file)
    problems.extend(found)
    records = content.get("hosts") if isinstance(content, dict) else None
    if not isinstance(records, dict):
        if not found:
            message = "there is no mapping named hosts"
            problems.append(Problem(file, "", "", message, "write hosts: and each host below it"))
        return {}
    for key in content.keys() - {"hosts"}:
        message = "an inventory holds nothing but hosts"
        problems.append(Problem(file, key, "", message, "take it out or move it below hosts"))
    usable = {name: raw for name, raw in records.items() if isinstance(raw, dict)}
    problems.extend(check_hosts(file, usable, pool))
    return {name: _host(name, raw, file, problems) for name, raw in records.items()}


def _host(name: str, raw: Any, file: str, problems: list[Problem]) -> BaseModel | None:
    record = name or "''"
    if not isinstance(raw, dict):
        message = f"{shown(raw)} is not a mapping of fields"
        problems.append(
            Problem(file, record, "", message, "write roles, environment, address, ...")
        )
        return None
    if "name" in raw:
        message = "there is no such field"
        problems.append(Problem(file, record, "name", message, "take it out; the key is the name"))
    return _record(Host, {**raw, "name": name}, file, record, problems)
