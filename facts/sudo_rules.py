"""What `sudo -l -U NAME` says about somebody: sudo(8), sudoers(5)."""

import re
from collections.abc import Iterable, Iterator

# Before a command may stand options (CWD=/x) and tags (NOPASSWD:), in this order.
_COMMAND = re.compile(r"((?:[A-Z_]+=\S+ )*)((?:[A-Z_]+: ?)*)(.*)")


def hurdle(lines: Iterable[str]) -> str:
    """Why sudo does not let somebody do everything as root without a password; "" if sudo does.

    lines: what sudo prints in the locale C. The last rule that fits a command counts.
    """
    defaults, _, listed = "\n".join(lines).partition("may run the following commands")
    if re.search(r"(?<!!)\brequiretty\b", defaults):
        return "sudo wants a terminal"
    asks, found = "!authenticate" not in defaults, "it lets them do some things only"
    for who, commands in _rules(listed):
        users = [user.strip() for user in who.partition(":")[0].split(",")]
        if not {"ALL", "root"} & {*users} or "!root" in users:
            continue
        password = asks
        for command in re.split(r"(?<!\\), ", commands):
            _, tags, what = _COMMAND.match(command).groups()  # type: ignore[union-attr]
            for tag in re.findall(r"(NO)?PASSWD:", tags):
                password = not tag
            if what == "ALL":
                found = "it asks them for a password" if password else ""
            elif what.startswith("!"):
                found = f"it does not let them run {what[1:].strip()}"
    return found


def _rules(listed: str) -> Iterator[tuple[str, str]]:
    """The rules as (users, commands). sudo goes on with a long rule in the next line."""
    for rule in re.sub(r"\n {8,}", " ", listed).splitlines():
        if found := re.fullmatch(r" {4}\((.*?)\) (.*)", rule):
            yield found[1], found[2]
