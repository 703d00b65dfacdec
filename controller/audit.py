"""Compares each host with the data: who gets in, and how fresh copies and sets are.

Each role offers its questions to a host, and judges the answers. One remote command asks a host all
of these questions. The audit changes nothing.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import click
from pyinfra import host, state

from controller.command_line import Ended
from controller.this_run import hosts_of_run
from engine.report import is_unreadable
from engine.several import Asked, several
from engine.terminal import printable
from fleet import ROOT

REPORT = ROOT / "reports"

FORMAT = 3
"""The format of reports/audit.json, which says it under "format" for programs that read the file.

3: a host's "firewall" has "ports", which stood in "vpn", and "answers": by address outside of the
   VPN, the TCP ports at which something answers the operator's machine
2: "hosts" has the hosts, and a host has what each role found, under the role's name. "ports" says
   from where each service is open. It takes the place of "ssh_from", which knew SSH alone
1: the hosts are at the top, each with ssh_from, keys, peers, copies, backup, drift
"""


@dataclass(frozen=True)
class Finding:
    """What a role found on a host.

    data: for reports/audit.json
    text: for a person, in Markdown; "" if the role has nothing to say
    drift: what is not as the data says, a sentence each
    """

    data: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    drift: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """What a role asks a host. judge: makes a Finding of the answers, in the order of `asked`"""

    role: str
    asked: Sequence[Asked]
    judge: Callable[..., Finding]


Offer = Callable[[], Look | None]
"""Gives what a role asks the present host; None if the host has nothing of the role."""


_done: dict[str, dict[str, Finding]] = {}


def report(offers: Iterable[Offer]) -> None:
    """Look at the host. After the last host of the run, print the report and write it to REPORT.

    Raises Ended then, with status 1 if anything is not as the data says, and 0 otherwise.
    """
    _done[host.name] = look(offers)
    looked_at = {each.name for each in state.activated_hosts}
    if _done.keys() < looked_at:
        return
    for name in hosts_of_run():
        _done.setdefault(name, _alone("not reached"))
    found = dict(sorted(_done.items()))
    REPORT.mkdir(exist_ok=True)
    (REPORT / "audit.md").write_text(text := _as_text(found))
    (REPORT / "audit.json").write_text(json.dumps(_as_data(found), indent=2) + "\n")
    click.echo(text)
    raise Ended(1 if any(_drift(of_host) for of_host in found.values()) else 0)


def look(offers: Iterable[Offer]) -> dict[str, Finding]:
    """What each role found on the host, by role. All roles ask in one remote command."""
    looks = [it for offer in offers if (it := offer())]
    asked = [question for it in looks for question in it.asked]
    answers = several(asked)
    if is_unreadable() or len(answers) != len(asked):
        return _alone("could not be read")
    rest = iter(answers)
    return {it.role: it.judge(*(next(rest) for _ in it.asked)) for it in looks}


def _alone(drift: str) -> dict[str, Finding]:
    return {"host": Finding(drift=[drift])}


def _drift(found: dict[str, Finding]) -> list[str]:
    return [printable(line) for finding in found.values() for line in finding.drift]


def _as_data(found: dict[str, dict[str, Finding]]) -> dict[str, Any]:
    hosts = {
        name: {
            **{role: finding.data for role, finding in of_host.items() if finding.data},
            "drift": _drift(of_host),
        }
        for name, of_host in found.items()
    }
    return {"format": FORMAT, "hosts": hosts}


def _as_text(found: dict[str, dict[str, Finding]]) -> str:
    parts = [f"# Who gets in, as of {datetime.now(UTC):%Y-%m-%d %H:%M UTC}"]
    for name, of_host in found.items():
        parts.append(f"## {name}")
        parts += [text for finding in of_host.values() if (text := finding.text.strip("\n"))]
        if drift := _drift(of_host):
            lines = "\n".join(f"- {line}" for line in drift)
            parts.append(f"**Not as the data says:**\n\n{lines}")
        else:
            parts.append("As the data says.")
    return "\n\n".join(parts) + "\n"
