"""The fleet as a picture, drawn from the data.

python -m controller.map INVENTORY FILE.svg [yes]: `yes` adds the hosts' addresses

The picture shows the hosts by environment, and what goes between them: NFS, pulls, sets, people.
Graphviz draws it.
"""

import hashlib
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from fleet.derived.vpn import addresses_at
from fleet.hosts import Host
from fleet.load import load
from fleet.model import Fleet
from fleet.people import Person
from fleet.reading.problems import FleetError

# In the order of the picture; of each environment its title and colour.
ENVIRONMENTS = {
    "shared": ("shared", "#eef3f8"),
    "staging": ("staging", "#f6f3e6"),
    "prod": ("production", "#eaf5ea"),
}
MARK = "drawn from "

_STYLE = [
    'graph [rankdir=LR, fontname="sans-serif", fontsize=12, nodesep=0.25, ranksep=1.1]',
    'node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif", fontsize=11]',
    'edge [fontname="sans-serif", fontsize=10]',
]


def dot(fleet: Fleet, addresses: bool = False) -> str:
    """The picture in Graphviz's language. addresses: whether it shows the hosts' addresses"""
    lines = [*_hosts(fleet, addresses), *_people(fleet), *_data(fleet)]
    return "\n".join(["digraph fleet {", *(f"  {line}" for line in [*_STYLE, *lines]), "}", ""])


def digest(text: str) -> str:
    """The mark in a picture, with the SHA-256 of the text from which the picture was drawn."""
    return MARK + hashlib.sha256(text.encode()).hexdigest()


def _hosts(fleet: Fleet, addresses: bool) -> Iterator[str]:
    """The hosts. Those in the VPN share a frame, and each environment has a frame within it."""
    inside = [host for host in fleet.hosts.values() if host.vpn]
    title = "VPN: WireGuard, each server with each other"
    yield f'subgraph cluster_vpn {{ label="{title}"; style="rounded"'
    for environment, (title, colour) in ENVIRONMENTS.items():
        members = [host for host in inside if host.environment == environment]
        if members:
            yield f'  subgraph cluster_{environment} {{ label="{title}"; style="rounded,filled"'
            yield f'    fillcolor="{colour}"'
            yield from (f"    {_host(host, addresses)}" for host in members)
            yield "  }"
    yield "}"
    yield from (_host(host, addresses) for host in fleet.hosts.values() if not host.vpn)


def _host(host: Host, addresses: bool) -> str:
    said = [host.name, *([", ".join(host.roles)] if host.roles else [])]
    if host.volume:
        said.append("encrypted volume" if host.volume.encrypted else "plain volume")
    if host.site:
        said.append(host.site.name)
    if host.bbb:
        said.append(f"{host.bbb.hostname}, {host.bbb.release}")
    if host.only_by_vpn:
        said.append("SSH by the VPN alone")
    if addresses:
        said += [host.address, *(host.vpn.addresses if host.vpn else ())]
    return f'"{host.name}" [label="{_label(said)}"]'


def _people(fleet: Fleet) -> Iterator[str]:
    """People with the same rights share a box. Their way into the VPN starts at the box."""
    boxes: dict[str, list[Person]] = defaultdict(list)
    for person in fleet.people.values():
        rights = ", ".join(f"{right} on {place}" for place, right in person.access.items())
        boxes[rights].append(person)
    yield 'subgraph cluster_people { label="people"; style="rounded"'
    for rights, people in boxes.items():
        label = _label([*(person.name for person in people), rights])
        yield f'  "people: {rights}" [shape=note, style=filled, label="{label}"]'
    yield "}"
    for rights, people in boxes.items():
        for hub in fleet.hosts_with_role("hub"):
            if any(addresses_at(hub, person) for person in people):
                yield f'"people: {rights}" -> "{hub.name}" [label="WireGuard"]'


def _data(fleet: Fleet) -> Iterator[str]:
    """Which way data goes: between hosts, and to stores."""
    server = fleet.storage_host.name
    for client in fleet.hosts_with_volume():
        yield f'"{server}" -> "{client.name}" [label="NFS", dir=both]'
    for puller in fleet.hosts_with_role("offsite"):
        yield f'"{server}" -> "{puller.name}" [label="pulled every hour"]'
    for host in fleet.hosts.values():
        if host.backup:
            yield f'"store: {host.name}" [shape=cylinder, label="provider\'s directory"]'
            yield f'"{host.name}" -> "store: {host.name}" [label="a set every night"]'


def _label(lines: list[str]) -> str:
    return "\\n".join(line.replace('"', '\\"') for line in lines)


def main(inventory: str, target: str, addresses: str = "") -> None:
    text = dot(load(Path(inventory)), bool(addresses))
    done = subprocess.run(["dot", "-Tsvg"], input=text, text=True, capture_output=True, check=True)
    picture = done.stdout.replace("</svg>", f"<!-- {digest(text)} -->\n</svg>")
    Path(target).parent.mkdir(exist_ok=True)
    Path(target).write_text(picture)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except FleetError as error:
        sys.exit(str(error))
    except FileNotFoundError:
        sys.exit("Graphviz draws the picture: apt install graphviz")
