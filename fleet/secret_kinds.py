"""The kinds of secrets in .env: which run needs one, which values are fit, how to make one."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fleet import ROOT
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.people import is_over
from fleet.values.fields import MAIL_ADDRESS

SHORTEST = 20

Wrong = tuple[str, str]
"""What is wrong with a value, and what to do. Neither text shows the value."""


@dataclass(frozen=True)
class Kind:
    """A kind of secret.

    variable: the variable in .env. If it ends in _, the name of a host, a person
        or a balancer follows
    needed: takes the fleet, a run's hosts and the time; gives the variables that the run needs
    wrong: takes the value, or None if it is not set; gives what is wrong with it, or None
    make: the shell command that prints a new secret; "" if no command makes one
    """

    variable: str
    needed: Callable[[Fleet, Sequence[Host], datetime], Iterable[str]]
    wrong: Callable[[str | None], Wrong | None]
    make: str = ""

    def of(self, name: str) -> str:
        """The variable for the host, person or balancer of that name: capitals, and _ for -."""
        return self.variable + name.upper().replace("-", "_")

    def has(self, variable: str) -> bool:
        """Whether the variable is of this kind."""
        if self.variable.endswith("_"):
            return variable.startswith(self.variable)
        return variable == self.variable


def kind_of(variable: str) -> Kind:
    """The kind of the variable. Raises KeyError if the variable is of no kind."""
    for kind in KINDS:
        if kind.has(variable):
            return kind
    raise KeyError(variable)


def escrow_path(value: str) -> Path:
    """The escrow directory. The value may begin with ~."""
    try:
        return Path(value).expanduser()
    except RuntimeError:  # ~somebody who has no account here
        return Path(value)


def _encrypted(hosts: Iterable[Host]) -> list[Host]:
    return [host for host in hosts if host.volume and host.volume.encrypted]


def _passwords(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    return [PASSWORD.of(host.name) for host in _encrypted(hosts)]


def _escrow(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    # Drills on a host with the role offsite open the copies of encrypted volumes by escrowed keys.
    restores = any("offsite" in host.roles for host in hosts) and _encrypted(fleet.hosts.values())
    needed = _encrypted(hosts) or restores or any(host.backup for host in hosts)
    return [ESCROW.variable] if needed else []


def _preshared(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    if not any("hub" in host.roles for host in hosts):
        return []
    return [
        PRESHARED.of(person.name)
        for person in fleet.people.values()
        if person.vpn and person.vpn.preshared and not is_over(person.expires, now)
    ]


def _nodes(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    # Nothing on a node that is about to go is changed, and its secret neither.
    return [BBB.of(it.name) for it in hosts if it.bbb and it.bbb.wanted != "retired"]


def _turn(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    return [TURN.of(it.name) for it in hosts if it.bbb and it.bbb.turn != "local"]


def _balancers(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    names = dict.fromkeys(it.bbb.balancer for it in hosts if it.bbb)
    names.update(dict.fromkeys(it.scalelite.balancer for it in hosts if it.scalelite))
    # bbblb's own machine keeps bbblb's secret.
    known = fleet.bbb.balancers
    return [BALANCER.of(it) for it in names if it and known[it].driver != "bbblb"]


def _addresses(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    oncall = any(host.calls for host in hosts) and fleet.oncall
    return [MAIL.of(name) for name in oncall.everybody] if oncall else []


def _mail_password(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    needed = _any_is("monitor", hosts) and fleet.mail_server(fleet.monitor.mail).user
    return [MAIL_PASSWORD.variable] if needed else []


def _watcher_mail_password(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    needed = _any_is("watcher", hosts) and fleet.mail_server(fleet.watcher.mail).user
    return [WATCHER_MAIL_PASSWORD.variable] if needed else []


def _matrix_token(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    return [MATRIX_TOKEN.variable] if _any_is("monitor", hosts) and fleet.room else []


def _any_is(role: str, hosts: Iterable[Host]) -> bool:
    return any(role in host.roles for host in hosts)


def _scalelites(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    return [SCALELITE.of(it.name) for it in hosts if it.scalelite]


def _wrong_bbb(value: str | None) -> Wrong | None:
    remedy = f"put the output of `{BBB.make}` there"
    if value is None:
        return "is not set", remedy
    # bbb-conf puts the secret into files by sed, and breaks at other characters.
    if not re.fullmatch(r"[A-Za-z0-9]{32,128}", value):
        return "is not 32 to 128 letters and digits", remedy
    return None


def _wrong_balancer(value: str | None) -> Wrong | None:
    remedy = "put the secret of the balancer's own interface there"
    if value is None:
        return "is not set", remedy
    if not re.fullmatch(r"[!-~]{20,}", value):
        return "is not 20 or more characters, none of them a space", remedy
    return None


def _wrong_address(value: str | None) -> Wrong | None:
    remedy = "put the address there at which this person reads mail while on call"
    if value is None:
        return "is not set", remedy
    if not re.fullmatch(MAIL_ADDRESS, value):
        return "is not one address", remedy
    return None


def _wrong_mail_password(value: str | None) -> Wrong | None:
    # What lies beyond ASCII can be said to no mail server: RFC 4954 and smtplib.
    if value is None or not value.isprintable() or not value.isascii():
        remedy = "put the password of the mail account there"
        return "is not set, or is no single line of ASCII characters", remedy
    return None


def _wrong_token(value: str | None) -> Wrong | None:
    remedy = "put the access token there of the account that writes in the room"
    if value is None:
        return "is not set", remedy
    # RFC 6750: the token of a header.
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]{8,}", value):
        return "is no access token", remedy
    return None


def _wrong_password(value: str | None) -> Wrong | None:
    remedy = f"put the output of `{PASSWORD.make}` there, and keep a copy elsewhere"
    if value is None:
        return "is not set", remedy
    if not value.isprintable():
        return "is not a single line of printable characters", remedy
    if len(value) < SHORTEST:
        return f"is shorter than {SHORTEST} characters", remedy
    return None


def _wrong_preshared(value: str | None) -> Wrong | None:
    remedy = f"put the output of `{PRESHARED.make}` there; the person needs it too"
    if value is None:
        return "is not set", remedy
    # 32 bytes in base64, in the one way in which wg(8) writes them. 32 bytes of 0 stand for no key.
    if not re.fullmatch(r"(?!A{43}=)[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", value):
        return "is not a preshared key of WireGuard", remedy
    return None


def _wrong_escrow(value: str | None) -> Wrong | None:
    remedy = "name a directory of your own with its whole path, such as ~/coop-escrow"
    if value is None:
        return "is not set", remedy
    directory = escrow_path(value)
    if not directory.is_absolute():
        return "is not an absolute path", remedy
    if not str(directory).isprintable():
        return "has a character that cannot be printed", remedy
    if directory.resolve().is_relative_to(ROOT):
        return "lies in this repository", remedy
    return _wrong_directory(directory)


def _wrong_directory(directory: Path) -> Wrong | None:
    if not directory.is_dir():
        # A run does not make the directory: it may be on a disk that is not plugged in.
        # The remedy does not show the value: a password in the wrong line may begin with a /.
        return "is no directory", "plug in what it is on, or make it: mkdir -m 700 -p DIRECTORY"
    if directory.stat().st_mode & 0o077:
        return "can be used by others than you", f"run chmod 700 {directory}"
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return "cannot be written", "name a directory of your own"
    return None


# The password of a host's encrypted volume.
PASSWORD = Kind("GOCRYPTFS_PASSWORD_", _passwords, _wrong_password, make="openssl rand -base64 32")
# The directory on the operator's machine that holds each gocryptfs.conf and master key.
ESCROW = Kind("ESCROW_DIRECTORY", _escrow, _wrong_escrow)
# The secret that WireGuard mixes into a person's connection to a hub.
PRESHARED = Kind("WIREGUARD_PSK_", _preshared, _wrong_preshared, make="wg genpsk")

# The secret of a node's API, as it should be: what a node has now stays on the node.
BBB = Kind("BBB_SECRET_", _nodes, _wrong_bbb, make="openssl rand -hex 32")
# What a node shares with TURN servers elsewhere. A node with a server of its own makes one itself.
TURN = Kind("TURN_SECRET_", _turn, _wrong_bbb, make="openssl rand -hex 32")
# The secret of a balancer's own interface.
BALANCER = Kind("BALANCER_SECRET_", _balancers, _wrong_balancer, make="openssl rand -hex 32")
# The passwords of Scalelite's database and Redis follow from this, and the key of its Rails.
SCALELITE = Kind("SCALELITE_KEY_", _scalelites, _wrong_bbb, make="openssl rand -hex 32")

# Where somebody reads mail while on call: the data is public, and an address need not be.
MAIL = Kind("ONCALL_MAIL_", _addresses, _wrong_address)
# Of the accounts by which alerts go out, and the words of a watcher.
MAIL_PASSWORD = Kind("MAIL_PASSWORD", _mail_password, _wrong_mail_password)

WATCHER_MAIL_PASSWORD = Kind("WATCHER_MAIL_PASSWORD", _watcher_mail_password, _wrong_mail_password)

# Of the account that writes in the room of Matrix.
MATRIX_TOKEN = Kind("MATRIX_TOKEN", _matrix_token, _wrong_token)

KINDS = (
    PASSWORD, ESCROW, PRESHARED, BBB, TURN, BALANCER, SCALELITE, MAIL, MAIL_PASSWORD,
    WATCHER_MAIL_PASSWORD, MATRIX_TOKEN,
)  # fmt: skip
