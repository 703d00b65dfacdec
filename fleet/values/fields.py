"""The kinds of values that a field can have, each with its own check and remedy.

Scalars are strict: YAML's `off` is a boolean, and no field takes it for the text "off".
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
)

from fleet.reading.private import MAKE_NEW, secret_in
from fleet.reading.problems import Invalid, shown
from fleet.values.sizes import parse_size


class Record(BaseModel):
    """A record of the data. It refuses unknown fields, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def matching(pattern: str, what: str, remedy: str) -> AfterValidator:
    """A check that the whole text matches the pattern.

    what: what a text that does not match is not, e.g. "a host name"
    """
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise Invalid(f"{shown(value)} is not {what}", remedy)
        return value

    return AfterValidator(check)


def unique(what: str) -> AfterValidator:
    """A check that no item of the list is there twice. `what` is the kind of item."""

    def check(values: tuple[Any, ...]) -> tuple[Any, ...]:
        if repeated := sorted({value for value in values if values.count(value) > 1}):
            raise Invalid(f"{what} {', '.join(repeated)} is there twice", "keep one of the two")
        return values

    return AfterValidator(check)


def _text(value: str) -> str:
    """The text without what is around it, such as the end of the line that YAML's `|` adds."""
    if what := secret_in(value):
        raise Invalid(what, MAKE_NEW)
    # The last one is the mark that Windows puts at the beginning of a file.
    return value.strip(" \t\r\n\ufeff")


def _address(value: str) -> str:
    try:
        address = ip_address(value)
    except ValueError:
        remedy = "write one such as 192.0.2.11, not a name, and without length, port and brackets"
        raise Invalid(f"{shown(value)} is not an IP address", remedy) from None
    if address.is_loopback or address.is_link_local:
        raise Invalid(f"{shown(value)} is not a host's address", "write the host's own address")
    return of_a_host(address)


def of_a_host(address: IPv4Address | IPv6Address) -> str:
    """The address in its one form. Raises Invalid for an address that no host can have."""
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped
    if mapped:
        message = f"{address} is an IPv4 address in the form of IPv6, and would pass for another"
        raise Invalid(message, f"write {mapped}")
    # RFC 1122, 3.2.1.3: of "this network" Python takes 0.0.0.0 alone for unspecified.
    nowhere = isinstance(address, IPv4Address) and address in IPv4Network("0.0.0.0/8")
    # Python counts the loopback of IPv6 among the reserved addresses.
    reserved = address.is_reserved and not address.is_loopback
    zone = isinstance(address, IPv6Address) and address.scope_id
    if nowhere or reserved or zone or address.is_unspecified or address.is_multicast:
        message = f"{shown(str(address))} is not a host's address"
        raise Invalid(message, "write the host's own address, without a zone")
    return str(address)


def _endpoint(value: str, what: str, remedy: str) -> str:
    """A name or an address. what: as for `matching`"""
    try:
        return of_a_host(ip_address(value))
    except Invalid:
        raise
    except ValueError:
        pass
    # Such as a key in hex digits, which is not shown.
    if any(len(label) > 63 for label in value.split(".")):
        message = f"this is not {what}: a part between dots has more than 63 characters"
        raise Invalid(message, f"{remedy}; if it is a secret, {MAKE_NEW}")
    # A name of numbers alone is an IPv4 address that somebody has mistyped.
    name = r"(?![0-9]+(?:\.[0-9]+)+\.?$)[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*\.?"
    if len(value) > 253 or not re.fullmatch(name, value):
        raise Invalid(f"{shown(value)} is not {what}", remedy)
    return value


def _ssh_hostname(value: str) -> str:
    remedy = "write an IP address, a DNS name or a Host of your ssh_config"
    if "@" in value:
        raise Invalid("a user stands before the name", "write the user as the field user beside it")
    if port := re.fullmatch(r"(?:\[.+\]|[^:]+):([0-9]+)", value):
        raise Invalid(f"{shown(value)} has a port", f"write the name alone, and port: {port[1]}")
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    return _endpoint(bare, "a name or address to connect to", remedy)


