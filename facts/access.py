"""Who can log in by SSH, and how: accounts, groups, keys in all places, sshd's settings.

Sources: sshd(8), sshd_config(5), passwd(5), shadow(5), sudo(8), crontab(1), at(1), loginctl(1).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from shlex import quote

from engine.fact import Fact, lines_of, sections, whole
from facts.files import PathState, archive, from_archive
from facts.pam import ASK_PAM, PYTHON
from facts.sudo_rules import hurdle
from facts.system import SOON

KEYS = "/etc/ssh/authorized_keys"
"""The directory of the keys that count: a file for each account, owned by root."""

SSHD, SSHD_CONFIG = "/usr/sbin/sshd", "/etc/ssh/sshd_config"
INCLUDED = f"{SSHD_CONFIG}.d/*.conf"
"""What Debian's sshd_config includes, in its first line that is no comment."""

CRON, LINGER = "/var/spool/cron", "/var/lib/systemd/linger"
"""Where crontabs and the jobs of at lie, and whose services systemd starts without a login."""

NO_AGE = 10000
"""So many days of a password's age are no limit: chage(1) calls them never. Debian sets 99999."""

FIRST_UID, LAST_UID = 1000, 59999
"""The uids of people: Debian policy 9.2.2."""


@dataclass(frozen=True)
class AccountState:
    """An account.

    home: a path
    expires: the day from which nobody can use the account, in days since 1970; None for never
    sudo: whether sudo lets the account do anything. The fact asks this only about people who have a
        file in KEYS, or whose name is also that of a group in the question
    hurdle: why sudo does not let the account do everything without a password, though it lets it do
        something; "" if sudo does
    ages: the day from which PAM takes the password as too old, and refuses every login until there
        is another, in days since 1970; 0 for one that has to be changed at once; None for never
    pam: why PAM would refuse a login now, "" if it would not; asked about the same accounts
    """

    uid: int
    home: str
    shell: str
    expires: int | None = None
    sudo: bool = False
    hurdle: str = ""
    ages: int | None = None
    pam: str = ""

    @property
    def is_persons(self) -> bool:
        return FIRST_UID <= self.uid <= LAST_UID

    @property
    def has_shell(self) -> bool:
        """Whether a login to the account gets a shell."""
        return not self.shell.endswith(("/nologin", "/false"))

    @property
    def until(self) -> int | None:
        """The day from which nobody gets in to the account, in days since 1970; None for never."""
        return min((day for day in (self.expires, self.ages) if day is not None), default=None)


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
    homes: {path: owner's uid} of the homes of people that exist, and of /home/NAME for each name
        of a group in the question; with "/", so that {} says that nobody has looked
    unusable_shells: those of all accounts that are no programs
    includes: the patterns of files that sshd_config includes for everybody, absolute
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
    homes: Mapping[str, int] = field(default_factory=dict)
    unusable_shells: frozenset[str] = frozenset()
    includes: tuple[str, ...] = (INCLUDED,)
    matches: tuple[str, ...] = ()
    reloaded: bool = True


_LOOK = """\
people=$(getent passwd | awk -F : '$3 >= {first} && $3 <= {last} {{print $1}}')
printf '##login\\n%s\\n' "${{SUDO_USER:-$(id -un)}}"
printf '##accounts\\n'
getent passwd | cut -d : -f 1,3,4,6,7
printf '##expires\\n'
getent shadow | awk -F : '$8 != "" {{print $1 ":" $8}}'
printf '##ages\\n'
getent shadow | awk -F : '$3 == "0" || $5 != "" && $5 >= 0 {{print $1 ":" $3 ":" $5}}'
asked=
for user in $people; do
  # It matters of who can log in or should: each person that is wanted has a group of that name.
  case {names} in *" $user "*) ;; *) [ -e {keys}/"$user" ] || continue ;; esac
  asked="$asked $user"
  rules=$({soon} LC_ALL=C sudo -n -l -U "$user" 2>/dev/null)
  case $rules in
    *'may run'*) printf '##sudo\\n%s\\n##rules\\t%s\\n%s\\n' "$user" "$user" "$rules" ;;
  esac
done
printf '##pam\\n'
[ -z "$asked" ] || timeout -s KILL 30 {python} -I -c {ask_pam} $asked 2>/dev/null
printf '##homes\\n'
{{ echo /; getent passwd | awk -F : '$3 >= {first} && $3 <= {last} {{print $6}}'
  printf '/home/%s\\n' {groups}; }} | sort -u | xargs -r -d '\\n' stat -L -c '%u %n' -- 2>/dev/null
printf '##unusable shells\\n'
getent passwd | cut -d : -f 7 | sort -u | while IFS= read -r shell; do
  [ -f "${{shell:-/bin/sh}}" ] && [ -x "${{shell:-/bin/sh}}" ] || printf '%s\\n' "$shell"
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
printf '##includes\\n'
awk 'tolower($1) ~ /^"?match/ {{exit}} tolower($1) ~ /^"?include/' {config}
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
                soon=SOON,
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
                python=PYTHON,
                ask_pam=quote(ASK_PAM),
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
            _homes(lines_of(output, "homes")),
            frozenset(lines_of(output, "unusable shells")),
            tuple(_includes(lines_of(output, "includes"))),
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


def _homes(lines: Sequence[str]) -> dict[str, int]:
    found = (line.partition(" ") for line in lines)
    return {path: int(uid) for uid, _, path in found}


def _ages(lines: Sequence[str]) -> Iterator[tuple[str, int]]:
    """(account, the day from which its password is too old), as pam_unix(8) reckons."""
    for line in lines:
        name, last, most = line.split(":")
        if last == "0":
            yield name, 0
        elif int(most or NO_AGE) < NO_AGE:
            yield name, int(last or -1) + int(most) + 1


def _accounts(output: Sequence[str]) -> dict[str, AccountState]:
    expires = dict(line.split(":") for line in lines_of(output, "expires"))
    ages, sudo = dict(_ages(lines_of(output, "ages"))), lines_of(output, "sudo")
    rules = {it.fields[1]: it.lines for it in sections(output) if it.title == "rules"}
    pam = dict(line.split("\t") for line in lines_of(output, "pam"))
    accounts = {}
    for line in lines_of(output, "accounts"):
        name, uid, _, home, shell = line.split(":")
        ends = int(expires[name]) if name in expires else None
        why = hurdle(rules[name]) if name in rules else ""
        accounts[name] = AccountState(
            int(uid), home, shell, ends, name in sudo, why, ages.get(name), pam.get(name, "")
        )
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


def _includes(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        keyword = re.match(r'\s*"?include"?[\s=]*', line, re.IGNORECASE)
        words = line[keyword.end() if keyword else 0 :].partition("#")[0].split()
        # A name without a path is one in sshd's own directory.
        yield from (str(PurePosixPath("/etc/ssh", word.strip('"'))) for word in words)


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
