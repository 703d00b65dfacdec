"""A host and what belongs to it: one record of an inventory.

The fields that other checks look at come first, because pydantic validates in this order.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, StrictBool, StrictInt, field_validator
from pydantic import ValidationInfo as Info

from fleet.backup import Backup
from fleet.bbb import Bbb
from fleet.certificate import Certificate, Source
from fleet.groups import GROUPS, POOLED, ROLES
from fleet.groups.base import ROLE
from fleet.maintenance import Maintenance
from fleet.ports import PortByHand
from fleet.reading.problems import Invalid, shown
from fleet.releases import DEBIAN, UBUNTU, Release
from fleet.scalelite import Scalelite
from fleet.values.fields import (
    Address,
    Commit,
    Disk,
    DnsName,
    FilePath,
    HostName,
    LoginName,
    PortNumber,
    Record,
    Repository,
    SshHostname,
    Text,
    unique,
)
from fleet.values.networks import BothAddresses, BothPrefixes
from fleet.volume import Volume

Environment = Literal["prod", "staging", "shared"]


def _role(value: str) -> str:
    if value not in ROLES:
        raise Invalid(f"there is no role {shown(value)}", f"write one of {', '.join(ROLES)}")
    return value


Role = Annotated[Text, AfterValidator(_role)]


class Ssh(Record):
    """How the operator reaches the host. key: the file of a private key

    If `hostname` is absent, a run takes the host's `address`. The operator's ssh_config decides
    about anything else that is absent.
    """

    hostname: SshHostname | None = None
    user: LoginName | None = None
    port: PortNumber | None = None
    key: FilePath | None = None


class Lab(Record):
    """A host in the lab. Nothing but the lab reads these fields.

    memory: of a virtual machine, in MiB; disks: how many spare ones
    box: "roles" has the packages of all roles, "bare" has none of them
    own_kernel: the host is always a virtual machine: it needs ZFS, NFS, LVM or a kernel module.
        Where guests have to be emulated, the other hosts are containers
    """

    memory: Annotated[StrictInt, Field(ge=128, le=65536)]
    disks: Annotated[StrictInt, Field(ge=0, le=8)] = 0
    box: Literal["roles", "bare"] = "roles"
    own_kernel: bool = False


class Site(Record):
    """A website: its DNS name, and the git repository and commit that its pages come from.

    certificate: where that of its name comes from
    """

    name: DnsName
    repository: Repository
    commit: Commit
    certificate: Source = "acme"


class HostVpn(Record):
    """A server's end of the VPN. Hosts serve and mount NFS through the VPN alone.

    addresses: the server's IPv4 and IPv6 address in the VPN; once read, IPv4 comes first
    people: on a hub, the prefixes that hold the addresses of the people who come through the hub
    only_way_in: whether SSH is open from within the VPN alone
    """

    addresses: BothAddresses
    people: BothPrefixes = ()
    only_way_in: StrictBool = False


# By field: the role that needs the record, and alone may have it; its name; what it has to say.
RECORD_OF_ROLE = {
    "site": ("vision", "site", "name, repository, commit"),
    "bbb": ("bbb", "record bbb", "hostname, release, public"),
    "scalelite": ("scalelite", "record scalelite", "balancer"),
}
T = TypeVar("T")


def _pooled(info: Info) -> str | None:
    """The role for which the host has a pool; None if it has no such role."""
    return next((role for role in info.data.get("roles", ()) if role in POOLED), None)


class Host(Record):
    """One machine. `address` is the IP address at which other hosts reach it outside of the VPN."""

    # Excluded because in the file the name is the record's key, and not a field.
    name: HostName = Field(exclude=True)
    roles: Annotated[tuple[Role, ...], unique("role")]
    environment: Environment
    address: Address
    ssh: Ssh = Ssh()
    # The release of Ubuntu or of Debian on the host: fleet/releases.py says what differs. Without
    # either of the two fields the host has Debian 13.
    ubuntu: Literal["20.04", "22.04", "24.04"] | None = Field(None, validate_default=True)
    debian: Literal[12, 13] | None = Field(None, validate_default=True)
    # Debian's flavour of the kernel, linux-image-...: ZFS's module is compiled with its headers.
    kernel: Literal["amd64", "cloud-amd64"] = "amd64"
    # The disks of a pool of several vdevs, a list for each vdev. A pool of one has `disks`.
    vdevs: tuple[tuple[Disk, ...], ...] = ()
    disks: Annotated[tuple[Disk, ...], unique("disk")] = Field((), validate_default=True)
    volume: Volume | None = Field(None, validate_default=True)
    site: Site | None = Field(None, validate_default=True)
    bbb: Bbb | None = Field(None, validate_default=True)
    scalelite: Scalelite | None = Field(None, validate_default=True)
    vpn: HostVpn | None = Field(None, validate_default=True)
    # Whether the public side takes only what the groups and `ports` open. Without this field it is
    # closed, but on a host that a run has left open: roles/firewall/parts.py.
    public: Literal["closed", "open"] | None = None
    ports: tuple[PortByHand, ...] = ()
    backup: Backup | None = None
    # Of a host whose role has no name of its own: what somebody serves there by hand.
    certificate: Certificate | None = None
    # Until then its alerts are not told.
    maintenance: Maintenance | None = None
    lab: Lab | None = None

    @property
    def release(self) -> Release:
        if self.ubuntu:
            return UBUNTU[self.ubuntu]
        assert self.debian is not None
        return DEBIAN[self.debian]

    @property
    def all_disks(self) -> tuple[str, ...]:
        """The disks of the host's pool, those of a vdev side by side."""
        return self.disks or tuple(disk for vdev in self.vdevs for disk in vdev)

    @property
    def ssh_port(self) -> int:
        return self.ssh.port or 22

    @property
    def calls(self) -> bool:
        """Whether it calls people when something is wrong."""
        return any(GROUPS[it].calls for it in self.groups)

    @property
    def only_by_vpn(self) -> bool:
        """Whether SSH is open from within the VPN alone."""
        return self.vpn is not None and self.vpn.only_way_in

    @cached_property
    def shows(self) -> Certificate | None:
        """The certificate that the host shows on port 443."""
        if self.site:
            return Certificate(name=self.site.name, source=self.site.certificate)
        if self.bbb:
            name, source = self.bbb.hostname, self.bbb.certificate
            return Certificate(name=name, source=source, server="haproxy")
        return self.certificate

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups that the host belongs to, as `--limit` knows them."""
        by_record = (
            name
            for name, kind in GROUPS.items()
            if kind.member_by != ROLE and getattr(self, kind.member_by)
        )
        return (*by_record, *self.roles)

    @field_validator("roles")
    @classmethod
    def _copies_lie_apart(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        if "storage" in roles and "offsite" in roles:
            message = "a copy on the same machine is lost with it"
            raise Invalid(message, "give the role offsite to another host")
        if "monitor" in roles and "watcher" in roles:
            message = "a watcher on the same machine falls silent with the monitor"
            raise Invalid(message, "give the role watcher to another host")
        if "bbb" in roles and len(roles) > 1:
            others = " and ".join(it for it in roles if it != "bbb")
            message = f"BigBlueButton takes a whole machine, and {others} is to be there too"
            raise Invalid(message, "give the roles to two hosts")
        return roles

    @field_validator("name")
    @classmethod
    def _is_no_group(cls, name: str) -> str:
        if name in GROUPS:
            raise Invalid(f"{name} is the name of a group of hosts", f"call it {name}1")
        return name

    @field_validator("environment")
    @classmethod
    def _pools_are_shared(cls, environment: str, info: Info) -> str:
        if _pooled(info) and environment != "shared":
            message = f"a host with the role {_pooled(info)} holds the data of every environment"
            raise Invalid(message, "write environment: shared")
        return environment

    @field_validator("ubuntu")
    @classmethod
    def _ubuntu_is_for_bbb(cls, ubuntu: str | None, info: Info) -> str | None:
        roles = info.data.get("roles")
        if roles is None:
            return ubuntu
        if "bbb" in roles and ubuntu is None:
            raise Invalid("BigBlueButton runs on Ubuntu alone", 'write one such as ubuntu: "22.04"')
        if ubuntu and "bbb" not in roles:
            message = "no role but bbb was ever seen on Ubuntu"
            raise Invalid(message, "take it out, or write the release of Debian as debian")
        return ubuntu

    @field_validator("debian")
    @classmethod
    def _is_one_system(cls, debian: int | None, info: Info) -> int | None:
        ubuntu = info.data.get("ubuntu")
        if debian and ubuntu:
            raise Invalid(f"the host has Ubuntu {ubuntu} already", "keep one of debian and ubuntu")
        return debian if ubuntu or debian else 13

    @field_validator("vdevs")
    @classmethod
    def _vdevs_are_alike(cls, vdevs: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        disks = [disk for vdev in vdevs for disk in vdev]
        if repeated := sorted({disk for disk in disks if disks.count(disk) > 1}):
            raise Invalid(f"disk {', '.join(repeated)} is there twice", "keep one of the two")
        if len({len(vdev) for vdev in vdevs}) > 1:
            # zpool-create(8) refuses such a pool: the data would be as safe as its weakest vdev.
            raise Invalid("the vdevs have different numbers of disks", "give each as many")
        return vdevs

    @field_validator("disks")
    @classmethod
    def _disks_are_for_pools(cls, disks: tuple[str, ...], info: Info) -> tuple[str, ...]:
        if info.data.get("roles") is None:
            return disks
        vdevs = info.data.get("vdevs", ())
        if disks and vdevs:
            raise Invalid("disks and vdevs say the same in two ways", "keep one of the two")
        if (role := _pooled(info)) and not disks and "vdevs" in info.data and not vdevs:
            raise Invalid(f"role {role} needs disks", "list their names below /dev/disk/by-id")
        if (disks or vdevs) and not _pooled(info):
            where = " and ".join(POOLED)
            raise Invalid(f"disks are for the roles {where} only", "take them out or add the role")
        return disks

    @field_validator("volume", mode="before")
    @classmethod
    def _volume_has_its_place(cls, volume: Any, info: Info) -> Any:
        roles = info.data.get("roles", ())
        if volume is None:
            if "vision" in roles:
                raise Invalid("role vision needs a volume", "add one: quota, uid, encrypted")
            return None
        if (
            "ubuntu" in info.data
            and isinstance(volume, Mapping)
            and volume.get("encrypted") is True
        ):
            release = UBUNTU.get(info.data["ubuntu"] or "")
            if release and not release.decrypts:
                message = f"no run has met the gocryptfs of {release.system}"
                raise Invalid(message, "write encrypted: false, or give the host a newer Ubuntu")
        if "storage" in roles:
            raise Invalid("a storage server cannot mount from itself", "take the volume out")
        if info.data.get("environment") == "shared":
            raise Invalid(
                "a volume belongs to one environment", "write environment: prod or staging"
            )
        return volume

    @field_validator(*RECORD_OF_ROLE)
    @classmethod
    def _record_is_for_its_role(cls, record: T, info: Info) -> T:
        role, noun, remedy = RECORD_OF_ROLE[info.field_name or ""]
        roles = info.data.get("roles")
        if roles is None:
            return record
        if role in roles and record is None:
            raise Invalid(f"role {role} needs a {noun}", f"add one: {remedy}")
        if record is not None and role not in roles:
            raise Invalid(f"a {noun} is for role {role} only", "take it out or add the role")
        return record

    @field_validator("certificate")
    @classmethod
    def _has_one_name(cls, certificate: Certificate | None, info: Info) -> Certificate | None:
        for role, field in (("site", "site.certificate"), ("bbb", "bbb.certificate")):
            if certificate and info.data.get(role):
                raise Invalid("the host has another name already", f"take it out: {field} says")
        return certificate

    @field_validator("vpn")
    @classmethod
    def _volumes_are_in_the_vpn(cls, vpn: HostVpn | None, info: Info) -> HostVpn | None:
        if vpn is None and (info.data.get("volume") or _pooled(info)):
            raise Invalid("its data goes through the VPN only", "add vpn: with addresses")
        if vpn is None and {"monitor", "watcher"}.intersection(info.data.get("roles", ())):
            raise Invalid("it watches through the VPN only", "add vpn: with addresses")
        if vpn is None and "bbb" in info.data.get("roles", ()):
            raise Invalid("it is watched through the VPN only", "add vpn: with addresses")
        return vpn

    @field_validator("vpn")
    @classmethod
    def _hubs_have_people(cls, vpn: HostVpn | None, info: Info) -> HostVpn | None:
        roles = info.data.get("roles")
        if roles is None:
            return vpn
        if "hub" in roles and not (vpn and vpn.people):
            raise Invalid(
                "role hub needs addresses and the prefixes of its people",
                "add vpn: with addresses and people",
            )
        if vpn and vpn.people and "hub" not in roles:
            raise Invalid("people come through a host with role hub only", "take people out")
        return vpn
