"""A node of BigBlueButton: the part `bbb` of a host's record."""

import re
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, field_validator
from pydantic import ValidationInfo as Info

from fleet.certificate import Source
from fleet.reading.problems import Invalid, hidden, shown
from fleet.values.fields import Address, DnsName, FilePath, Record, Text, matching, unique
from fleet.values.free_maps import FlatMap, FreeMap, paths_of
from fleet.values.networks import NEVER_PUBLIC, Prefix, covers

# RFC 1918, and RFC 6598 for a provider's NAT.
PRIVATE = [
    IPv4Network(it) for it in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
]

Wanted = Literal["serving", "drained", "retired"]
Days = Annotated[StrictInt, Field(ge=1, le=3650)]

# The role writes these: by map of Overrides, the keys, and with a key all that is below it.
# bbb-conf looks for keys of bbb-web.properties by their beginnings: a longer key would be one more
# answer to it.
OWNED: dict[str, tuple[str, ...]] = {
    "web": (
        "bigbluebutton.web.serverURL",
        "securitySalt",
        "sharedNotesEditor",
        "supportedChecksumAlgorithms",
    ),
    "html5": ("public.kurento.wsUrl", "public.pads.url", "public.media.sipjsHackViaWs"),
    "sfu": (
        "freeswitch.ip",
        "freeswitch.sip_ip",
        "freeswitch.esl_password",
        "mediasoup.webrtc.listenIps",
        "mediasoup.plainRtp.listenIp",
        "livekit",
    ),
    "recording": ("playback_host", "playback_protocol", "steps"),
}


def _hostname(value: Any) -> Any:
    found = re.fullmatch(
        r"(?:\w+://)?([^/\s:]+)(?::\d+)?/*", value if isinstance(value, str) else ""
    )
    if found and found[1] != value:
        message = f"{shown(value)} is more than a host name"
        raise Invalid(message, f"write {hidden(found[1])} alone, without scheme, port and /")
    return value


def _turn(value: Any) -> Any:
    if value == "local":
        return value
    if isinstance(value, str):
        remedy = (
            "write local, or a list of addresses such as [turns:turn.example.org:443?transport=tcp]"
        )
        raise Invalid(f"{shown(value)} is neither local nor a list", remedy)
    return value


def _turn_url(value: str) -> str:
    remedy = (
        "write one such as turns:turn.example.org:443?transport=tcp or turn:turn.example.org:3478"
    )
    found = re.fullmatch(
        r"(turns?):[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::([0-9]{1,5}))?(?:\?transport=(udp|tcp))?",
        value,
    )
    if not found or not 0 < int(found[2] or 3478) <= 65535:
        # RFC 7065: no slashes follow the colon.
        raise Invalid(f"{shown(value)} is not the address of a TURN server", remedy)
    if found[1] == "turns" and found[3] != "tcp":
        message = f"{shown(value)} does not say that it goes by TCP, as TLS does"
        raise Invalid(message, "add ?transport=tcp")
    return value


