"""Who can use which account, by which key and until when, and what differs from the data."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from controller.audit import Finding
from controller.this_run import this_fleet
from facts.access import KEYS, AccessState
from fleet.derived.access import owner
from fleet.values.keys import fingerprint
from operations.access import drift
from operations.access.authorized_keys import expiry, key_of_line
from operations.access.steps import day, number
from operations.access.wanted import Wanted
from roles.templates import render


@dataclass(frozen=True)
class Key:
    """A key that sshd accepts for an account.

    key: its fingerprint
    person: a person or a machine; "nobody" if no record has the key
    until: the time as in authorized_keys, "" for ever
    """

    account: str
    sudo: bool
    key: str
    person: str
    until: str


def judge(now: AccessState, wanted: Wanted) -> Finding:
    keys = list(_keys(now))
    starts = {
        name: list(paths)
        for name, paths in sorted(now.starts.items())
        if name in now.accounts and now.accounts[name].is_persons
    }
    return Finding(
        {"keys": [asdict(key) for key in keys], "starts": starts},
        render(__file__, "audit.md.j2", keys=keys, starts=starts),
        drift(now, wanted),
    )


def _keys(now: AccessState) -> Iterator[Key]:
    """The keys that sshd accepts, of accounts that are not closed."""
    people, machines = this_fleet().people.values(), this_fleet().pull_keys.load()
    today = number(datetime.now(UTC).date())
    for path, file in sorted(now.files.items()):
        name = path.removeprefix(f"{KEYS}/")
        account = now.accounts.get(name)
        # Where PAM can be asked, PAM knows best, and otherwise shadow(5).
        if name == path or account is None or account.pam:
            continue
        if account.until is not None and account.until <= today:
            continue
        for line in (file.content or b"").decode(errors="replace").splitlines():
            if key := key_of_line(line):
                person = owner(people, key)
                machine = next((it for it, its in machines.items() if its == key), "nobody")
                whose = person.name if person else machine
                yield Key(
                    name, account.sudo, _named(key), whose, _first(expiry(line), account.until)
                )


def _first(of_key: str, of_account: int | None) -> str:
    """The earlier end of the two, as in authorized_keys."""
    ends = day(of_account).replace("-", "") if of_account is not None else ""
    return min(filter(None, (of_key, ends)), default="")


def _named(key: str) -> str:
    try:
        return fingerprint(key)
    except ValueError:
        return f"{key[:24]}... (not a key)"
