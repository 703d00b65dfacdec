"""A line of BigBlueButton's releases: from where it comes, what runs, and what each file needs.

The classes: a change of class A nobody notices; with one of class B one feature hiccups; one of
class C ends meetings or their media. B and C are changed while no meeting runs.
"""

import re
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictInt, field_validator
from pydantic import ValidationInfo as Info

from fleet.reading.problems import Invalid, shown
from fleet.releases import UBUNTU
from fleet.values.fields import AbsolutePath, Packages, Record, Text, matching, unique

Class = Literal["A", "B", "C"]
State = Literal["retire-only", "production", "candidate"]
# What a patch may say of its host: fleet/derived/bbb.py fills these in.
PATCH_NAMES = ("hostname", "public_ipv4", "local_ipv4")


def _ubuntu(value: str) -> str:
    if value not in UBUNTU:
        known = ", ".join(f'"{it}"' for it in UBUNTU)
        raise Invalid(f"{shown(value)} is no release of Ubuntu that is known", f"write {known}")
    return value


def _for_patches(value: str) -> str:
    try:
        names = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    except ValueError:
        names = {"?"}
    if not names <= set(PATCH_NAMES):
        known = ", ".join(f"{{{it}}}" for it in PATCH_NAMES)
        raise Invalid(
            f"{shown(value)} names what no patch knows", f"write {known}, and {{{{ for {{"
        )
    return value


def _fingerprint(value: str) -> str:
    plain = value.replace(" ", "").upper()
    if not re.fullmatch(r"[0-9A-F]{40}", plain):
        message = f"{shown(value)} is not the fingerprint of an OpenPGP key"
        raise Invalid(message, "write all 40 hex digits, as gpg --show-keys prints them")
    return plain


def _regular(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise Invalid(f"{shown(value)} is no regular expression", f"mend it: {error}") from None
    return value


Fingerprint = Annotated[Text, AfterValidator(_fingerprint)]
Template = Annotated[Text, AfterValidator(_for_patches)]
Pattern = Annotated[Text, AfterValidator(_regular)]
Word = Annotated[Text, matching(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a word", "write one such as main")]
Mode = Annotated[StrictInt, Field(ge=0o400, le=0o777)]
Unit = Annotated[
    Text,
    matching(
        r"[A-Za-z0-9:_.-]+(?:@[A-Za-z0-9:_.-]+)?\.(?:service|target|timer)",
        "a unit of systemd",
        "write its full name, such as bbb-web.service",
    ),
]
Web = Annotated[
    Text,
    matching(
        r"https://[a-z0-9.-]+(?:/[A-Za-z0-9{}._/?&=-]*)?", "an address by https", "begin with https"
    ),
]


class Source(Record):
    """Where apt finds packages.

    name: of the files of the source and its key on a host
    url: {repository} stands for the release's own directory
    key: where the public key is; {fingerprint} stands for the fingerprint
    fingerprint: of that key; None if it could not be verified in public text. A run on a host that
        needs the source is refused until somebody writes it down
    replaces: the files in sources.list.d by which others, such as an installer, name the same
        source: apt refuses all sources if one is there twice with two keys
    """

    name: Word
    url: Web
    suite: Word
    components: Annotated[tuple[Word, ...], Field(min_length=1)]
    key: Web
    fingerprint: Fingerprint | None
    replaces: tuple[Word, ...] = ()


class BbbUnit(Record):
    """A unit that has to run. kind: the class of its restart

    optional: it counts only where its file exists, as for `bbb-conf --status`
    """

    name: Unit
    kind: Class
    optional: bool = False


class BbbFile(Record):
    """A file that a run writes as a whole. units: those outside of the target that restart then"""

    path: AbsolutePath
    kind: Class
    owner: Word = "root"
    group: Word = "root"
    mode: Mode = 0o644
    units: tuple[Unit, ...] = ()


class _Patch(Record):
    path: AbsolutePath
    # The class: whatever is patched is read by what carries meetings.
    level: Class = "C"


class XmlPatch(_Patch):
    """The one element whose attributes match `where` as a whole gets the attributes `set`."""

    kind: Literal["xml"]
    element: Word
    where: dict[Text, Pattern]
    set: dict[Text, Template]


class LinePatch(_Patch):
    """The one line that matches as a whole becomes `line`."""

    kind: Literal["line"]
    match: Pattern
    line: Annotated[str, AfterValidator(_for_patches)]


class YamlPatch(_Patch):
    """The scalar at this path of keys becomes `value`."""

    kind: Literal["yaml"]
    key: Annotated[tuple[Text, ...], Field(min_length=1)]
    value: Template


class PropertiesPatch(_Patch):
    """The one line of the key gets `value`."""

    kind: Literal["properties"]
    key: Text
    value: Template


class OffPatch(_Patch):
    """The file has the name FILE.off on a host that lacks this, and its own name on others."""

    kind: Literal["off"]
    without: Literal["ipv6"]


Patch = Annotated[
    XmlPatch | LinePatch | YamlPatch | PropertiesPatch | OffPatch, Field(discriminator="kind")
]


class BbbAccount(Record):
    """An account that BigBlueButton's packages use if it is there, and make if not.

    uid: also the number of its own group, which has its name. The same on every node. None for any
        of the system's: Debian's packages refuse another (adduser --system)
    """

    name: Word
    uid: Annotated[StrictInt, Field(ge=3000, le=3099)] | None
    home: AbsolutePath
    shell: AbsolutePath = "/usr/sbin/nologin"


class Line(Record):
    """A line of releases, such as 3.0.

    ubuntu, codename: the one Ubuntu that its packages are made for
    state: "retire-only" is read and retired, and never converged
    repository: the directory of one release; {release} stands for the release
    packages: what is installed by name; may_go: what apt may remove for them
    formats, notes: further packages by format of recordings, by editor of the shared notes; what is
        not in here the line does not know
    settings: where the HTML5 client's settings of the package are
    noise: texts of `bbb-conf --check` that mean nothing; a part of the line is enough
    """

    ubuntu: Annotated[Text, AfterValidator(_ubuntu)]
    codename: Word
    state: State
    repository: Text
    sources: tuple[Source, ...] = ()
    packages: Packages = ()
    may_go: Packages = ()
    formats: dict[Text, Packages]
    notes: dict[Text, Packages]
    accounts: tuple[BbbAccount, ...] = ()
    units: Annotated[tuple[BbbUnit, ...], unique("unit")]
    settings: AbsolutePath
    files: Annotated[tuple[BbbFile, ...], unique("file")] = ()
    patches: tuple[Patch, ...] = ()
    noise: tuple[Text, ...] = ()

    @field_validator("repository")
    @classmethod
    def _names_the_release(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9-]+-\{release\}", value):
            message = f"{shown(value)} is not the directory of one release"
            raise Invalid(message, "write one such as jammy-300-{release}")
        return value

    @field_validator("sources")
    @classmethod
    def _has_some(cls, sources: tuple[Source, ...], info: Info) -> Any:
        if not sources and info.data.get("state") != "retire-only":
            raise Invalid("the line has no source of packages", "add the release's own directory")
        return sources
