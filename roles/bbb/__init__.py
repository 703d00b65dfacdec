"""A node of BigBlueButton: held, staged, and changed by its own program while nobody meets.

A run writes at once what nobody notices. What ends meetings a run only stages, and says that it
waits: bbb_roll.py opens the window. A bare node has no meetings, so a run installs it at once.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from pyinfra import host
from pyinfra.api import deploy

from controller import apt_keys
from controller.audit import Look
from controller.command_line import only_reads
from controller.preflight import refuse
from controller.roll import words
from controller.roll.answers import Look as NodeLook
from controller.roll.answers import Unreadable, read
from controller.this_run import secrets, this_fleet, this_host
from facts.bbb import Bbb
from fleet.derived.bbb import line_of, node_of, sources_of
from fleet.secret_kinds.bbb import BBB, TURN
from operations import accounts, bbb, files, systemd
from roles.bbb import at_once, held, staged
from roles.bbb.found import judge
from roles.places import PROGRAMS, PYTHON, program_in_parts
from roles.templates import render

COMMAND = "/usr/local/sbin/coop-bbb"
PROGRAM = f"{PROGRAMS}/bbb"
# A first install leaves this file until the node was seen whole.
FIRST = f"{staged.STATE}/first-install"


@deploy("BigBlueButton, before its packages")
def prepare() -> None:
    """Accounts with numbers of our own, and packages that nothing takes by chance."""
    fleet, here = this_fleet(), this_host()
    bbb.not_renamed(name="Name", program=COMMAND, first=FIRST, hostname=node_of(here).hostname)
    bbb.behind_haproxy(name="Port 443", program=COMMAND, first=FIRST)
    accounts.reserved(
        name="Accounts",
        users=[
            accounts.Reserved(it.name, it.uid, it.home, it.shell)
            for it in line_of(fleet, here).accounts
        ],
    )
    files.present(name="Packages are held", entries=held.entries(sources_of(fleet, here), keys()))


def keys() -> dict[str, str]:
    """By source, the text of its public key. Refuses the run if one is not as the data says."""
    fetch = None if only_reads() else apt_keys.fetched
    found = {}
    for source in sources_of(this_fleet(), this_host()):
        try:
            mirror = node_of(this_host()).mirror
            found[source.name] = apt_keys.key_of(source, mirror, fetch=fetch)
        except apt_keys.Unfit as error:
            refuse(f"the key of {source.name}", str(error))
            found[source.name] = ""
    return found


@deploy("BigBlueButton")
def converge() -> None:
    fleet, here = this_fleet(), this_host()
    files.present(name="Program", entries=_program())
    files.present(name="Files", entries=at_once.entries(fleet, here))
    files.present(name="Staged", entries=_staged())
    bbb.node(
        name="Node",
        program=COMMAND,
        first=FIRST,
        release=node_of(here).release,
        seconds=fleet.bbb.change,
        waits=partial(waits, host.name),
    )
    systemd.running(name="Services", units=at_once.units())


def waits(name: str, told: Mapping[str, Any]) -> str:
    """What waits for a window on the node of that name, in one line; "" for nothing.

    Raises ValueError if the node's own words cannot be read.
    """
    try:
        return words.waits(name, read(NodeLook, json.dumps(told))) or ""
    except Unreadable as error:
        raise ValueError(str(error)) from None


def audit() -> Look | None:
    """What the node tells of itself."""
    if this_host().bbb is None:
        return None
    return Look("bbb", [(Bbb, {"program": COMMAND, "first": FIRST})], judge)


def _program() -> list[files.Entry]:
    return [
        *program_in_parts(PROGRAM, "bbb"),
        files.File(COMMAND, render(__file__, "coop-bbb.j2", python=PYTHON, program=PROGRAM), 0o755),
    ]


def _staged() -> list[files.Entry]:
    here = this_host()
    turn = secrets().get(TURN.of(here.name)) if node_of(here).turn != "local" else None
    text = staged.wanted_text(this_fleet(), here, turn)
    entries: list[files.Entry] = [
        files.Directory(staged.STATE, 0o700),
        # Also without a secret of TURN servers: what it was may have one, and a diff shows both.
        files.File(staged.WANTED, text, 0o600, secret=True),
    ]
    # Only a dry run lacks the secret, or a node that is about to go: the inventory refuses others.
    if secret := secrets().get(BBB.of(here.name)):
        entries.append(files.File(staged.SECRET, f"{secret}\n", 0o600, secret=True))
    return entries
