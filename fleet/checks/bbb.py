"""Problems of nodes of BigBlueButton: between each other, with their lines, with balancers."""

from collections.abc import Iterable, Iterator, Mapping

from fleet.bbb import Bbb
from fleet.derived.bbb import sources_of
from fleet.groups.bbb import BbbGroup
from fleet.groups.bbb_lines import Line
from fleet.groups.clients import ClientsGroup
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.reading.problems import Problem
from fleet.reading.records import shared_values

GROUP_FILE = "group_data/bbb.py"
# BigBlueButton's packages give all below to an account of theirs, which fails on the storage
# (bigbluebutton #20544).
RECORDINGS = "/var/bigbluebutton"

Nodes = Mapping[str, Bbb]


def check_bbb(
    file: str, hosts: Mapping[str, Host], group: BbbGroup, clients: ClientsGroup, whole: bool
) -> Iterator[Problem]:
    """Every problem of the nodes. hosts: by name

    whole: whether these are all hosts. If not, nobody knows yet how many nodes serve
    """
    nodes = {name: host.bbb for name, host in hosts.items() if host.bbb}
    names = {name: [node.hostname] for name, node in nodes.items()}
    boards = {host.site.name: name for name, host in hosts.items() if host.site}
    yield from shared_values(file, "bbb.hostname", names)
    public = {name: [it.public.ipv4, it.public.ipv6] for name, it in nodes.items()}
    addresses = {name: [it for it in its if it] for name, its in public.items()}
    yield from shared_values(file, "bbb.public", addresses)
    for name, node in nodes.items():
        if node.hostname in boards:
            message = f"{node.hostname} is also the site of {boards[node.hostname]}"
            yield Problem(file, name, "bbb.hostname", message, "give each its own")
        line = group.lines.get(node.line)
        if line is None:
            message = f"{node.release} is of no line of releases that is known"
            remedy = f"choose a release of {' or '.join(group.lines)}, or add {node.line} to "
            yield Problem(file, name, "bbb.release", message, remedy + GROUP_FILE)
        else:
            yield from _fits(file, hosts[name], node, line)
        if node.balancer is not None and node.balancer not in group.balancers:
            message = f"there is no balancer {node.balancer}"
            remedy = f"write one of {', '.join(group.balancers)}, or add it to {GROUP_FILE}"
            yield Problem(file, name, "bbb.balancer", message, remedy)
        else:
            yield from _balanced(file, name, node, group)
    if whole:
        yield from _some_serve(file, nodes)
        yield from _enough_serve(file, nodes, group)
    if any(hosts[name].volume for name in nodes):
        yield from _lies_apart(clients)


def check_keys(fleet: Fleet, hosts: Iterable[Host]) -> Iterator[Problem]:
    """A problem for each source of packages that these hosts need, and whose key nobody knows.

    Bad data it is not, so that other hosts can be converged meanwhile.
    """
    missing = {
        (host.bbb.line, number): source.name
        for host in hosts
        if host.bbb and host.bbb.mirror is None
        for number, source in enumerate(sources_of(fleet, host))
        if source.fingerprint is None
    }
    for (line, number), name in missing.items():
        message = f"nobody has written down the fingerprint of the key of {name}"
        remedy = (
            "compare it where its owner shows it (of a PPA, its page on Launchpad), and write all "
            "40 digits there; or give the hosts a mirror"
        )
        yield Problem(GROUP_FILE, "lines", f"{line}.sources.{number}.fingerprint", message, remedy)


def _fits(file: str, host: Host, node: Bbb, line: Line) -> Iterator[Problem]:
    if host.ubuntu != line.ubuntu:
        message = f"{node.release} needs Ubuntu {line.ubuntu}, and the host has {host.ubuntu}"
        remedy = f"install the host anew with Ubuntu {line.ubuntu}, or choose another release"
        yield Problem(file, host.name, "bbb.release", message, remedy)
    if line.state == "retire-only" and node.wanted == "serving":
        message = f"{node.line} is no longer supported, and nothing on such a node is changed"
        remedy = "write wanted: drained or retired, and add a node with a newer release"
        yield Problem(file, host.name, "bbb.wanted", message, remedy)
    if node.notes not in line.notes:
        message = f"{node.line} has no {node.notes}"
        yield Problem(file, host.name, "bbb.notes", message, f"write {' or '.join(line.notes)}")
    for number, kind in enumerate(node.recordings.formats):
        if kind not in line.formats:
            message = f"{node.line} has no recordings in the format {kind}"
            remedy = f"write {', '.join(line.formats)}"
            yield Problem(file, host.name, f"bbb.recordings.formats.{number}", message, remedy)


def _balanced(file: str, name: str, node: Bbb, group: BbbGroup) -> Iterator[Problem]:
    """Problems of a node at a balancer that is known, or at none."""
    if node.balancer is None or group.balancers[node.balancer].driver != "bbblb":
        return
    for field, value in (("weight", node.weight != 1), ("tag", node.tag is not None)):
        if value:
            message = f"{node.balancer} is bbblb, which has no {field} for a server"
            yield Problem(file, name, f"bbb.{field}", message, "take it out")


def _some_serve(file: str, nodes: Nodes) -> Iterator[Problem]:
    """A problem for each node that is to be retired, if then none serves in its place."""
    for name, node in nodes.items():
        left = [
            it
            for it in nodes.values()
            if it.wanted == "serving" and node.balancer in (it.balancer, None)
        ]
        if node.wanted == "retired" and not left:
            where = f"at the balancer {node.balancer}" if node.balancer else "at all"
            message = f"no node would serve {where}"
            remedy = "add another node first, or write wanted: drained"
            yield Problem(file, name, "bbb.wanted", message, remedy)


def _enough_serve(file: str, nodes: Nodes, group: BbbGroup) -> Iterator[Problem]:
    for name, balancer in group.balancers.items():
        its = {host: node for host, node in nodes.items() if node.balancer == name}
        serving = [host for host, node in its.items() if node.wanted == "serving"]
        if its and len(serving) < balancer.min_serving:
            message = (
                f"{balancer.min_serving} nodes have to serve at any time, and {len(serving)} would "
                f"in {file}"
            )
            remedy = f"write wanted: serving for {' or '.join(its)}, or a smaller number here"
            yield Problem(GROUP_FILE, "balancers", f"{name}.min_serving", message, remedy)


def _lies_apart(clients: ClientsGroup) -> Iterator[Problem]:
    for field in ("mountpoint", "ciphertext"):
        path = f"{getattr(clients, field)}/"
        if path.startswith(f"{RECORDINGS}/") or f"{RECORDINGS}/".startswith(path):
            message = f"an upgrade of BigBlueButton fails with the storage in {path[:-1]}"
            remedy = f"choose a directory outside of {RECORDINGS}, and not above it"
            yield Problem("group_data/clients.py", field, "", message, remedy)
