"""Changes a BigBlueButton node, and nothing else on the node changes what needs a window.

    coop-bbb look                    what runs, what waits for a window, which meetings are live
    coop-bbb meetings                the live meetings, by the node's own word
    coop-bbb gate close | open       refuse new meetings, or take them again
    coop-bbb change [--wait SECONDS] [--cut]
                                     make the node what the data says, in a unit of its own, and
                                     wait for the end; --cut: even if this ends meetings
    coop-bbb verify                  whether the node is what the data says, seen from its outside
    coop-bbb window read | clear     what the roll has noted of its window
    coop-bbb window write            note the JSON object on stdin

Each command prints one JSON object and exits 0. A command that could not do or could not find out
what it was asked prints {"problem": "..."} and exits 1. No command prints a secret.

Everything of the program lies in /var/lib/coop-infra/bbb (0700, root's):

    wanted.json, secret    what a run of pyinfra wants (programs/bbb/wanted.py)
    own.json               secrets that the node has made, once: programs/bbb/secrets.py
    old                    the API secrets before a rotation, until `verify` has found no fault
    state.json, change.log what the last change did
    window.json            what the roll notes
    apt/                   what apt is told in a change

A change may be cut off at any point. Each of its steps compares first, so the next change starts
from the first step and does what is left.
"""
