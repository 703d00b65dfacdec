"""sshd's settings, as `sshd -T` prints them, and the wanted ones: sshd_config(5)."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatch

from facts.access import INCLUDED, SSHD_CONFIG, AccessState
from operations.access.wanted import SSHD

NOTHING = "(sshd -T says nothing)"


def unread(now: AccessState, settings: Mapping[str, str]) -> str | None:
    """Why sshd would not read this project's file of settings; None if it would.

    If sshd has all settings, it has read the file, by whatever way.
    """
    if any(fnmatch(SSHD, each) for each in now.includes) or not any(other_settings(now, settings)):
        return None
    return (
        f"{SSHD_CONFIG} includes no {SSHD} for everybody, so sshd would not read what a run writes "
        f"there: put the line `Include {INCLUDED}` first in {SSHD_CONFIG}, and run again; nothing "
        "was changed"
    )


def set_elsewhere(now: AccessState, others: Mapping[str, str]) -> str | None:
    """Why a person has to put sshd's configuration right; None if all of `others` are as wanted.

    A reload would put a wrong setting in force, or leave it there, and no file of this project can
    change it.
    """
    found = list(other_settings(now, others))
    if not found:
        return None
    return "\n".join(
        ["sshd's configuration has to be put right by hand; nothing was changed:", *found]
    )


def other_settings(now: AccessState, settings: Mapping[str, str]) -> Iterator[str]:
    """The settings that sshd has otherwise, a line each, and for whom."""
    found: dict[str, list[str]] = {}
    for user, its in now.settings.items():
        for text in _differences(its, settings):
            found.setdefault(text, []).append(user)
    for text, users in found.items():
        # With one user (root) the fact has found that sshd does the same for everybody.
        yield f"for {'everybody' if len(users) == len(now.settings) else ', '.join(users)}: {text}"


def _differences(found: Mapping[str, str], settings: Mapping[str, str]) -> Iterator[str]:
    for name, value in settings.items():
        if found.get(name, "") != value:
            yield f"{name} {found.get(name) or NOTHING} -> {value or NOTHING}"
    # No line of `port` shows an address that has a port of its own.
    for where in found.get("listenaddress", "").split():
        if "port" in settings and where.rpartition(":")[2] != settings["port"]:
            yield f"listenaddress {where} -> port {settings['port']} alone"
