"""Who can log in by SSH, and how: accounts, groups, keys in all places, sshd's settings.

Sources: sshd(8), sshd_config(5), passwd(5), shadow(5), sudo(8), crontab(1), at(1), loginctl(1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote

from engine.fact import Fact, lines_of, sections, whole
from facts.files import PathState, archive, from_archive

KEYS = "/etc/ssh/authorized_keys"
"""The directory of the keys that count: a file for each account, owned by root."""

SSHD, SSHD_CONFIG = "/usr/sbin/sshd", "/etc/ssh/sshd_config"

CRON, LINGER = "/var/spool/cron", "/var/lib/systemd/linger"
"""Where crontabs and the jobs of at lie, and whose services systemd starts without a login."""

FIRST_UID, LAST_UID = 1000, 59999
"""The uids of people: Debian policy 9.2.2."""


@dataclass(frozen=True)
class AccountState:
    """An account.

    home: a path
    expires: the day from which nobody can use the account, in days since 1970; None for never
    sudo: whether sudo lets the account do anything. The fact asks this only about people who have a
        file in KEYS, or whose name is also that of a group in the question
    """

    uid: int
    home: str
    shell: str
    expires: int | None = None
    sudo: bool = False

    @property
    def is_persons(self) -> bool:
        return FIRST_UID <= self.uid <= LAST_UID

    @property
    def has_shell(self) -> bool:
        """Whether a login to the account gets a shell."""
        return not self.shell.endswith(("/nologin", "/false"))


@dataclass(frozen=True)
class AccessState:
    """Everything by which somebody could log in.

    login: the account by which the run itself is logged in
    accounts: by name, the system's accounts too
    groups: {name: members} of each group in the question that exists; an account is a member by
        group(5) or by its own entry in passwd(5)
    files: {path: PathState} of KEYS, of each path in KEYS, and of the paths in the question, if it
        exists
    starts: {account: paths} by which something starts in its name without a login: crontab, jobs of
        at, lingering, and directories in its home with units of systemd
    strays: {path: text} of the files with keys in the homes of all accounts, root's included
    unread: {path: why} of strays whose text is empty, because the host did not read them: whoever
        has a home may put a link there to any file, or a file of any size
    settings: {user: {option in lower case: value}}, what sshd would do for this user. Only root is
        there if sshd does the same for everybody
    matches: "file:line" of each condition (Match) in sshd's configuration
    reloaded: whether sshd has read its configuration since the configuration last changed; not
        known, so False, if one of the two times is still to come
    """

    login: str = ""
    accounts: Mapping[str, AccountState] = field(default_factory=dict)
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    files: Mapping[str, PathState] = field(default_factory=dict)
    strays: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    starts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    matches: tuple[str, ...] = ()
    reloaded: bool = True


_LOOK = """\
people=$(getent passwd | awk -F : '$3 >= {first} && $3 <= {last} {{print $1}}')
printf '##login\\n%s\\n' "${{SUDO_USER:-$(id -un)}}"
printf '##accounts\\n'
getent passwd | cut -d : -f 1,3,4,6,7
printf '##expires\\n'
getent shadow | awk -F : '$8 != "" {{print $1 ":" $8}}'
printf '##sudo\\n'
for user in $people; do
  # It matters of who can log in or should: each person that is wanted has a group of that name.
  case {names} in *" $user "*) ;; *) [ -e {keys}/"$user" ] || continue ;; esac
  case $(LC_ALL=C sudo -n -l -U "$user" 2>/dev/null) in *'may run'*) printf '%s\\n' "$user" ;; esac
done
printf '##groups\\n'
getent group {groups}
printf '##files\\n'
{read_files}
printf '##strays\\n'
homes=$(getent passwd | cut -d : -f 6 | sort -u)
set -f
IFS='
'
set -- $(for home in $homes; do
  for name in authorized_keys authorized_keys2; do
    [ -f "$home/.ssh/$name" ] && [ -s "$home/.ssh/$name" ] && printf '%s\\n' "$home/.ssh/$name"
  done
done)
unset IFS
set +f
{read_strays}
printf '##starts\\n'
find {cron}/crontabs {cron}/atjobs {linger} -mindepth 1 -type f -printf '%U %p\\n' 2>/dev/null
getent passwd | awk -F : '$3 >= {first} && $3 <= {last} {{print $3 " " $6}}' |
  while read -r uid home; do
    for units in "$home/.config/systemd" "$home/.local/share/systemd"; do
      [ -e "$units/user" ] || [ -e "$units/user.control" ] && printf '%s\\n' "$uid $units"
    done
  done
