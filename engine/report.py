"""How operations speak: what they change, what they leave alone, why they refuse."""

from collections.abc import Mapping
from difflib import unified_diff

from pyinfra import host, logger, state
from pyinfra.api import QuoteString, StringCommand

# Of this run: what a person should look at, by text, with the hosts; and why hosts fail, by host
# and whether the run was executing.
_warned: dict[str, list[str]] = {}
_reasons: dict[tuple[str, bool], str] = {}


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
    """Log what a person should look at, always, once a host and run.

    pyinfra runs every operation's code twice, to prepare and to execute.
    """
    hosts = _warned.setdefault(text, [])
    if host.name not in hosts:
        hosts.append(host.name)
        host.log_styled(text, fg="yellow", log_func=logger.warning)


def warnings() -> Mapping[str, list[str]]:
    """What a person should look at after this run, by text, with the names of the hosts."""
    return _warned


def reasons() -> Mapping[tuple[str, bool], str]:
    """Why hosts fail, as far as `fail` says it: by host, and whether the run was executing."""
    return _reasons


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
    when = (host.name, bool(state.is_executing))
    is_new, _reasons[when] = _reasons.get(when) != reason, reason
    if is_new and not state.is_executing:
        host.log_styled(f"will fail: {reason}", fg="yellow", log_func=logger.warning)
    return StringCommand("printf", r"'%s\n'", QuoteString(reason), ">&2;", "exit", "1")


def script(*lines: str) -> StringCommand:
    """One remote command that runs these lines of POSIX sh and stops at the first that fails.

    It travels on stdin, so neither its length nor its content meets the limits and the visibility
    of a command line.
    """
    # The shell runs nothing before it has read the closing brace, so a connection that is lost
    # half-way cannot run half a script, or half a line of it.
    text = "\n".join(["{", "set -eu", "umask 022", *lines, "}", ""])
    return StringCommand("sh", "-s", _stdin=text)