def _disk(value: str) -> str:
    remedy = "write its name below /dev/disk/by-id, such as ata-WDC_WD40EFRX_1234"
    if "/" in value:
        raise Invalid(f"{shown(value)} is a path", remedy)
    if re.fullmatch(r"(?:[shv]|xv)d[a-z]+\d*|nvme\d+n\d+(?:p\d+)?", value):
        raise Invalid(f"{value} may name another disk after the next boot", remedy)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:+=@-]*", value):
        raise Invalid(f"{shown(value)} is not the name of a disk", remedy)
    return value


def _parts(value: str) -> list[str]:
    """The names in a path. `//` and `/./` say the same as `/`, and so does a / at the end."""
    return [part for part in value.split("/") if part not in ("", ".")]


def _absolute(value: str) -> str:
    if not value.startswith("/"):
        message = f"{shown(value)} is not an absolute path"
        raise Invalid(message, "write the whole path, such as /media/storage")
    parts = _parts(value)
    if not parts:
        raise Invalid("/ is all that the host has", "name the directories in it that are meant")
    if ".." in parts:
        raise Invalid(f"{shown(value)} has .. in it", "write an absolute path without it")
    # The path also stands in the names of units, and in files of systemd, nginx and PHP.
    if not all(re.fullmatch(r"[A-Za-z0-9_.-]+", part) for part in parts):
        message = f"{shown(value)} has a character that no path in the data can have"
        remedy = "use letters, digits, _ . - and /, or name the directory above that"
        raise Invalid(message, remedy)
    return "/" + "/".join(parts)


def _nfs_export(value: str) -> str:
    remedy = (
        "write server:/path, such as ftpback-bhs1-1.ip-192-0-2-1.net:/export/ftpbackup/"
        "ns1.ip-192-0-2-1.net: an IPv6 address in brackets, and in the path letters, digits and "
        "_ . - + , @ = ~ : between the slashes"
    )
    what = "an NFS export that a run can give to mount"
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]|([^:/\[\]@]+)):(/(?!/).*)", value)
    parts = _parts(found[3]) if found else [".."]
    # These characters mean nothing to systemd, in whose units the export stands too.
    if not found or not all(re.fullmatch(r"(?!\.\.$)[A-Za-z0-9_.+,@=~:-]+", it) for it in parts):
        # Before an @ there may be a password.
        quoted = "this" if "@" in value.partition(":/")[0] else shown(value)
        raise Invalid(f"{quoted} is not {what}", remedy)
    server = _endpoint(found[1] or found[2], what, remedy)
    return f"{f'[{server}]' if found[1] else server}:/{'/'.join(parts)}"


def _repository(value: str) -> str:
    remedy = "write one such as https://example.org/site.git, with %20 for a space"
    if "?" in value or "#" in value:
        message = "what follows the ? or the # in this address means nothing to git"
        raise Invalid(f"{message}, and may be a secret", f"if so, {MAKE_NEW}; {remedy}")
    host = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)"
    path = r"(?:[A-Za-z0-9._/~+,=-]|%[0-9A-Fa-f]{2})+"
    found = re.fullmatch(
        rf"(?:https|git|ssh)://(?:([^/@]+)@)?{host}(?::([0-9]{{1,5}}))?/{path}"
        # scp's form, as forges show it. Without a user it could be a scheme that lacks its slashes.
        rf"|([^/@:]+)@{host}:(?!-){path}",
        value,
    )
    user = found[1] or found[3] if found else None
    if user and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9._-]{0,18}", user):
        message = "what stands before the @ in this address may be a token"
        raise Invalid(message, f"if so, {MAKE_NEW}; {remedy}")
    if not found or int(found[2] or 22) > 65535:
        quoted = "this" if "@" in value else shown(value)
        message = f"{quoted} is not the address of a git repository, by https, ssh or git"
        raise Invalid(message, remedy)
    return value


def _commit(value: str) -> str:
    if re.fullmatch(r"[0-9a-f]{64}", value):
        message = "this is a commit of a repository with SHA-256, which no host can check out"
        raise Invalid(message, "pin a commit of a repository with SHA-1, which is git's default")
    if not re.fullmatch(r"[0-9a-f]{40}", value):
        message = f"{shown(value)} is not a full commit in small letters"
        remedy = "write all 40 hex digits, as `git rev-parse` prints them, in quotes"
        raise Invalid(message, remedy)
    return value


