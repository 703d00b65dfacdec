"""What the nodes of BigBlueButton need: from where packages come, which they are, who serves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fleet.bbb import Bbb
from fleet.groups.bbb_lines import BbbUnit, Line, OffPatch
from fleet.hosts import Host
from fleet.model import Fleet


@dataclass(frozen=True)
class AptSource:
    """One source of packages, as a host has it.

    name: of its files on the host; key: where the public key can be had
    fingerprint: of the key; None if nobody has verified it, or if a mirror's key stands in for it
    replaces: files of sources.list.d with the same source
    """

    name: str
    url: str
    suite: str
    components: tuple[str, ...]
    key: str
    fingerprint: str | None
    replaces: tuple[str, ...] = ()

    def line(self, keyring: str) -> str:
        """The line of sources.list(5). keyring: the file with the key on the host"""
        where = f"{self.url} {self.suite} {' '.join(self.components)}"
        return f"deb [signed-by={keyring}] {where}"


def node_of(host: Host) -> Bbb:
    """The host's record of its node. Raises ValueError if the host is none."""
    if host.bbb is None:
        raise ValueError(f"{host.name} is no node of BigBlueButton")
    return host.bbb


def line_of(fleet: Fleet, host: Host) -> Line:
    """The line of the host's release."""
    return fleet.bbb.lines[node_of(host).line]


def is_left_alone(fleet: Fleet, host: Host) -> bool:
    """Whether the host is a node that no run changes in anything, as its line only goes."""
    return host.bbb is not None and line_of(fleet, host).state == "retire-only"


def repository_of(fleet: Fleet, host: Host) -> str:
    """The directory of the host's release, e.g. "jammy-300-3.0.35"."""
    return line_of(fleet, host).repository.format(release=node_of(host).release)


def sources_of(fleet: Fleet, host: Host) -> list[AptSource]:
    """The host's sources of packages beside Ubuntu's own, that of BigBlueButton's release first."""
    mirror = node_of(host).mirror
    repository = repository_of(fleet, host)
    found = []
    for source in line_of(fleet, host).sources:
        url = source.url.replace("{repository}", repository)
        if mirror:
            parts = urlsplit(url)
            url = f"{mirror.url}/{parts.netloc}{parts.path}"
        fingerprint = None if mirror else source.fingerprint
        key = source.key.replace("{fingerprint}", source.fingerprint or "")
        more = (source.suite, source.components, key, fingerprint, source.replaces)
        found.append(AptSource(source.name, url, *more))
    return found


def packages_of_node(fleet: Fleet, host: Host) -> list[str]:
    """What is installed by name from these sources, with what formats and notes need."""
    node, line = node_of(host), line_of(fleet, host)
    formats = (package for it in node.recordings.formats for package in line.formats[it])
    return sorted({*line.packages, *formats, *line.notes[node.notes]})


def units_of(fleet: Fleet, host: Host) -> list[BbbUnit]:
    """The units of the host's line."""
    return list(line_of(fleet, host).units)


def patches_of(fleet: Fleet, host: Host) -> Iterator[dict[str, Any]]:
    """The patches of package files, as programs/bbb/wanted.py reads them."""
    node = node_of(host)
    known = {
        "hostname": node.hostname,
        "public_ipv4": node.public.ipv4,
        "local_ipv4": node.local_ipv4,
    }
    for patch in line_of(fleet, host).patches:
        said = patch.model_dump(mode="json")
        said["class"] = said.pop("level")
        if isinstance(patch, OffPatch):
            said["off"] = said.pop("without") == "ipv6" and node.public.ipv6 is None
        for field in ("line", "value"):
            if field in said:
                said[field] = said[field].format(**known)
        if "set" in said:
            said["set"] = {name: text.format(**known) for name, text in said["set"].items()}
        yield said


def nodes_of(fleet: Fleet) -> list[Host]:
    """All hosts that are nodes of BigBlueButton."""
    return [host for host in fleet.hosts.values() if host.bbb]


def nodes_at(fleet: Fleet, balancer: str) -> list[Host]:
    """The nodes to which the balancer sends meetings, those not serving included."""
    return [host for host in nodes_of(fleet) if node_of(host).balancer == balancer]


def serving_at(fleet: Fleet, balancer: str) -> list[Host]:
    """Those of the balancer's nodes that the data wants serving."""
    return [host for host in nodes_at(fleet, balancer) if node_of(host).wanted == "serving"]
