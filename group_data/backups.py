"""What a host should be that has itself backed up: when, how many sets, how old they may get."""

# borgbackup makes the sets, gocryptfs encrypts them. lvm2 only where a host has it: see its record.
packages = ["nfs-common", "gocryptfs", "fuse3", "borgbackup", "python3"]

# When each night, by the host's clock.
at = "02:30"

# How many nights are kept.
keep = 14

# How long a night's copy may take. It is ended then, and the next one goes on from there.
night_hours = 2

# How long a night then reads what is in the store, to find damage: the next one goes on from there.
check_minutes = 15

# How old the newest set may be, besides the time that the next one takes.
rpo_hours = 24
