"""Who can reach which host as which account, by which key, until when; and how fresh copies are.

As it is, and what of that is not as the data says. One remote command a host. Changes nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import click
from pyinfra import host, state
from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.exceptions import CliError

from controller.this_run import hosts_of_run, this_fleet, this_host
from engine.report import is_unreadable
from engine.several import Asked, Several
from facts.access import KEYS, Access, AccessState
from facts.copies import Copies, CopiesState
from facts.nftables import Table
from facts.sets import Sets, SetsState
from facts.systemd import Units
from facts.wireguard import WireGuard
from fleet import ROOT
from fleet.derived.access import owner
from fleet.values.keys import fingerprint
from operations import files, wireguard
from operations.access import bare, drift, expiry
from roles import access, backups, offsite, vpn
from roles.templates import render
from roles.vpn import firewall

REPORT = ROOT / "reports"


@dataclass(frozen=True)
class Key:
    """A key that is accepted; person: or machine; until: as in authorized_keys, "" for ever."""

    account: str
    sudo: bool
    key: str
    person: str
    until: str


@dataclass(frozen=True)
class Peer:
    """Who has a tunnel to the host, and the prefixes that are theirs."""

    name: str
    prefixes: list[str]


@dataclass(frozen=True)
class Copy:
    """How old the newest snapshot of a dataset is in minutes, None for none.

    source: at the storage server when it was looked at last; offsite: on the host itself
    """

    dataset: str
    source: int | None
    offsite: int | None


@dataclass(frozen=True)
class Backup:
    """The sets in the provider's store: how many, and the newest one's age in minutes."""

    sets: int
    newest: int | None


@dataclass(frozen=True)
class Audit:
    """One host; ssh_from: "anywhere" or "the VPN"; drift: what is not as the data says."""

    ssh_from: str = "unknown"
    keys: list[Key] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    backup: Backup | None = None
    drift: list[str] = field(default_factory=list)


class Ended(CliError, PyinfraError):  # type: ignore[misc]
    """Ends pyinfra with this status, without a prompt: there is nothing to run."""

    def __init__(self, status: int) -> None:
        super().__init__("")
        self.exit_code = status

    def show(self, file: Any = None) -> None: ...


_done: dict[str, Audit] = {}


def report() -> None:
    """Look at the host; after the last one, print and write the report.

    Raises Ended, with status 1 if anything is not as the data says.
    """
    _done[host.name] = _look()
    looked_at = {each.name for each in state.activated_hosts}
    if _done.keys() < looked_at:
        return
    for name in hosts_of_run():
        _done.setdefault(name, Audit(drift=["not reached"]))
    audits = dict(sorted(_done.items()))
    text = render(__file__, "audit.md.j2", audits=audits, at=datetime.now(UTC))
    REPORT.mkdir(exist_ok=True)
    (REPORT / "audit.md").write_text(text)
    found = {name: asdict(audit) for name, audit in audits.items()}
    (REPORT / "audit.json").write_text(json.dumps(found, indent=2) + "\n")
    click.echo(text)
    raise Ended(1 if any(audit.drift for audit in audits.values()) else 0)


def _look() -> Audit:
    wanted = access.wanted()
    in_vpn = this_host().vpn is not None
    tables = [firewall.text()] if in_vpn else []
    units = [unit.name for unit in vpn.units()] if in_vpn else []
    asked: list[Asked] = [
        (Access, wanted.question),
        (WireGuard, {"interface": this_fleet().vpn.interface}),
        (Table, {"table": firewall.TABLE, "texts": tables, "paths": [firewall.FILE]}),
        (Units, {"units": units, "files": []}),
    ]
    if "offsite" in this_host().roles:
        asked.append((Copies, {"program": offsite.look()}))
    if this_host().backup:
        asked.append((Sets, {"program": backups.look()}))
    found = host.get_fact(Several, asked=asked)
    if is_unreadable() or len(found) != len(asked):
        return Audit(drift=["could not be read"])
    now, tunnel, table, running, *rest = found
    copies = next((it for it in rest if isinstance(it, CopiesState)), CopiesState(problems=()))
    sets = next((it for it in rest if isinstance(it, SetsState)), None)
    drifted, names = drift(now, wanted), {}
    if in_vpn:
        interface = vpn.interface()
        names = {peer.public_key: peer.name for peer in interface.peers}
        drifted += [f"VPN: {it}" for it in wireguard.differences(tunnel.live, interface)]
        if tunnel.config != wireguard.config(interface, hidden=True):
            drifted.append("VPN: the file for the next boot is not the wanted one")
        if not table.live or table.live != table.loaded[0]:
            drifted.append("firewall: the table in force is not the wanted one")
        if files.differing([files.File(firewall.FILE, tables[0])], table.files):
            drifted.append("firewall: the file for the next boot is not the wanted one")
        for name in units:
            if name not in running.units or running.units[name].file != "enabled":
                drifted.append(f"{name}: not started at boot")
    elif tunnel.live or table.live:
        drifted.append("VPN: a tunnel or its firewall is there, and the data has no vpn for it")
    drifted += [f"copies: {it}" for it in copies.problems]
    drifted += [f"backup: {it}" for it in (sets.problems if sets else ())]
    peers = tunnel.live.peers if tunnel.live else {}
    return Audit(
        _ssh_from(table.live),
        list(_keys(now)),
        sorted(
            (Peer(names.get(key, "nobody"), sorted(it.allowed_ips)) for key, it in peers.items()),
            key=lambda peer: peer.name,
        ),
        list(_ages(copies)),
        Backup(sets.sets, _age(sets.at, sets.newest or None)) if sets else None,
        drifted,
    )


def _age(at: int, taken: int | None) -> int | None:
    """Minutes; None if there is none."""
    return None if taken is None else (at - taken) // 60


def _ages(copies: CopiesState) -> Iterator[Copy]:
    for name in sorted({*copies.source, *copies.offsite}):
        there, here = copies.source.get(name), copies.offsite.get(name)
        yield Copy(name, _age(copies.seen_at, there), _age(copies.at, here))


def _ssh_from(table: str) -> str:
    """From where SSH is open, by the table that is in force."""
    return "the VPN" if f"tcp dport {this_host().ssh_port} drop" in table else "anywhere"


def _keys(now: AccessState) -> Iterator[Key]:
    """Those that sshd accepts, of accounts that are open."""
    people, machines = this_fleet().people.values(), this_fleet().pull_keys.load()
    for path, file in sorted(now.files.items()):
        name = path.removeprefix(f"{KEYS}/")
        account = now.accounts.get(name)
        if name == path or account is None or account.expires is not None:
            continue
        for line in (file.content or b"").decode(errors="replace").splitlines():
            if key := bare(line):
                person = owner(people, key)
                machine = next((it for it, its in machines.items() if its == key), "nobody")
                whose = person.name if person else machine
                yield Key(name, account.sudo, _named(key), whose, expiry(line))


def _named(key: str) -> str:
    try:
        return fingerprint(key)
    except ValueError:
        return f"{key[:24]}... (not a key)"
