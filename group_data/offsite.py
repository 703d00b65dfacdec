"""What a host with copies of the storage server should be: its pool, how long it keeps copies."""

# syncoid is in the package sanoid. mbuffer limits the bandwidth of a pull.
packages = ["zfs-dkms", "zfsutils-linux", "sanoid", "mbuffer", "python3"]

# The host's record lists the disks. layout: mirror, raidz1, raidz2 or single.
# ashift: see group_data/storage.py.
pool = {"name": "offsite", "layout": "mirror", "ashift": 12}

# How many snapshots of each kind this host keeps, even when the storage server has destroyed its
# own. A kind that is not 0 here must not be 0 in group_data/storage.py: the server would take none.
snapshots = {
    "prod": {"hourly": 48, "daily": 35, "weekly": 0, "monthly": 12},
    "staging": {"hourly": 24, "daily": 14, "weekly": 0, "monthly": 0},
}

# How often the host reads every block and compares it with its checksum: weekly or monthly.
scrub = "monthly"

# How many bytes a second a pull may take (20M is 20 MiB), so that a first copy leaves room on the
# line for others.
bandwidth = "20M"

# How many hours old the newest snapshot may be before it is an alarm: source is the storage server,
# offsite is this host. Every hour the server takes a snapshot, and this host pulls it.
rpo_hours = {"source": 1, "offsite": 2}

# When in the week the host restores each volume's copy on trial, by its own clock; and for how many
# days a drill that went well counts: at least 8, as the next one comes after 7.
drill = "Sun 04:30"
proof_days = 8