def _release(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        message = f"{shown(value)} is a number, and no whole release"
        raise Invalid(message, "write all of its parts, such as 3.0.35")
    return value


ReleaseName = Annotated[
    Text,
    BeforeValidator(_release),
    matching(
        r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,3}(?:-(?:alpha|beta|rc)\.[0-9]{1,3})?",
        "a release of BigBlueButton",
        "write all of its parts, such as 3.0.35",
    ),
]
BalancerName = Annotated[
    Text,
    matching(
        r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?",
        "the name of a balancer",
        "use small letters, digits and hyphens, a letter first, such as meet",
    ),
]
# Both balancers hand a tag to the meetings that ask for it.
Tag = Annotated[
    Text, matching(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", "a tag", "write one such as large")
]
TurnUrl = Annotated[Text, AfterValidator(_turn_url)]
Format = Literal["presentation", "video", "notes", "podcast", "screenshare"]


class Public(Record):
    """The addresses at which people reach the node. Without ipv6 the node has none."""

    ipv4: Address
    ipv6: Address | None = None

    @field_validator("ipv4")
    @classmethod
    def _is_ipv4(cls, address: str) -> str:
        if ip_address(address).version != 4:
            raise Invalid(f"{address} is no IPv4 address", "write it as ipv6, and IPv4 here")
        return address

    @field_validator("ipv6")
    @classmethod
    def _is_ipv6(cls, address: str | None) -> str | None:
        if address is not None and ip_address(address).version != 6:
            raise Invalid(f"{address} is no IPv6 address", "take it out, if there is none")
        return address


class Mirror(Record):
    """Another place for all packages that do not come from Ubuntu.

    url: what a source has at https://HOST/PATH is at URL/HOST/PATH
    key: the file, on the operator's machine, with the public key that has signed all of it
    """

    url: Annotated[
        Text,
        matching(
            r"https?://[a-z0-9][a-z0-9.-]*(?::[0-9]{1,5})?(?:/[A-Za-z0-9._-]+)*",
            "the address of a mirror",
            "write one such as https://packages.example.org/bbb, without / at its end",
        ),
    ]
    key: FilePath


class Recordings(Record):
    """What becomes of recordings.

    formats: those that the node makes of each
    raw_days: for how many days the node keeps what a recording was made of
    published_days: for how many days the node keeps a published recording after its copy on the
        volume was compared; None for ever. A node without a volume keeps all
    volume_days: for how many days the volume keeps it; None for ever
    """

    formats: Annotated[tuple[Format, ...], unique("format"), Field(min_length=1)] = (
        "presentation",
    )
    raw_days: Days = 14
    published_days: Days | None = None
    volume_days: Days | None = None

    @field_validator("volume_days")
    @classmethod
    def _is_longer_than_on_the_node(cls, volume: int | None, info: Info) -> int | None:
        node = info.data.get("published_days")
        if volume is not None and (node is None or node >= volume):
            message = f"after {volume} days the node would still have it, and copy it anew"
            raise Invalid(message, "set published_days to less than volume_days, or leave it out")
        return volume


class Overrides(Record):
    """Settings of BigBlueButton's own files, beside those that the role writes.

    web: bbb-web.properties; html5: bbb-html5.yml; sfu: bbb-webrtc-sfu/production.yml
    recording: recording/recording.yml
    """

    web: FlatMap = Field({}, validate_default=False)
    html5: FreeMap = Field({}, validate_default=False)
    sfu: FreeMap = Field({}, validate_default=False)
    recording: FreeMap = Field({}, validate_default=False)

    @field_validator("*")
    @classmethod
    def _is_not_ours(cls, values: dict[str, Any], info: Info) -> dict[str, Any]:
        assert info.field_name is not None
        for path in paths_of(values):
            for owned in OWNED[info.field_name]:
                if _meets(path, owned, by_letters=info.field_name == "web"):
                    message = f"{path} is for the role to write, as {owned} is"
                    raise Invalid(message, "take it out; other fields of bbb say what it becomes")
        return values


def _meets(path: str, owned: str, by_letters: bool) -> bool:
    """Whether the setting would take part in what the role writes at `owned`, or hide that."""
    if by_letters:
        return path.startswith(owned)
    return f"{path}.".startswith(f"{owned}.") or f"{owned}.".startswith(f"{path}.")


class Bbb(Record):
    """One node of BigBlueButton.

    hostname: the DNS name at which people reach the node
    release: BigBlueButton's, such as 3.0.35
    bind: the node's own private address, if it is behind NAT
    mirror: see Mirror; without it the packages come from where upstream has them
    certificate: "acme" gets one and renews it; "own" takes the operator's
    turn: "local" is the node's own server; or the addresses of others
    notes: the editor of the shared notes
    reaches: private networks beside the VPN that the node may reach; from within a meeting too
    balancer: the one in group_data/bbb.py that sends meetings to the node; None for none
    weight: how many meetings the node takes, in comparison with the balancer's other nodes
    tag: the balancer sends meetings here only if they ask for it
    wanted: "serving"; "drained" takes no new meetings; "retired" is about to go
    """

    hostname: Annotated[DnsName, BeforeValidator(_hostname)]
    release: ReleaseName
    public: Public
    bind: Address | None = None
    mirror: Mirror | None = None
    certificate: Source = "acme"
    turn: Annotated[
        Literal["local"] | Annotated[tuple[TurnUrl, ...], unique("address"), Field(min_length=1)],
        BeforeValidator(_turn),
    ] = "local"
    notes: Literal["blocknote", "etherpad"] = "blocknote"
    reaches: Annotated[tuple[Prefix, ...], unique("prefix")] = ()
    recordings: Recordings = Recordings()
    balancer: BalancerName | None = None
    weight: Annotated[StrictInt, Field(ge=1, le=100)] = 1
    tag: Tag | None = None
    wanted: Wanted = "serving"
    overrides: Overrides = Overrides()

    @property
    def line(self) -> str:
        """The line of the release, e.g. "3.0"."""
        return ".".join(self.release.split(".")[:2])

    @property
    def local_ipv4(self) -> str:
        """The IPv4 address that the node's interface has."""
        return self.bind or self.public.ipv4

    @field_validator("reaches")
    @classmethod
    def _are_refused_otherwise(cls, prefixes: tuple[str, ...]) -> tuple[str, ...]:
        for prefix in prefixes:
            if not any(covers(it, prefix) for it in NEVER_PUBLIC):
                message = f"{prefix} is no private network, and a node reaches all others anyway"
                raise Invalid(message, "take it out, or name the private addresses that are meant")
        return prefixes

    @field_validator("bind")
    @classmethod
    def _is_behind_nat(cls, bind: str | None, info: Info) -> str | None:
        if bind is None:
            return None
        address = ip_address(bind)
        if not isinstance(address, IPv4Address) or not any(address in it for it in PRIVATE):
            message = f"{bind} is no private IPv4 address, and only a node behind NAT needs bind"
            raise Invalid(message, "take it out, or write the address that the interface has")
        public = info.data.get("public")
        if public is not None and public.ipv4 == bind:
            raise Invalid(f"{bind} is the public address too", "take bind out: there is no NAT")
        return bind

    @field_validator("tag")
    @classmethod
    def _has_a_balancer(cls, tag: str | None, info: Info) -> str | None:
        if tag is not None and "balancer" in info.data and info.data["balancer"] is None:
            raise Invalid("a tag is for a balancer only", "name one as balancer, or take it out")
        return tag
