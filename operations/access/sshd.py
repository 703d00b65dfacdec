"""sshd's settings, as `sshd -T` prints them, and the wanted ones: sshd_config(5)."""

from collections.abc import Iterator, Mapping

from facts.access import AccessState

NOTHING = "(sshd -T says nothing)"


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
    """The settings that sshd has otherwise, and for whom, a line each."""
    for user, found in now.settings.items():
        # With one user (root) the fact has found that sshd does the same for everybody.
        whom = "everybody" if len(now.settings) == 1 else user
        for name, value in settings.items():
            if found.get(name, "") != value:
                yield f"for {whom}: {name} {found.get(name) or NOTHING} -> {value or NOTHING}"
        # No line of `port` shows an address that has a port of its own.
        for where in found.get("listenaddress", "").split():
            if "port" in settings and where.rpartition(":")[2] != settings["port"]:
                yield f"for {whom}: listenaddress {where} -> port {settings['port']} alone"
