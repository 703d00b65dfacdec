"""What a storage server should be: its pool, the snapshots it keeps, its NFS server."""

# zfs-dkms compiles the module with the kernel's headers. A run installs those too: which ones, the
# field `kernel` of the host's record says.
packages = ["zfs-dkms", "zfsutils-linux", "nfs-kernel-server", "sanoid"]

# ashift 12 means sectors of 4096 bytes: most disks that claim 512 lie. The ashift of a pool can
# never be changed. The host's record lists the disks, or `vdevs`, a list of disks for each vdev of
# the pool. layout: what a vdev is, mirror, raidz1, raidz2 or single.
pool = {"name": "storage", "layout": "mirror", "ashift": 12}

# Every volume inherits these. Write names and values as `zfs get` prints them. ZFS reports an alias
# under its other name (posixacl as posix), so an alias would look like a change in every run.
dataset_properties = {
    "compression": "lz4",
    "atime": "off",
    # ZFS keeps attributes and ACLs with the file, and not in a hidden directory beside it.
    "xattr": "sa",
    "acltype": "posix",
    # The data belongs to the clients: no file of theirs may gain rights on this server.
    "setuid": "off",
    "devices": "off",
    "exec": "off",
}

# How many snapshots of each kind the server keeps. Production: each hour of two days, each day of
# two weeks. The monthly one is for the copies off-site: that host keeps a year of them.
snapshots = {
    "prod": {"hourly": 48, "daily": 14, "weekly": 0, "monthly": 1},
    "staging": {"hourly": 24, "daily": 7, "weekly": 0, "monthly": 0},
}

# How often the server reads every block and compares it with its checksum: weekly or monthly.
scrub = "monthly"

# The grace is how long every client waits after a restart of the server: with the kernel's default,
# 90 seconds. The kernel refuses less than 10. The grace must not be shorter than the lease.
nfs = {"threads": 8, "grace_seconds": 15, "lease_seconds": 15}
