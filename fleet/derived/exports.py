"""The NFS exports that the fleet needs: each volume to its own client alone."""

from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from fleet.derived.datasets import dataset_name
from fleet.hosts import Host
from fleet.model import Fleet


@dataclass(frozen=True)
class Export:
    """One export: a directory, the client's IPv4 address in the VPN, and options of exports(5)."""

    path: str
    client: str
    options: tuple[str, ...]


def exports_of(fleet: Fleet) -> list[Export]:
    """The exports of the whole fleet, so that a run on a part of the hosts takes none away."""
    return [_export(fleet, host) for host in fleet.hosts_with_volume()]


def _export(fleet: Fleet, host: Host) -> Export:
    assert host.volume is not None and host.vpn is not None
    name = dataset_name(fleet, host)
    # mountpoint: without it the server exports the bare directory while the pool is not imported.
    # fsid: clients keep their mount when the device number or the server changes.
    # all_squash: a client can claim any uid, so every uid becomes the volume's owner.
    options = (
        "rw",
        "sync",
        "no_subtree_check",
        "mountpoint",
        f"fsid={uuid5(NAMESPACE_URL, f'zfs:{name}')}",
        "all_squash",
        f"anonuid={host.volume.uid}",
        f"anongid={host.volume.uid}",
        "sec=sys",
    )
    return Export(f"/{name}", host.vpn.addresses[0], options)
