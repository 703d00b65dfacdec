"""sshd's settings, as `sshd -T` prints them, and the wanted ones: sshd_config(5)."""

from collections.abc import Iterator, Mapping

from facts.access import AccessState

NOTHING = "(sshd -T says nothing)"


def set_elsewhere(now: AccessState, others: Mapping[str, str]) -> str | None:
    """What a reload would put in force, or leave there, and no file of here can change."""
    found = list(other_settings(now, others))
    if not found:
        return None
    return "\n".join(
        ["sshd's configuration has to be put right by hand; nothing was changed:", *found]
    )


def other_settings(now: AccessState, settings: Mapping[str, str]) -> Iterator[str]:
    """What sshd would do otherwise than by these settings, and for whom, a line each."""
    for user, found in now.settings.items():
        # Root alone was asked, because nobody's settings differ.
        whom = "everybody" if len(now.settings) == 1 else user
        for name, value in settings.items():
            if found.get(name, "") != value:
                yield f"for {whom}: {name} {found.get(name) or NOTHING} -> {value or NOTHING}"
        # A port of its own for one address is in no line of `port`.
        for where in found.get("listenaddress", "").split():
            if "port" in settings and where.rpartition(":")[2] != settings["port"]:
                yield f"for {whom}: listenaddress {where} -> port {settings['port']} alone"
