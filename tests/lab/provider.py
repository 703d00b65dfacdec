"""A machine of the lab in the place of a provider that gives a directory by NFS.

As OVH's backup storage is documented: all files are one foreign user's, chown is refused, there is
a quota, an access list by address, and at most three connections from an address.
"""

from lab.machines import Machine

EXPORT = "/ovh/ns1"
QUOTA = 256 * 2**20
ANYONE = 4321
LIMIT = """\
table inet provider {
  set seen { type ipv4_addr; flags dynamic; }
  chain in {
    type filter hook input priority 0;
    tcp dport 2049 ct state new add @seen { ip saddr ct count over 3 } reject
  }
}
"""


def set_up(provider: Machine) -> None:
    """Raises CommandFailed."""
    provider.sh(
        "modprobe zfs && truncate -s 1G /var/ovh.img && "
        "zpool create -O mountpoint=/ovh ovh /var/ovh.img && "
        f"zfs create -o quota={QUOTA} ovh/ns1 && chown {ANYONE}:{ANYONE} {EXPORT}",
        timeout=300,
    )
    provider.sh("nft -f -", LIMIT.encode())
    provider.sh("systemctl start nfs-server", timeout=300)


def admit(provider: Machine, client: Machine) -> None:
    """Put it on the access list."""
    options = f"rw,sync,no_subtree_check,all_squash,anonuid={ANYONE},anongid={ANYONE},fsid=1"
    provider.sh(f"exportfs -o {options} {client.address}:{EXPORT}")


def revoke(provider: Machine) -> None:
    provider.sh("exportfs -ua")


def written(provider: Machine) -> int:
    """Bytes that have come by NFS since it was started: nfsd(7)."""
    return int(provider.sh("awk '/^io/ { print $3 }' /proc/net/rpc/nfsd"))


def connections(provider: Machine) -> int:
    """To its NFS server."""
    return len(provider.sh("ss -Htn state established sport = :2049").splitlines())
