"""Copies a host's own files into a store that somebody else runs: every night an encrypted set.

    backup FILE night            make tonight's set, and drop the sets that are over the number
    backup FILE look [--write]   print as JSON how old the newest set is and what is wrong; exit 1
                                 if anything is; --write: write the metrics too
    backup FILE run COMMAND...   run a command that can read the sets, e.g. run borg list
    backup FILE tidy             clear what a night that was cut off has left on this host

The program runs as root in a mount namespace of its own (coop-backup). Nobody else sees what it
mounts, and its mounts are gone when it ends, even if it is killed. FILE is JSON:

    store        the export, HOST:/PATH; the program uses the directory with the host's name there
    name         the host's name
    directories  what to copy, as absolute paths
    source       {"quiesce": [units]} to stop these units meanwhile, or {"lvm": "vg/lv"} or
                 {"zfs": dataset} to copy a snapshot of it
    starters     units that start services at any time, and that systemd does not know to do so: a
                 night stops them, and what they trigger, before the units of quiesce
    kept_running patterns of units, such as ssh.*, that a night must not stop with another unit
    config, password   files of gocryptfs, which this host has and the store has not
    state        a directory for borg's cache, which is of use until the next boot, and for what is
                 known of the sets
    check        for how many seconds a night reads the store, to see whether it is damaged
    keep         the sets of how many nights to keep
    max_age      how old the newest set may be, in seconds
    metrics      the file to write: textfile collector of prometheus-node-exporter(1)

The program trusts the store with nothing: the store has only ciphertext, and refuses chown. borg
keeps owners within its sets, and each change by borg is whole or does not happen: borg(1).
gocryptfs encrypts names and contents in forward mode, so borg needs no key of its own.
"""

from typing import Any

Settings = dict[str, Any]
