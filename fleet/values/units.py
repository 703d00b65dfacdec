"""Units of systemd that a backup may stop for a while, and those that keep running."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator

from fleet.reading.problems import Invalid
from fleet.values.fields import UnitName

KEPT_RUNNING: Mapping[str, tuple[str, ...]] = {
    "operators come in by it": ("ssh.*", "ssh@*", "sshd.*", "sshd@*", "wg-quick*", "coop-undo*"),
    "the host has no network without it": (
        "networking.*", "network*.target", "NetworkManager*", "network-manager.*", "ifup@*",
        "dhcpcd*", "nss-lookup.target",
    ),
    "it keeps the host's ports closed": (
        "coop-firewall.*", "nftables.*", "netfilter-persistent.*", "iptables.*", "ufw.*",
        "firewalld.*",
    ),
    "the night itself would stop with it": (
        "coop-backup*", "basic.target", "sysinit.target", "default.target", "emergency.target",
        "multi-user.target", "graphical.target", "rescue.target", "runlevel*.target",
        "slices.target", "timers.target", "time-*.target", "sockets.target", "paths.target",
        "getty.target", "dbus*", "systemd-*",
    ),
    "what is copied is mounted by it": (
        "local-fs*.target", "remote-fs*.target", "swap.target", "cryptsetup*.target", "zfs*",
        "lvm2-*", "blk-availability.*",
    ),
    "the night reaches its store by it": ("nfs-client.target", "rpcbind.*", "rpc-*", "rpc_pipefs*"),
}  # fmt: skip
"""{why a backup must not stop it: patterns of units}: systemd.special(7), and Debian's packages."""


def _may_stop(unit: str) -> str:
    for reason, patterns in KEPT_RUNNING.items():
        if any(fnmatchcase(unit, pattern) for pattern in patterns):
            raise Invalid(
                f"{unit} must not be stopped: {reason}",
                "take it out, and name the services that write the files",
            )
    return unit


QuiescedUnit = Annotated[UnitName, AfterValidator(_may_stop)]
