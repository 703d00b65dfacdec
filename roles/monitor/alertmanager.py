"""Whom Alertmanager calls, and how: https://prometheus.io/docs/alerting/latest/configuration/"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from fleet.derived.intervals import intervals, uncovered
from fleet.groups.monitor import MailServer
from fleet.oncall import OnCall

# Long enough for alerts of one cause to come together.
WAIT, INTERVAL = "30s", "1m"
REDUNDANCY, NOBODY = "redundancy", "nobody"

Config = dict[str, Any]


def config(
    oncall: OnCall,
    now: datetime,
    *,
    server: MailServer,
    password: str,
    address: Callable[[str], str],
    repeat_hours: int,
) -> Config:
    """The whole configuration.

    password: of the mail account; "" if nobody logs in
    address: takes a person; gives where they read mail

    Whatever is critical goes to the redundancy at any hour, and everything to the team on call. In
    hours that no team covers, the redundancy gets everything.
    """
    teams = intervals(oncall, now)
    return {
        "global": _mail(server, password),
        "templates": ["mail.tmpl"],
        "route": {
            "receiver": REDUNDANCY,
            "group_by": ["alertname", "host"],
            "group_wait": WAIT,
            "group_interval": INTERVAL,
            "repeat_interval": f"{repeat_hours}h",
            "routes": [
                {"matchers": ['severity="none"'], "receiver": NOBODY},
                {"matchers": ['severity="critical"'], "receiver": REDUNDANCY, "continue": True},
                *(
                    {"receiver": f"team-{it}", "active_time_intervals": [it], "continue": True}
                    for it in teams
                    if teams[it]
                ),
                {
                    "matchers": ['severity!="critical"'],
                    "receiver": REDUNDANCY,
                    "active_time_intervals": [NOBODY],
                },
            ],
        },
        # A host that is down tells nothing, and what else is wrong with it is not known.
        "inhibit_rules": [
            {
                "source_matchers": ['alertname="HostDown"'],
                "target_matchers": ['alertname!="HostDown"'],
                "equal": ["host"],
            }
        ],
        "receivers": [
            {"name": NOBODY},
            _receiver(REDUNDANCY, map(address, oncall.redundancy)),
            *(
                _receiver(f"team-{name}", map(address, team.people))
                for name, team in oncall.teams.items()
            ),
        ],
        "time_intervals": [
            *({"name": it, "time_intervals": its} for it, its in teams.items() if its),
            {"name": NOBODY, "time_intervals": uncovered(oncall, now)},
        ],
    }


def _mail(server: MailServer, password: str) -> Config:
    found = {
        "smtp_smarthost": f"{server.host}:{server.port}",
        "smtp_from": server.sender,
        "smtp_require_tls": server.tls,
    }
    if server.user:
        found |= {"smtp_auth_username": server.user, "smtp_auth_password": password}
    return found


def _receiver(name: str, addresses: Iterable[str]) -> Config:
    return {
        "name": name,
        "email_configs": [
            {
                "to": ", ".join(addresses),
                "send_resolved": True,
                "headers": {"Subject": '{{ template "coop.subject" . }}'},
                "html": "",
                "text": '{{ template "coop.text" . }}',
            }
        ],
    }
