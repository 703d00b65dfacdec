"""What a storage server should be: its pool, the snapshots it keeps, its NFS server."""

# The kernel's headers, of which zfs-dkms makes the module, come with the host's `kernel`.
packages = ["zfs-dkms", "zfsutils-linux", "nfs-kernel-server", "sanoid"]

# ashift 12 is 4096-byte sectors: it can never be changed, and disks that claim 512 mostly lie.
# The disks themselves are listed with the host. layout: mirror, raidz1, raidz2 or single.
pool = {"name": "storage", "layout": "mirror", "ashift": 12}

# Every volume inherits these. Names and values as `zfs get` prints them: an alias such as posixacl
# is reported as posix and would look like a change in every run.
dataset_properties = {
    "compression": "lz4",
    "atime": "off",
    # Attributes and ACLs lie with the file instead of in a hidden directory beside it.
    "xattr": "sa",
    "acltype": "posix",
    # The data is the clients': nothing in it may gain power on this server.
    "setuid": "off",
    "devices": "off",
    "exec": "off",
}

# How many of each are kept. Production: two days to the hour, two weeks to the day. The monthly
# one is taken for the copies off-site, where a year of them is kept.
snapshots = {
    "prod": {"hourly": 48, "daily": 14, "weekly": 0, "monthly": 1},
    "staging": {"hourly": 24, "daily": 7, "weekly": 0, "monthly": 0},
}

# How often every block is read and compared with its checksum: weekly or monthly.
scrub = "monthly"

# The kernel's 90 seconds keep every client waiting that long after a restart of the server; below
# 10 it refuses, and the grace must not end before the lease.
nfs = {"threads": 8, "grace_seconds": 15, "lease_seconds": 15}
