"""How a run writes where somebody else than root may move things: never with root's powers.

Whoever owns a directory may put a link in the place of anything in it, also between a look and the
change. So root writes only below directories that nobody else can change. What lies elsewhere is
written with its owner's powers: then no link leads further than its owner gets anyway.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath
from shlex import quote

# find's arguments for the first directory in which others than root, and than this process, may
# rename what is there. In a sticky directory, such as /tmp, nobody renames what is another's.
# Debian may give /usr/local to the group staff (50), which is as good as root: its policy, 9.1.2.
_OTHERS = (
    "-maxdepth 0 '(' ! -user root ! -user \"$(id -u)\" -o ! -perm -1000 '(' -perm -o=w -o "
    "-perm -g=w ! -gid 0 ! -gid 50 ! -gid \"$(id -g)\" ')' ')' -print -quit 2>/dev/null"
)

# Removes a file or link, whoever owns the directories on the way. The shell goes to the directory,
# asks the kernel where it is, and removes the name right there: so what is swapped meanwhile
# changes nothing. A link that is root's own may lead to the first directory that is another's.
GONE = f"""\
gone() (
  at=${{1%/*}}; up=$at; name=${{1##*/}}; set -- /
  while [ -n "$up" ]; do set -- "$up" "$@"; up=${{up%/*}}; done
  top=$(find -L "$@" {_OTHERS}) || :
  [ -n "$top" ] || exec rm -f -- "$at/$name"
  [ -d "$at" ] || exit 0
  cd -P -- "$at"
  [ "$(readlink /proc/self/cwd)" = "$(realpath -- "$top")${{at#"$top"}}" ] || {{
    printf '%s: a link of somebody else leads there; see who made it, and remove it\\n' "$at" >&2
    exit 1
  }}
  exec rm -f -- "./$name"
)"""


def alone_in(directory: str) -> list[str]:
    """Lines of POSIX sh that make the directory, and wait until no other run's script is in it.

    Another operator's run may do the same now: these scripts write to names that are always the
    same. What the script writes from here on is root's alone.
    """
    return [f"mkdir -p {quote(directory)}", f"exec 9< {quote(directory)}; flock 9", "umask 077"]


def in_name_of(account: str, script: str) -> str:
    """A line of POSIX sh that runs the script with the powers of this account alone; root's as is.

    script: stops at its first failure; gets the line's stdin
    """
    if account == "root":
        return script
    who = quote(account)
    return (
        f'setpriv --reuid={who} --regid="$(id -g {who})" --clear-groups --no-new-privs '
        f"sh -euc {quote(f'cd /; {script}')}"
    )


def roots_alone(paths: Iterable[str]) -> list[str]:
    """Lines of POSIX sh that fail if others than root can change what is on the way there.

    What does not exist yet counts as root's: whoever runs the lines makes it.
    """
    above = {"/", *(str(up) for path in paths for up in PurePosixPath(path).parents)}
    ways = " ".join(map(quote, sorted(above)))
    return [
        f"others=$(find -L {ways} {_OTHERS}) || :",
        '[ -z "$others" ] || { printf "%s: others than root can change what is in there, so root '
        'writes nothing below: chown root, and chmod go-w\\n" "$others" >&2; exit 1; }',
    ]
