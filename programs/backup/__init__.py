"""Copies a host's own files into a store that somebody else runs: a set a night, encrypted.

    backup FILE night            make tonight's set, and let go of those that are over the number
    backup FILE look [--write]   how old the newest set is: JSON, exit 1 if it is too old
    backup FILE run COMMAND...   a command with the sets at hand, e.g. run borg list
    backup FILE tidy             end what a night that was cut off has left on this host

Runs as root in a mount namespace of its own (coop-backup): what it mounts is seen by nobody else,
and is gone when it ends, however it ends. FILE is JSON:

    store        the export, HOST:/PATH, of which this uses the directory with the host's name
    name         of the host
    directories  what is copied, absolute
    source       {"quiesce": [units]} that are stopped meanwhile, {"lvm": "vg/lv"} or
                 {"zfs": dataset} of which a snapshot is copied
    config, password   files of gocryptfs, which this host has and the store has not
    state        a directory for borg's cache, which is of use until the next boot, and what is
                 known of the sets
    check        seconds that a night reads of the store, to see whether it is damaged
    keep         how many nights
    max_age      seconds, how old the newest set may be
    metrics      the file to write: textfile collector of prometheus-node-exporter(1)

The store is trusted with nothing: it has ciphertext only, and refuses chown. borg keeps owners
within its sets, and each of its changes is whole or is not: borg(1). gocryptfs encrypts names and
contents in forward mode, so borg has no key of its own.
"""

from typing import Any

Settings = dict[str, Any]
