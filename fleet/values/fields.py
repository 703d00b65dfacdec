"""The kinds of values that a field can have, each with its own check and remedy.

Scalars are strict: YAML's `off` is a boolean, and no field takes it for the text "off".
"""

import re
from ipaddress import ip_address
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
        raise Invalid(
            f"{shown(value)} is not an IP address", "write one such as 192.0.2.11, not a name"
        ) from None
    # An export to one of these addresses would reach nobody, or everybody.
    if address.is_unspecified or address.is_multicast or address.is_loopback or "%" in value:
        raise Invalid(f"{value} is not a host's address", "write the host's own address")
    return str(address)


def _disk(value: str) -> str:
    remedy = "write its name below /dev/disk/by-id, such as ata-WDC_WD40EFRX_1234"
    if "/" in value:
        raise Invalid(f"{shown(value)} is a path", remedy)
    if re.fullmatch(r"(?:[shv]|xv)d[a-z]+\d*|nvme\d+n\d+(?:p\d+)?", value):
        raise Invalid(f"{value} may name another disk after the next boot", remedy)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:+=@-]*", value):
        raise Invalid(f"{shown(value)} is not the name of a disk", remedy)
    return value


def _absolute(value: str) -> str:
    parts = value.split("/")[1:]
    if not re.fullmatch(r"(?:/[A-Za-z0-9_.-]+)+", value) or {".", ".."} & set(parts):
        raise Invalid(f"{shown(value)} is not an absolute path", "write one such as /media/storage")
    return value


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
        rf"(?=.{{1,253}}$)(?:{_LABEL}\.)+{_LABEL}",
        "a DNS name",
        "write the full name in small letters, such as vision.hypha.coop",
    ),
]
SshHostname = Annotated[
    Text,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}",
        "a name or address to connect to",
        "write an IP address, a DNS name or a Host of your ssh_config",
    ),
]
Address = Annotated[Text, AfterValidator(_address)]
Disk = Annotated[Text, AfterValidator(_disk)]
AbsolutePath = Annotated[Text, AfterValidator(_absolute)]
Size = Annotated[int, BeforeValidator(parse_size)]
PortNumber = Annotated[StrictInt, Field(ge=1, le=65535)]
UserName = Annotated[
    StrictStr, matching(r"[a-z_][a-z0-9_-]{0,31}", "a user name", "write one such as ops")
]
FilePath = Annotated[
    Text,
    matching(r"[^\x00-\x1f]+", "a path", "write the path of a file, such as ~/.ssh/id_ed25519"),
]
Commit = Annotated[
    Text,
    matching(
        r"[0-9a-f]{40}",
        "a full commit",
        "write all 40 hex digits, as `git rev-parse` prints them, in quotes",
    ),
]
Repository = Annotated[Text, AfterValidator(_repository)]
Package = Annotated[
    Text, matching(r"[a-z0-9][a-z0-9+.-]+", "a Debian package", "write one such as nfs-common")
]
PhpSize = Annotated[
    Text, matching(r"[1-9][0-9]{0,5}[KMG]", "a size for PHP", "write one such as 100M")
]
NfsExport = Annotated[
    Text,
    matching(
        r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?:(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9_.-]+)+",
        "an NFS export",
        "write one such as ftpback-bhs1-1.ip-192-0-2-1.net:/export/ftpbackup/ns1.ip-192-0-2-1.net",
    ),
]
LvmVolume = Annotated[
    Text,
    matching(
        # A backup gives the name coop-backup to its own snapshot.
        r"[A-Za-z0-9_+][A-Za-z0-9_+.-]*/(?!coop-backup$)[A-Za-z0-9_+][A-Za-z0-9_+.-]*",
        "an LVM volume that can be copied",
        "write group and volume, such as vg0/srv",
    ),
]
ZfsName = Annotated[
    Text,
    matching(
        r"[A-Za-z][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)*",
        "a ZFS dataset",
        "write one such as tank/srv",
    ),
]
UnitName = Annotated[
    Text,
    matching(
        r"(?!coop-backup)[A-Za-z0-9][A-Za-z0-9:_.@-]*\.(?:service|socket|timer|path|target)",
        "a unit of systemd that can be stopped for a backup",
        "write its full name, such as nginx.service",
    ),
]
ClockTime = Annotated[
    Text,
    matching(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", "a time of day", 'write one such as "02:30"'),
]
Packages = Annotated[tuple[Package, ...], unique("package")]
