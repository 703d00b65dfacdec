"""What calls of monitors and watchers need: addresses, and the accounts by which they go out."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from fleet.hosts import Host
from fleet.model import Fleet
from fleet.secret_kinds.kind import Kind, Wrong, fits
from fleet.values.fields import MAIL_ADDRESS


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


def _wrong_mail_password(value: str | None) -> Wrong | None:
    # What lies beyond ASCII can be said to no mail server: RFC 4954 and smtplib.
    if value is None or not value.isprintable() or not value.isascii():
        remedy = "put the password of the mail account there"
        return "is not set, or is no single line of ASCII characters", remedy
    return None


_is_address = fits(
    MAIL_ADDRESS,
    "is not one address",
    "put the address there at which this person reads mail while on call",
)
_is_token = fits(
    # RFC 6750: the token of a header.
    r"[A-Za-z0-9._~+/=-]{8,}",
    "is no access token",
    "put the access token there of the account that writes in the room",
)

# Where somebody reads mail while on call: the data is public, and an address need not be.
MAIL = Kind("ONCALL_MAIL_", _addresses, _is_address)

# Of the accounts by which alerts go out, and the words of a watcher.
MAIL_PASSWORD = Kind("MAIL_PASSWORD", _mail_password, _wrong_mail_password)

WATCHER_MAIL_PASSWORD = Kind("WATCHER_MAIL_PASSWORD", _watcher_mail_password, _wrong_mail_password)

# Of the account that writes in the room of Matrix.
MATRIX_TOKEN = Kind("MATRIX_TOKEN", _matrix_token, _is_token)
