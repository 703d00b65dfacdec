"""Who should get in, by which keys and under which settings of sshd, and the files that say so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine import undo
from facts.access import KEYS
from operations import files

PEOPLE, ADMINS = "coop-people", "coop-admins"
# A member of one of these groups can become root, so people who are no admins have to leave them:
# they start machines or containers with the host's files in them, read and write its disks, read
# the passwords' digests, or write programs that root runs from /usr/local.
AS_GOOD_AS_ROOT = (
    *("sudo", "docker", "lxd", "incus-admin", "libvirt"),
    *("disk", "shadow", "staff"),
)
ROOTS = (ADMINS, *AS_GOOD_AS_ROOT)

SUDOERS = "/etc/sudoers.d/coop-infra"
# The first value that sshd finds counts, so this file comes before those of a provider.
SSHD = "/etc/ssh/sshd_config.d/00-coop-infra.conf"
HEADER = "# Written as a whole by pyinfra: an edit here is lost.\n"

CHANGE = "access"
# The accounts whose sessions are to end, a line each. If this run is cut off meanwhile, the next
# run cannot see any more what they have lost.
TO_END = "/var/lib/coop-infra/sessions-to-end"


@dataclass(frozen=True)
class Account:
    """A person's account: admin may use sudo without a password; keys: lines of authorized_keys.

    ends: the day from which nobody can use it, in days since 1970 as in shadow(5); None for never
    """

    name: str
    admin: bool
    keys: tuple[str, ...]
    ends: int | None = None


@dataclass(frozen=True)
class Wanted:
    """Who should get in.

    settings: sshd's options in lower case, with the values that `sshd -T` prints
    others: the same for options that sshd must have, but that no file of this project sets; "" for
        an option that must not be set at all
    services: {account: lines of authorized_keys} of the accounts by which machines come. Whoever
        needs such an account makes it
    """

    accounts: tuple[Account, ...]
    settings: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def judged(self) -> Mapping[str, str]:
        """All settings that sshd must have."""
        return {**self.settings, **self.others}

    @property
    def entries(self) -> list[files.Entry]:
        """The files and directories that say all of this."""
        values = "".join(f"{name} {value}\n" for name, value in self.settings.items())
        return [
            files.Directory(KEYS),
            *(_key_file(account.name, account.keys) for account in self.accounts),
            *(_key_file(name, keys) for name, keys in self.services.items()),
            files.File(SUDOERS, f"{HEADER}%{ADMINS} ALL=(ALL:ALL) NOPASSWD: ALL\n", mode=0o440),
            files.File(SSHD, HEADER + values),
        ]

    @property
    def question(self) -> dict[str, Any]:
        """The arguments for the fact Access, so that its answer can be compared with this."""
        paths = [entry.path for entry in self.entries]
        return {
            # Each account has a group of its own name, and the system may have that group already.
            "groups": [PEOPLE, *ROOTS, *(account.name for account in self.accounts)],
            # The fact reads the files below KEYS in any case.
            "files": [
                *(it for it in paths if not it.startswith(KEYS)),
                undo.directory(CHANGE),
                TO_END,
            ],
            "options": [*self.judged, "listenaddress"],
        }


def _key_file(account: str, keys: Iterable[str]) -> files.File:
    # sshd reads the keys as the person who logs in, so everybody may read the file. It is root's.
    return files.File(f"{KEYS}/{account}", HEADER + "".join(f"{it}\n" for it in keys))
