"""How the programs that call people send mail."""

from typing import Any

from controller.this_run import secrets, this_fleet
from fleet.groups.monitor import MailServers
from fleet.secret_kinds.calls import MAIL
from fleet.secret_kinds.kind import Kind


def account(servers: MailServers, password: Kind) -> dict[str, Any]:
    """What programs.shared.messages.Mail takes, with all addresses by person as `to`. All secret.

    A dry run, which needs no secrets, has "" in their place.
    """
    fleet, known = this_fleet(), secrets()
    people = fleet.oncall.everybody if fleet.oncall else ()
    return {
        **fleet.mail_server(servers).model_dump(mode="json"),
        "password": known.get(password.variable) or "",
        "to": {it: known.get(MAIL.of(it)) or "" for it in people},
    }
