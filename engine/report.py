"""How operations speak: what they change, what they leave alone, why they refuse."""

from difflib import unified_diff

from pyinfra import host, logger, state
from pyinfra.api import QuoteString, StringCommand

warnings: list[tuple[str, str]] = []
"""All of this run: the host's name, or "" for the run itself, and the text."""

reasons: dict[tuple[str, bool], str] = {}
"""Why hosts fail: by name, and whether the run was executing; before that it is a prediction."""

_shown: set[tuple[str, str]] = set()


def is_unreadable() -> bool:
    """Whether a fact of this host has failed, or the host itself."""
    return host.name in [failed.name for failed in state.failed_hosts]


def tell(text: str) -> None:
    """Log one difference, e.g. "tank/www: quota 1G -> 2G".

    Shown while executing, and before that only if the run was asked for differences (`--diff`);
    never of a host that could not be read, which would look as if it had nothing.
    """
    if (state.is_executing or state.config.DIFF) and not is_unreadable():
        host.log(text)


def warn(text: str) -> None:
    """Log what a person should look at, always, once a host and run; the summary says it again."""
    if _show(text):
        warnings.append((host.name, text))


def warn_run(text: str) -> None:
    """The same of what concerns no host in particular. Needs no host."""
    warnings.append(("", text))
    logger.warning(text)


def _show(text: str) -> bool:
    """Log it, but once: pyinfra runs every operation's code twice, to prepare and to execute."""
    if (host.name, text) in _shown:
        return False
    _shown.add((host.name, text))
    host.log_styled(text, fg="yellow", log_func=logger.warning)
    return True


def diff(path: str, old: str | None, new: str, kind: str = "") -> None:
    """Tell how a text changes: in one line, and all of it if asked for differences (`--diff`).

    old: None if there is no such text yet
    kind: what it becomes then, e.g. "file root:root 0644"
    """
    was, will = (old or "").splitlines(), new.splitlines()
    before = "/dev/null" if old is None else path
    lines = list(unified_diff(was, will, before, path, lineterm=""))
    if old is None:
        length = "1 line" if len(will) == 1 else f"{len(will)} lines"
        tell(f"{path}: absent -> {f'{kind}, ' if kind else ''}{length}")
    elif lines and not state.config.DIFF:
        # The first two name the files; those of context begin with a space.
        signs = [line[0] for line in lines[2:]]
        tell(f"{path}: +{signs.count('+')} -{signs.count('-')} lines")
    if state.config.DIFF:
        for line in lines:
            tell(line)


def fail(reason: str) -> StringCommand:
    """A command that fails this host, and no other, with the reason on stderr.

    Raising an exception instead would end the run for all hosts. It never changes anything.
    """
    give_reason(host.name, reason, state.is_executing)
    if not state.is_executing:
        _show(f"will fail: {reason}")
    return StringCommand("printf", r"'%s\n'", QuoteString(reason), ">&2;", "exit", "1")


def give_reason(name: str, reason: str, executing: bool = True) -> None:
    """Keep for the summary why the host of that name fails; what is said first counts."""
    reasons.setdefault((name, executing), " ".join(reason.split()))


def script(*lines: str) -> StringCommand:
    """One remote command that runs these lines of POSIX sh and stops at the first that fails.

    It travels on stdin, so neither its length nor its content meets the limits and the visibility
    of a command line.
    """
    # The shell runs nothing before it has read the closing brace, so a connection that is lost
    # half-way cannot run half a script, or half a line of it.
    text = "\n".join(["{", "set -eu", "umask 022", *lines, "}", ""])
    return StringCommand("sh", "-s", _stdin=text)
