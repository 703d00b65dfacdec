"""Pulls the new snapshots of a storage server, dataset by dataset, with syncoid.

`pull FILE` runs on the host that keeps the copies, with nothing but Debian's Python, as an
account that may receive below the targets and do no more. FILE is JSON:

    host       the storage server, as ssh_config(5) knows it
    bandwidth  bytes a second at most
    copies     {source: target}: datasets; all that is below a source is pulled below its target
    seen       the file for what the server had, and when: the program status reads it
    stale      the file for the datasets with a part that no pull can go on with: the program hold
               gives the part up
    manifests  the directory for the server's manifests: drills read them

One question to the server tells what is new there. So a pull that finds nothing is quick, however
many datasets there are. What syncoid says does not count: a dataset is done when the newest
snapshot of that first question is here.
"""
