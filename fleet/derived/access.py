"""Who may do what on a host, and by which keys. Runs make accounts and authorized_keys of this."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from fleet.hosts import Host
from fleet.people import Key, Person, end_of, is_over
from fleet.values.keys import comment, without_comment
from fleet.values.networks import within


@dataclass(frozen=True)
class Account:
    """One person's account on one host.

    admin: whether sudo lets them do everything
    keys: the lines of their authorized_keys, sshd(8)
    expires: the last day, in UTC, on which they can use the account
    """

    name: str
    admin: bool
    keys: tuple[str, ...]
    expires: date | None


def accounts_on(people: Iterable[Person], host: Host, now: datetime) -> list[Account]:
    """The accounts that the host should have, in the order of names, without expired people."""
    found = [
        _account(person, host)
        for person in people
        if not is_over(person.expires, now) and may_log_in(person, host)
    ]
    return sorted(found, key=lambda account: account.name)


def may_log_in(person: Person, host: Host) -> bool:
    return bool(_rights(person, host))


def is_admin(person: Person, host: Host) -> bool:
    return "admin" in _rights(person, host)


def is_usable_admin(person: Person, host: Host, now: datetime) -> bool:
    """Whether the person can log in to the host now, by a valid key, and become root there."""
    return is_admin(person, host) and can_log_in(person, host, now)


def can_log_in(person: Person, host: Host, now: datetime) -> bool:
    """Whether the person can log in to the host now, by a valid key."""
    keys = [key for key in person.ssh_keys if not is_over(key.expires, now)]
    usable = any(_is_usable(key, person, host) for key in keys)
    return may_log_in(person, host) and usable and not is_over(person.expires, now)


def can_act(person: Person, hosts: Iterable[Host], now: datetime) -> bool:
    """Whether the person can do something about what is wrong: in the VPN, on some host."""
    return person.vpn is not None and any(can_log_in(person, host, now) for host in hosts)


def acts_until(person: Person, hosts: Collection[Host]) -> datetime | None:
    """The moment from which the person can act on no host any more; None if there is none."""
    days = {person.expires, *(key.expires for key in person.ssh_keys)}
    ends = sorted(end_of(day) for day in days if day)
    return next((end for end in ends if not can_act(person, hosts, end)), None)


def _is_usable(key: Key, person: Person, host: Host) -> bool:
    """Whether the host accepts the key from the addresses that the person has to come from."""
    if not (host.only_by_vpn and key.only_from):
        return True
    own = person.vpn.addresses if person.vpn else ()
    return any(within(address, key.only_from) for address in own)


def lockout(people: Iterable[Person], host: Host, key: str | None, now: datetime) -> str | None:
    """Why the operator, who is logged in by this key, could not come back as an admin; or None.

    key: "kind base64"; None if the operator is not logged in by an SSH key
    """
    person = owner(people, key)
    if key is None:
        return "you are not logged in by an SSH key, and by nothing else one will get in again"
    if person is None:
        return "the SSH key by which you are logged in is nobody's"
    if not is_usable_admin(person, host, now):
        return f"you are logged in by a key of {person.name}, who would be no admin there any more"
    mine = next(it for it in person.ssh_keys if without_comment(it.key) == key)
    if is_over(mine.expires, now):
        return f"the key of {person.name} by which you are logged in has expired"
    return None


def owner(people: Iterable[Person], key: str | None) -> Person | None:
    """The person whose key ("kind base64") this is, or None."""
    return next(
        (it for it in people if key in [without_comment(own.key) for own in it.ssh_keys]), None
    )


def _rights(person: Person, host: Host) -> list[str]:
    places = (host.name, *host.groups)
    return [right for place, right in person.access.items() if place in places]


def _account(person: Person, host: Host) -> Account:
    keys = tuple(authorized_key(person, key) for key in person.ssh_keys)
    return Account(person.name, is_admin(person, host), keys, person.expires)


def authorized_key(person: Person, key: Key) -> str:
    """The key's line of authorized_keys.

    The comment of the line says whose key it is. sshd logs only a key's fingerprint, and
    `ssh-keygen -l -f` on the file shows both.
    """
    options = []
    if key.only_from:
        options.append(f'from="{",".join(key.only_from)}"')
    if ends := min((day for day in (key.expires, person.expires) if day), default=None):
        # Without the Z, sshd(8) takes this for the host's local time.
        options.append(f'expiry-time="{end_of(ends):%Y%m%d%H%M}Z"')
    label = " ".join(part for part in (person.name, comment(key.key)) if part)
    return " ".join([*([",".join(options)] if options else []), without_comment(key.key), label])
