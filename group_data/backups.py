"""When a host with a `backup` makes its sets, how many it keeps, and how old they may get."""

# borgbackup makes the sets, gocryptfs encrypts them. A host whose record says `lvm` has lvm2.
packages = ["nfs-common", "gocryptfs", "fuse3", "borgbackup", "python3"]

# When each night begins, by the host's clock.
at = "02:30"

# How many nights' sets the host keeps.
keep = 14

# How many hours a night may take. systemd then ends the night, and the next one goes on from there.
night_hours = 2

# For how many minutes each night, after it has made its set, reads the store to find damage. The
# next night reads on from there, so that several nights together read all of it.
check_minutes = 15

# How many hours old the newest set may be before it is an alarm. The night_hours come on top: the
# next set may take that long.
rpo_hours = 24
