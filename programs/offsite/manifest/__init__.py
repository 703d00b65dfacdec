"""Writes down what is in the newest snapshot of each dataset: the storage server's own word.

    manifest write DIRECTORY ROOT...   write the manifests: as root, in a mount namespace of its
                                       own, each time after snapshots were taken
    manifest show TREE                 print the manifest of any directory, but its first line

A drill compares the two, on another host and much later. If they differ, something was changed in
between.

A dataset below a ROOT has the manifest DIRECTORY/DATASET/SNAPSHOT.gz: JSON, one value a line,

    {"dataset": ..., "snapshot": ..., "guid": ..., "created": ...}    created: seconds since 1970
    [path, kind, mode, uid, gid, size, SHA-256 of a file or target of a link]   for each, in order
    {"files": number, "bytes": their sum}                     the end: it says that all is there

A path that Linux would not take, because the directory's has 4096 bytes or more, is written as
//DIGEST/NAME. DIGEST: the SHA-256 of the directory's path, as this is written here.

The program reads a file again only if its inode, size or ctime has changed since the last manifest:
only root can set a ctime, utimensat(2). If a dataset takes too long, the program leaves it for the
next time, which goes on with what was read. So a client that makes a file of a petabyte, without
writing any of it, keeps no other dataset from getting its manifest. Nor does a client that makes
more files than the program has memory for: a process of its own writes each manifest.
"""

from typing import Any

Known = dict[str, list[Any]]
"""Files that were read, by path: [inode, size in bytes, ctime in ns, digest]"""
