"""Restores the newest copies on trial, and records the results: only a proven backup counts.

    drill FILE         make all drills, each in namespaces of its own; exit 1 if one fails
    drill FILE NAME    make one drill, within these namespaces; print its result as JSON

The program runs as root on the host that keeps the copies. A drill mounts the newest snapshot that
has a manifest, read-only, and compares all of it with the manifest, which the storage server wrote.
It checks and decrypts an encrypted volume with the escrowed master key alone. It starts the site on
the snapshot, and fetches the site's page and a file. A drill has no network, and all that it mounts
or starts ends with it. FILE is JSON:

    manifests  the directory where programs/offsite/pull puts manifests
    show       the command that shows a tree as a manifest does: programs/offsite/manifest
    keys       a directory in memory: NAME/masterkey is the escrowed master key, if NAME has one
    evidence   the record, JSON: by dataset the last drill, and when the last good one was
    max_age    how old the snapshot may be, in seconds
    drills     {NAME: {"dataset", "target", "mountpoint", "ciphertext" or None, "uid",
               "site" or None: {"name", "nginx", "php", "fpm", "uploads"}}}
"""

from typing import Any

Settings = dict[str, Any]
"""What FILE says."""

Result = dict[str, Any]
"""What a drill found: it becomes a part of the record."""