# Only under a Match does sshd do for one what it does not for another. It is asked once if none is
# in its files, and no Include but Debian's own adds one that is not looked through here.
includes=$(LC_ALL=C grep -h -i -E '{line}include' {config} {config}.d/*.conf)
LC_ALL=C grep -q -i -E '{line}match' {config} {config}.d/*.conf
case "$? $includes" in '1 ' | '1 Include {config}.d/*.conf') people= ;; esac
# An address that is nobody's (RFC 5737): what holds from anywhere.
for user in root $people; do
  printf '##settings\\t%s\\n' "$user"
  {sshd} -T -C "user=$user,host=unknown,addr=192.0.2.1" 2>/dev/null |
    grep -i -E '^({options}) '
done
printf '##matches\\n'
grep -i -E '^[[:space:]]*match[[:space:]]' {config} {config}.d/*.conf /dev/null
printf '##reloaded\\n'
printf '%s\\n' "$(systemctl show -P StateChangeTimestamp --timestamp=unix ssh.service)"
date +@%s
stat -c '@%Z' {config} {config}.d {config}.d/*.conf
"""

# The start of a line that is no comment, up to a word anywhere in the line: sshd also takes a
# keyword in quotes, in upper or lower case, and with a = after it.
_LINE = "^[[:blank:]]*([^#[:blank:]].*)?"


class Access(Fact[AccessState]):
    """Accounts, groups, keys and sshd's settings, in one remote command.

    groups: names; files: paths; options: of sshd, in lower case
    """

    def command(self, groups: Sequence[str], files: Sequence[str], options: Sequence[str]) -> str:
        return whole(
            _LOOK.format(
                first=FIRST_UID,
                last=LAST_UID,
                groups=" ".join(map(quote, groups)),
                names=quote(f" {' '.join(groups)} "),
                keys=KEYS,
                cron=CRON,
                linger=LINGER,
                read_files=archive(f"-- {KEYS} {KEYS}/* {' '.join(map(quote, files))}"),
                read_strays=archive('-- "$@"'),
                options="|".join(options),
                sshd=SSHD,
                config=SSHD_CONFIG,
                line=_LINE,
            )
        )

    @staticmethod
    def default() -> AccessState:
        return AccessState()

    def parse(self, output: list[str]) -> AccessState:
        (login,), (files, *large), (strays, *larger) = (
            lines_of(output, title) for title in ("login", "files", "strays")
        )
        # One that has grown while it was read keeps the run from nothing but the strays after it.
        found = from_archive("\n".join([strays, *larger]), whole=False)
        return AccessState(
            login,
            _accounts(output),
            _groups(lines_of(output, "groups"), lines_of(output, "accounts")),
            from_archive("\n".join([files, *large])),
            {path: (it.content or b"").decode(errors="replace") for path, it in found.items()},
            {path: why for path, it in found.items() if (why := _why_unread(it))},
            _starts(lines_of(output, "starts"), lines_of(output, "accounts")),
            _settings(output),
            tuple(lines_of(output, "matches")),
            _reloaded(*lines_of(output, "reloaded")),
        )


def _why_unread(stray: PathState) -> str:
    if stray.kind == "link":
        return f"a link to {stray.target}, which is not followed"
    return f"{stray.size} bytes, which is too much to read" if stray.size else ""


def _reloaded(since: str, now: str, *changed: str) -> bool:
    # Without a time ("" or "n/a") sshd does not run as a service. A socket starts sshd for each
    # login, and sshd reads its configuration each time.
    if not since.startswith("@"):
        return True
    read, present = int(since[1:]), int(now[1:])
    return read <= present and all(int(time[1:]) <= read for time in changed)


def _accounts(output: Sequence[str]) -> dict[str, AccountState]:
    expires = dict(line.split(":") for line in lines_of(output, "expires"))
    sudo = lines_of(output, "sudo")
    accounts = {}
    for line in lines_of(output, "accounts"):
        name, uid, _, home, shell = line.split(":")
        ends = int(expires[name]) if name in expires else None
        accounts[name] = AccountState(int(uid), home, shell, ends, name in sudo)
    return accounts


def _groups(lines: Sequence[str], accounts: Sequence[str]) -> dict[str, frozenset[str]]:
    """{name: members}, with those that only passwd(5) has in the group: group(5) lists the rest."""
    by_gid: dict[str, list[str]] = {}
    for line in accounts:
        name, _, gid, *_ = line.split(":")
        by_gid.setdefault(gid, []).append(name)
    groups = (line.split(":") for line in lines)
    return {
        name: frozenset([*filter(None, members.split(",")), *by_gid.get(gid, [])])
        for name, _, gid, members in groups
    }


def _starts(lines: Sequence[str], accounts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """{account: paths}, by the name of the file where that says whose it is, or else by its uid."""
    names: dict[str, list[str]] = {}
    for line in accounts:
        name, uid, *_ = line.split(":")
        names.setdefault(uid, []).append(name)
    found: dict[str, list[str]] = {}
    for line in lines:
        uid, _, path = line.partition(" ")
        directory, _, file = path.rpartition("/")
        named = directory in (f"{CRON}/crontabs", LINGER)
        for name in [file] if named else names.get(uid, ()):
            found.setdefault(name, []).append(path)
    return {name: tuple(sorted(set(paths))) for name, paths in found.items()}


def _settings(output: Sequence[str]) -> dict[str, dict[str, str]]:
    """{user: {option: value}}. A space joins the values that sshd prints in several lines."""
    found: dict[str, dict[str, str]] = {}
    for section in sections(output):
        if section.title == "settings":
            values = found.setdefault(section.fields[1], {})
            for line in section.lines:
                name, _, value = line.partition(" ")
                before = values.get(name.lower())
                values[name.lower()] = f"{before} {value}" if before else value
    return found
