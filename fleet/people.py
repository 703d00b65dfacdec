"""A person, or a role that people fill: one record of people.yml. All access comes from these."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, field_validator

from fleet.groups import GROUPS
from fleet.reading.problems import Invalid, shown
from fleet.values.fields import Address, Record, Text, UserName, matching, unique
from fleet.values.keys import SshKey, WireGuardKey
from fleet.values.networks import Prefix

Right = Literal["login", "admin"]
# Accounts and groups of Debian's base-passwd and of its packages. Groups count, because each
# account has a group of its own name too. A run looks for other taken names on the host itself,
# before it changes the host.
_SYSTEM = """
root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc _apt nobody adm
tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl
plugdev staff users nogroup input sgx kvm render crontab netdev
messagebus sshd ssh _ssh systemd-journal systemd-network systemd-resolve systemd-timesync polkitd
docker lxd incus incus-admin libvirt libvirt-qemu redis postgres mysql
"""
TAKEN = frozenset([*_SYSTEM.split(), *(it for kind in GROUPS.values() for it in kind.accounts)])
# The prefix of this project's own accounts and groups on hosts.
OURS = "coop-"
LAST_YEAR = 2100

Coop = Annotated[
    Text,
    matching(
        r"[a-z][a-z0-9-]{0,31}",
        "a co-op",
        "use small letters, digits and hyphens, a letter first, such as hypha or meet-coop",
    ),
]


def _date(value: Any) -> date:
    # YAML reads a date with a time as a datetime, and in Python a datetime is a date too.
    if isinstance(value, date) and not isinstance(value, datetime):
        if value.year > LAST_YEAR:
            raise Invalid(f"{value} is no end", "leave it out, if it should never end")
        return value
    raise Invalid(f"{shown(value)} is not a date", "write one such as 2027-06-30, without quotes")


Day = Annotated[date, BeforeValidator(_date)]


class Key(Record):
    """An SSH public key.

    only_from: the prefixes from which hosts accept the key; if there are none, from everywhere
    expires: the last day, in UTC, on which hosts accept the key
    """

    key: SshKey
    only_from: Annotated[tuple[Prefix, ...], unique("prefix")] = ()
    expires: Day | None = None


class PersonVpn(Record):
    """A person's end of the VPN.

    addresses: two (IPv4 and IPv6) for each hub that the person uses, from the hub's `people`
    preshared: whether WireGuard mixes in a secret of .env, WIREGUARD_PSK_<PERSON>
    """

    public_key: WireGuardKey
    addresses: Annotated[tuple[Address, ...], unique("address"), Field(min_length=1)]
    preshared: StrictBool = False


class Person(Record):
    """One person, or one role that people fill.

    name: also the name of their account on each host
    access: what they may do, by host or group of hosts: log in, or log in and use sudo
    expires: the last day, in UTC, on which anything in the record holds
    """

    # Excluded because in the file the name is the record's key, and not a field.
    name: UserName = Field(exclude=True)
    coop: Coop
    access: dict[Text, Right]
    ssh_keys: tuple[Key, ...] = ()
    vpn: PersonVpn | None = None
    expires: Day | None = None

    @field_validator("name")
    @classmethod
    def _is_no_system_account(cls, name: str) -> str:
        if name in TAKEN or name.startswith(OURS):
            message = f"{name} is an account or a group of the system's or of a service"
            raise Invalid(message, "name the person or their role, such as ops-hypha-1")
        return name

    @field_validator("access")
    @classmethod
    def _is_some(cls, access: dict[str, Right]) -> dict[str, Right]:
        if not access:
            message = "gives no access to anything"
            raise Invalid(message, "name hosts or groups, or take the whole record out")
        return access


def end_of(day: date) -> datetime:
    """The first moment, in UTC, after the day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def is_over(day: date | None, now: datetime) -> bool:
    """Whether the day, if there is one, has ended at this time."""
    return day is not None and now >= end_of(day)
