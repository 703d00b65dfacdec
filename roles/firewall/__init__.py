"""The firewall: each port of a host is open to those whom the data names, and to nobody else.

It is a table of nftables of this project's own, and the tables of others (ufw, Docker) stay.
"""

from functools import partial

from pyinfra.api import deploy

from controller.audit import Look
from engine.several import Asked
from facts.nftables import Table
from facts.systemd import Units
from operations import files, nftables, systemd
from roles.firewall import found, parts, table
from roles.firewall.parts import FILE, TABLE
from roles.firewall.proof import prove
from roles.places import unit_file
from roles.templates import render

UNIT = "coop-firewall.service"
# nftables.service takes everybody's tables away when it starts, stops or reloads.
DROP_IN = unit_file("nftables.service.d/coop-infra.conf")


@deploy("Firewall")
def converge() -> None:
    """After the tunnel is up: where SSH is open to the VPN alone, the proof goes through it."""
    files.present(name="Files", entries=_files())
    nftables.table(
        name="Table",
        table=TABLE,
        file=FILE,
        text=table.text,
        prove=prove,
        parts=tuple(parts.parts()),
    )
    systemd.running(name="Service", units=[systemd.Unit(UNIT)], drop_ins=[DROP_IN])


def _files() -> list[files.Entry]:
    """Without that of the table, which needs a proof."""
    return [
        files.File(unit_file(UNIT), render(__file__, "firewall.service.j2", file=FILE)),
        files.File(DROP_IN, render(__file__, "nftables.conf.j2", file=FILE)),
    ]


def audit() -> Look:
    """From where ports are open, by the table in force and as seen from the operator's machine."""
    text = table.whole()
    asked: list[Asked] = [
        (Table, {"table": TABLE, "paths": [FILE], "texts": [text]}),
        (Units, {"units": [UNIT]}),
    ]
    return Look("firewall", asked, partial(found.judge, file=files.File(FILE, text), unit=UNIT))