Text = Annotated[StrictStr, AfterValidator(_text)]
# The names of records stay as they are: others mean them by that text.
HostName = Annotated[
    StrictStr,
    matching(
        r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?",
        "a host name",
        "use small letters, digits and hyphens, a letter first, at most 63 in all",
    ),
]
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DnsName = Annotated[
    Text,
    matching(
        # A name that ends in a number is an address (RFC 3696, 2).
        rf"(?=.{{1,253}}$)(?!.*\.[0-9]+$)(?:{_LABEL}\.)+{_LABEL}",
        "a DNS name in small letters",
        "write the full name, such as vision.hypha.coop, without port and without a dot at its end",
    ),
]
SshHostname = Annotated[Text, AfterValidator(_ssh_hostname)]
Address = Annotated[Text, AfterValidator(_address)]
Disk = Annotated[Text, AfterValidator(_disk)]
AbsolutePath = Annotated[Text, AfterValidator(_absolute)]
Size = Annotated[int, BeforeValidator(parse_size)]
PortNumber = Annotated[StrictInt, Field(ge=1, le=65535)]
# useradd(8). Without dots, because sudo(8) passes over a file with a dot in its name.
UserName = Annotated[
    StrictStr,
    matching(
        r"[a-z_][a-z0-9_-]{0,31}",
        "a user name for an account that a run makes",
        "use small letters, digits, - and _, at most 32 in all, a letter first, such as ops",
    ),
]
LoginName = Annotated[
    Text,
    matching(
        r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}",
        "a user name",
        "use letters, digits, and - _ . behind the first, such as ops",
    ),
]
FilePath = Annotated[
    Text,
    matching(r"[^\x00-\x1f]+", "a path", "write the path of a file, such as ~/.ssh/id_ed25519"),
]
Commit = Annotated[Text, AfterValidator(_commit)]
Repository = Annotated[Text, AfterValidator(_repository)]
Package = Annotated[
    Text, matching(r"[a-z0-9][a-z0-9+.-]+", "a Debian package", "write one such as nfs-common")
]
PhpSize = Annotated[
    Text, matching(r"[1-9][0-9]{0,5}[KMG]", "a size for PHP", "write one such as 100M")
]
NfsExport = Annotated[Text, AfterValidator(_nfs_export)]
LvmVolume = Annotated[
    Text,
    matching(
        # A backup gives the name coop-backup to its own snapshot.
        r"[A-Za-z0-9_+][A-Za-z0-9_+.-]*/(?!coop-backup$)[A-Za-z0-9_+][A-Za-z0-9_+.-]*",
        "an LVM volume that can be copied, as group and volume",
        "write them without /dev, such as vg0/srv",
    ),
]
ZfsName = Annotated[
    Text,
    matching(
        r"(?=.{1,240}$)[A-Za-z][A-Za-z0-9_.:-]*(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.:-]+)*",
        "a ZFS dataset that a backup can copy",
        "write its name as `zfs list` prints it, such as tank/srv: letters, digits, _ . : - and /, "
        "but no space, as no path in the data has one either",
    ),
]
UnitName = Annotated[
    Text,
    matching(
        # systemd.unit(5). A template, which has nothing behind its @, is no unit that runs.
        r"(?=.{1,255}$)(?!.*@\.[a-z]+$)[A-Za-z0-9_]"
        r"(?:[A-Za-z0-9:_.@-]|\\x[0-9A-Fa-f]{2})*\.(?:service|socket|timer|path|target)",
        "a unit of systemd that can be stopped for a backup",
        "write its full name as systemctl prints it, such as nginx.service or app@one.service",
    ),
]
ClockTime = Annotated[
    Text,
    matching(
        r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", "a time of day as HH:MM", 'write one such as "02:30"'
    ),
]
MAIL_ADDRESS = r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}"
MailAddress = Annotated[
    Text, matching(MAIL_ADDRESS, "an email address", "write one such as ops@example.org")
]
Packages = Annotated[tuple[Package, ...], unique("package")]
