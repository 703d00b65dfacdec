"""Holds every snapshot here for its full time, whatever the storage server does.

`hold FILE` runs as root on the host that keeps the copies, after each pull and before sanoid
prunes anything. No stream from the storage server can take a hold away: zfs-hold(8). FILE is JSON,
of which the program uses

    retentions  {target: {"hourly": 48, ...}}: how many snapshots sanoid keeps below that dataset
    stale       the file where a pull names datasets with a part that no pull can go on with

The program holds a snapshot of sanoid's for that count times its period. It holds any other
snapshot for ever, because nobody prunes it here. It holds the newest of each dataset whatever its
age, because the next pull goes on from it.

For a dataset, "now" is the time of its newest snapshot, or of the clock here if that is earlier. So
a hold ends early only if the clocks of both hosts are wrong, and not at all if nothing new comes.

The program gives stale parts up, because only root may. This touches nothing that has arrived
whole: -A in zfs-receive(8). If their list cannot be read, the program tells that, and leaves the
list to the next pull, which writes the list anew.
"""
