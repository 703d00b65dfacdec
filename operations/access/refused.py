"""Whom a host refuses what the data gives them, and what else only a person can put right there.

Sources: sudo(8), sudoers(5), pam(7), chown(1), mkhomedir_helper(8).
"""

from collections.abc import Iterator
from itertools import groupby

from facts.access import AccessState, AccountState
from operations import files
from operations.access.wanted import ADMINS, SUDOERS, Wanted

# Shells that a run can log in to: it needs quotes around newlines, which csh(1) refuses.
SHELLS = ("", "sh", "bash", "dash", "zsh", "ksh", "mksh", "yash", "fish")


def refused(now: AccessState, wanted: Wanted) -> Iterator[str]:
    """Who does not get in, or is no admin, though everything is there that a run puts there.

    sudo and PAM themselves have said so. What is still to be done is no reason yet.
    """
    here = [(it, now.accounts[it.name]) for it in wanted.accounts if it.name in now.accounts]
    if SUDOERS not in [it.path for it in files.differing(wanted.entries, now.files)]:
        for account, found in here:
            why = found.hurdle if found.sudo else "it lets them do nothing"
            if account.admin and account.name in now.groups.get(ADMINS, ()) and why:
                yield (
                    f"{account.name} is an admin, and sudo does not let them do everything without "
                    f"a password: {why}; look at `sudo -l -U {account.name}`. /etc/sudoers has to "
                    "say `@includedir /etc/sudoers.d`, and no later rule may take back what "
                    f"{SUDOERS} gives"
                )
    shut_out = [(found.pam, account.name) for account, found in here if _is_refused(found)]
    for reason, those in groupby(sorted(shut_out), key=lambda it: it[0]):
        names = ", ".join(name for _, name in those)
        yield (
            f"PAM lets nobody in as {names} ({reason}): look at /etc/pam.d/sshd and what it asks "
            "for, such as /etc/nologin and /etc/security/access.conf"
        )


def _is_refused(found: AccountState) -> bool:
    return bool(found.pam and found.until is None and found.has_shell)


def hampered(now: AccessState, wanted: Wanted) -> Iterator[str]:
    """Who gets in, and will not get far."""
    for account in wanted.accounts:
        found = now.accounts.get(account.name)
        home = found.home if found else f"/home/{account.name}"
        owner = now.homes.get(home)
        if found is None:
            if owner is not None:
                yield (
                    f"{home} is there before the account {account.name}, and belongs to "
                    f"{_owner(owner, now)}: look whose files these are"
                )
            continue
        if owner is not None and owner != found.uid:
            yield (
                f"{home} is the home of {account.name} (uid {found.uid}), and belongs to "
                f"{_owner(owner, now)}: look whose files these are, and give it to {account.name}, "
                f"or move it away and make another by `mkhomedir_helper {account.name}`"
            )
        elif owner is None and now.homes:
            yield (
                f"{home}, the home of {account.name}, is not there: make it by "
                f"`mkhomedir_helper {account.name}`"
            )
        shell = found.shell.rpartition("/")[2]
        if shell not in SHELLS and found.has_shell and found.shell not in now.unusable_shells:
            yield (
                f"the login shell of {account.name} is {found.shell}: a run by {account.name} "
                f"would fail on this host, so `chsh -s /bin/bash {account.name}`"
            )


def _owner(uid: int, now: AccessState) -> str:
    name = next((name for name, it in now.accounts.items() if it.uid == uid), "nobody")
    return f"uid {uid} ({name})"
