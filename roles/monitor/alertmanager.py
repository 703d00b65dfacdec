"""Whom Alertmanager calls, and how: https://prometheus.io/docs/alerting/latest/configuration/"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from fleet.derived.intervals import intervals, uncovered
from fleet.groups.monitor import MailServer
from fleet.oncall import OnCall
from roles.monitor.alerts import HOST, TOLD_BY

# Where TLS begins before SMTP does: RFC 8314.
SUBMISSIONS = 465
# Long enough for alerts of one cause to come together.
WAIT, INTERVAL = "30s", "1m"
REDUNDANCY, NOBODY, EVERYBODY = "redundancy", "nobody", "everybody"
WATCHERS, ROOM, UNATTENDED = "watchers", "room", "Unattended"

Config = dict[str, Any]


# Those who listen for a monitor hear each minute that all of this works.
_WATCHED: Config = {
    "matchers": ['alertname="Watchdog"'],
    "receiver": WATCHERS,
    "group_by": ["watched"],
    "group_wait": "0s",
    # A message is sent again at the first interval after this time.
    "repeat_interval": "30s",
}


def config(
    oncall: OnCall,
    now: datetime,
    *,
    server: MailServer,
    password: str,
    address: Callable[[str], str],
    watchers: Sequence[str],
    room: str | None,
    repeat_hours: int,
) -> Config:
    """The whole configuration.

    password: of the mail account; "" if nobody logs in
    address: takes a person; gives where they read mail
    room: the URL of what says each alert in the room of Matrix; None for no room
    watchers: the URLs of those that have to hear each minute that all of this works

    Whatever is critical goes to the redundancy at any hour, and everything to the team on call, to
    nobody twice. In hours that no team covers, the redundancy gets everything. What nobody has
    taken goes to everybody.
    """
    teams = intervals(oncall, now)
    return {
        "global": _mail(server, password),
        "templates": ["mail.tmpl"],
        "route": {
            "receiver": REDUNDANCY,
            # Also by the alert that a second call is about: one message, one command that takes it.
            "group_by": ["alertname", "host", "alert"],
            "group_wait": WAIT,
            "group_interval": INTERVAL,
            "repeat_interval": f"{repeat_hours}h",
            "routes": [
                *([_WATCHED] if watchers else []),
                {"matchers": ['severity="none"'], "receiver": NOBODY},
                *([{"receiver": ROOM, "continue": True}] if room else []),
                {"matchers": [f'alertname="{UNATTENDED}"'], "receiver": EVERYBODY},
                {"matchers": ['severity="critical"'], "receiver": REDUNDANCY, "continue": True},
                *(route for it in teams if teams[it] for route in _to_team(oncall, it)),
                {
                    "matchers": ['severity!="critical"'],
                    "receiver": REDUNDANCY,
                    "active_time_intervals": [NOBODY],
                },
            ],
        },
        "inhibit_rules": [
            # A host that is down tells nothing, and what else is wrong with it is not known. What
            # others see of it is told, and so is that nobody has taken it.
            _inhibit("HostDown", f'{TOLD_BY}="{HOST}"'),
            _inhibit("Maintenance", 'alertname!="Maintenance"'),
        ],
        "receivers": [
            {"name": NOBODY},
            *([_hooks(WATCHERS, watchers, resolved=False)] if watchers else []),
            *([_hooks(ROOM, [room], resolved=True)] if room else []),
            _receiver(REDUNDANCY, map(address, oncall.redundancy)),
            _receiver(EVERYBODY, map(address, oncall.everybody)),
            *(
                _receiver(receiver, map(address, people))
                for name in oncall.teams
                for receiver, _, people in _calls(oncall, name)
            ),
        ],
        "time_intervals": [
            *({"name": it, "time_intervals": its} for it, its in teams.items() if its),
            {"name": NOBODY, "time_intervals": uncovered(oncall, now)},
        ],
    }


def _calls(oncall: OnCall, team: str) -> list[tuple[str, str, list[str]]]:
    """The receivers of a team, each with its matcher and its people.

    Whoever is in the redundancy too has heard of what is critical: one thing, one mail.
    """
    people = [*oncall.teams[team].people]
    others = [it for it in people if it not in oncall.redundancy]
    found = [
        (f"team-{team}", 'severity!="critical"', people),
        (f"team-{team}-beside", 'severity="critical"', others),
    ]
    return [it for it in found if it[2]]


def _to_team(oncall: OnCall, team: str) -> Iterator[Config]:
    for receiver, matcher, _ in _calls(oncall, team):
        yield {
            "matchers": [matcher],
            "receiver": receiver,
            "active_time_intervals": [team],
            "continue": True,
        }


def _inhibit(source: str, targets: str) -> Config:
    """While the alert `source` fires, no target of the same host is told."""
    return {
        "source_matchers": [f'alertname="{source}"'],
        "target_matchers": [targets],
        "equal": ["host"],
    }


def _mail(server: MailServer, password: str) -> Config:
    found = {
        "smtp_smarthost": f"{server.host}:{server.port}",
        "smtp_from": server.sender,
        # At 465 TLS is there from the first byte, and such a server offers no STARTTLS.
        "smtp_require_tls": server.tls and server.port != SUBMISSIONS,
    }
    if server.user:
        found |= {"smtp_auth_username": server.user, "smtp_auth_password": password}
    return found


def _hooks(name: str, urls: Iterable[str], resolved: bool) -> Config:
    hooks = [{"url": it, "send_resolved": resolved} for it in urls]
    return {"name": name, "webhook_configs": hooks}


def _receiver(name: str, addresses: Iterable[str]) -> Config:
    return {
        "name": name,
        # One each: if the server refuses one address, the others are told all the same.
        "email_configs": [
            {
                "to": it,
                "send_resolved": True,
                "headers": {"Subject": '{{ template "coop.subject" . }}'},
                "html": "",
                "text": '{{ template "coop.text" . }}',
            }
            for it in addresses
        ],
    }
