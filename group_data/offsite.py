"""What a host should be that keeps copies of the storage server: its pool, how long it keeps."""

# sanoid's package has syncoid; mbuffer limits its bandwidth.
packages = ["zfs-dkms", "zfsutils-linux", "sanoid", "mbuffer", "python3"]

# The disks themselves are listed with the host. layout: mirror, raidz1, raidz2 or single.
pool = {"name": "offsite", "layout": "mirror", "ashift": 12}

# How many of each are kept, whatever the storage server still has of them. Each kind has to be
# taken there at all: group_data/storage.py.
snapshots = {
    "prod": {"hourly": 48, "daily": 35, "weekly": 0, "monthly": 12},
    "staging": {"hourly": 24, "daily": 14, "weekly": 0, "monthly": 0},
}

# How often every block is read and compared with its checksum: weekly or monthly.
scrub = "monthly"

# Bytes a second at most, so that a first copy leaves the line to others.
bandwidth = "20M"

# How old the newest snapshot may be, on the storage server and here, before it is an alarm: one an
# hour is taken there, and pulled.
rpo_hours = {"source": 1, "offsite": 2}

# When each copy is restored on trial, by the host's clock, and how many days that counts.
drill = "Sun 04:30"
proof_days = 8
