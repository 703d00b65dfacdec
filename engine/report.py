"""How operations speak: what they change, what they leave alone, why they refuse.

Texts may quote what stands on a host: a terminal gets the printable characters of them.
"""

from difflib import unified_diff

from pyinfra import host, logger, state
from pyinfra.api import QuoteString, StringCommand

from engine.terminal import lines as printable_lines
from engine.terminal import printable

warnings: list[tuple[str, str]] = []
"""All warnings of this run: the host's name, or "" for the run itself, and the text."""

reasons: dict[tuple[str, bool], str] = {}
"""Why hosts fail, by name and whether the run was executing; until then it is a prediction."""

_shown: set[tuple[str, str]] = set()


def is_unreadable() -> bool:
    """Whether this host has failed, or one of its facts."""
    return host.name in [failed.name for failed in state.failed_hosts]


def tell(text: str) -> None:
    """Log one difference, e.g. "tank/www: quota 1G -> 2G".

    Shows the difference while the run executes; while it prepares, only with `--diff`. Shows none
    of a host that could not be read, because such a host would look as if it had nothing.
    """
    if (state.is_executing or state.config.DIFF) and not is_unreadable():
        host.log(printable(text))


def warn(text: str) -> None:
    """Log what a person should look at: always, but once a host and run. The summary repeats it."""
    text = printable_lines(text)
    if _show(text):
        warnings.append((host.name, text))


def warn_run(text: str) -> None:
    """Log a warning that concerns no host in particular. The summary repeats it. Needs no host."""
    text = printable_lines(text)
    warnings.append(("", text))
    logger.warning(text)


def _show(text: str) -> bool:
    """Log the text once, though pyinfra runs an operation's code twice; False if it was logged."""
    if (host.name, text) in _shown:
        return False
    _shown.add((host.name, text))
    host.log_styled(text, fg="yellow", log_func=logger.warning)
    return True


def diff(path: str, old: str | None, new: str, kind: str = "") -> None:
    """Tell how a text changes: in one line, or with `--diff` in full.

    old: None if there is no such text yet
    kind: what a new text becomes, e.g. "file root:root 0644"
    """
    was, will = (old or "").splitlines(), new.splitlines()
    before = "/dev/null" if old is None else path
    lines = list(unified_diff(was, will, before, path, lineterm=""))
    if old is None:
        length = "1 line" if len(will) == 1 else f"{len(will)} lines"
        tell(f"{path}: absent -> {f'{kind}, ' if kind else ''}{length}")
    elif lines and not state.config.DIFF:
        # The first two lines name the files. Lines of context begin with a space.
        signs = [line[0] for line in lines[2:]]
        tell(f"{path}: +{signs.count('+')} -{signs.count('-')} lines")
    if state.config.DIFF:
        for line in lines:
            tell(line)


def fail(reason: str) -> StringCommand:
    """A command that fails this host, and no other, with the reason on stderr.

    An exception would end the run for all hosts. The command never changes anything.
    """
    reason = printable_lines(reason)
    give_reason(host.name, reason, state.is_executing)
    if not state.is_executing:
        _show(f"will fail: {reason}")
    return StringCommand("printf", r"'%s\n'", QuoteString(reason), ">&2;", "exit", "1")


def give_reason(name: str, reason: str, executing: bool = True) -> None:
    """Keep for the summary why the host of that name fails. The first reason counts."""
    reasons.setdefault((name, executing), printable(" ".join(reason.split())))


def script(*lines: str) -> StringCommand:
    """One remote command that runs these lines of POSIX sh and stops at the first that fails.

    The lines travel on stdin. So they may be longer than a command line, and no process list shows
    them.
    """
    # The shell runs nothing before it has read the closing brace. So a connection that is lost
    # half-way cannot run half a script, or half a line.
    text = "\n".join(["{", "set -eu", "umask 022", *lines, "}", ""])
    return StringCommand("sh", "-s", _stdin=text)
