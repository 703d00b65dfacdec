"""At each hand-over, tells both teams what goes on. Says at any time who is on call, as metrics.

    coop-handover SETTINGS SECRETS    each minute; exit 1 if a note could not be sent

SETTINGS is JSON, times are seconds since 1970:

    prometheus, alertmanager    their URLs
    metrics                     the file to write: textfile collector of prometheus-node-exporter(1)
    state                       the file that keeps up to when hand-overs were told
    turns                       [since, until, team] each, in their order
    people                      by team, its people
    zones                       the zones by whose clocks people read times
    maintenance                 [host, until, why] each
    first                       the hosts that send the note before this one does

SECRETS: the mail server with, as `to`, the address of each person; and the room of Matrix, or null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from programs.shared.messages import Mail, Matrix


@dataclass(frozen=True)
class Turn:
    """From when until when a team is on call, in seconds since 1970."""

    since: int
    until: int
    team: str


@dataclass(frozen=True)
class Settings:
    """As above."""

    prometheus: str
    alertmanager: str
    metrics: str
    state: str
    turns: Sequence[Turn]
    people: Mapping[str, Sequence[str]]
    zones: Sequence[str]
    maintenance: Sequence[tuple[str, int, str]]
    first: Sequence[str]


@dataclass(frozen=True)
class Ways:
    """The ways to people. addresses: by person"""

    mail: Mail
    addresses: Mapping[str, str]
    room: Matrix | None

    def mail_to(self, people: Sequence[str]) -> Mail:
        """Mail for these people."""
        return replace(self.mail, to=tuple(self.addresses[it] for it in people))


def settings_of(told: Mapping[str, Any]) -> Settings:
    turns = [Turn(*it) for it in told["turns"]]
    maintenance = [(host, until, why) for host, until, why in told["maintenance"]]
    return Settings(**{**told, "turns": turns, "maintenance": maintenance})


def ways_of(told: Mapping[str, Any]) -> Ways:
    mail = Mail(**{**told["mail"], "to": ()})
    room = Matrix(**told["matrix"]) if told["matrix"] else None
    return Ways(mail, told["mail"]["to"], room)
