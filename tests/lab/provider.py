"""A machine of the lab that stands in for a provider who gives a directory by NFS.

It works as OVH documents its backup storage: all files belong to one foreign user, chown is
refused, and there are a quota, an access list by address, and a limit of three connections from an
address.
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
    """Make the directory and serve it by NFS. Raises CommandFailed."""
    provider.sh(
        "modprobe zfs && truncate -s 1G /var/ovh.img && "
        "zpool create -O mountpoint=/ovh ovh /var/ovh.img && "
        f"zfs create -o quota={QUOTA} ovh/ns1 && chown {ANYONE}:{ANYONE} {EXPORT}",
        timeout=300,
    )
    provider.sh("nft -f -", LIMIT.encode())
    provider.sh("systemctl start nfs-server", timeout=300)


def admit(provider: Machine, client: Machine) -> None:
    """Put the client on the access list."""
    options = f"rw,sync,no_subtree_check,all_squash,anonuid={ANYONE},anongid={ANYONE},fsid=1"
    provider.sh(f"exportfs -o {options} {client.address}:{EXPORT}")


def revoke(provider: Machine) -> None:
    provider.sh("exportfs -ua")


def written(provider: Machine) -> int:
    """The bytes that came by NFS since the server started: nfsd(7)."""
    return int(provider.sh("awk '/^io/ { print $3 }' /proc/net/rpc/nfsd"))


def connections(provider: Machine) -> int:
    """How many connections to its NFS server are open."""
    return len(provider.sh("ss -Htn state established sport = :2049").splitlines())
