"""What each group of hosts should be: one model a file of group_data, one field a variable."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt, field_validator
from pydantic import ValidationInfo as Info

from fleet.reading.problems import Invalid
from fleet.values.fields import (
    AbsolutePath,
    ClockTime,
    Packages,
    PhpSize,
    Port,
    Record,
    Size,
    Text,
    matching,
)
from fleet.values.networks import BothPrefixes
from fleet.values.zfs import ZfsProperties

Count = Annotated[StrictInt, Field(ge=0, le=100_000)]
Positive = Annotated[StrictInt, Field(ge=1, le=100_000)]
# A hundred kilobytes a second are 8 GB a day.
LEAST_BANDWIDTH = 100 * 2**10
# The kernel refuses any other value for either of the two.
NfsSeconds = Annotated[StrictInt, Field(ge=10, le=3600)]
PoolName = Annotated[
    Text,
    matching(
        r"(?!(?:mirror|raidz|draid|spare|log|c[0-9]))[a-z][a-z0-9_-]{0,63}",
        "a pool name",
        "use small letters, digits, - and _, and none of ZFS's own words such as mirror",
    ),
]


class AllGroup(Record):
    """group_data/all.py"""

    packages: Packages


class Pool(Record):
    """The ZFS pool. ashift is the power of two of the disks' sector size: 12 is 4096 bytes."""

    name: PoolName
    layout: Literal["mirror", "raidz1", "raidz2", "single"]
    ashift: Annotated[StrictInt, Field(ge=9, le=16)]


class Retention(Record):
    """How many snapshots of each age sanoid keeps.

    All are written out: sanoid destroys what is over the number, so none may fall to 0 by absence.
    """

    hourly: Count
    daily: Count
    weekly: Count
    monthly: Count

    @field_validator("monthly")
    @classmethod
    def _keeps_some(cls, monthly: int, info: Info) -> int:
        if len(info.data) == 3 and not any((monthly, *info.data.values())):
            raise Invalid("with all four at 0 no snapshot is kept", "keep at least some daily ones")
        return monthly


class Snapshots(Record):
    """The retention of each environment."""

    prod: Retention
    staging: Retention


class Nfs(Record):
    """The NFS server: threads, and in seconds how long after its start clients reclaim locks."""

    threads: Annotated[StrictInt, Field(ge=1, le=1024)]
    lease_seconds: NfsSeconds
    grace_seconds: NfsSeconds

    @field_validator("grace_seconds")
    @classmethod
    def _outlasts_the_lease(cls, grace: int, info: Info) -> int:
        lease = info.data.get("lease_seconds", 0)
        if grace < lease:
            raise Invalid(
                f"{grace} seconds end before the lease", f"write at least {lease}, the lease"
            )
        return grace


class PoolGroup(Record):
    """A host with a pool: the snapshots that it keeps, and how often all of it is read."""

    packages: Packages
    pool: Pool
    snapshots: Snapshots
    scrub: Literal["weekly", "monthly"]


class StorageGroup(PoolGroup):
    """group_data/storage.py"""

    dataset_properties: ZfsProperties
    nfs: Nfs


class RpoHours(Record):
    """Recovery point objectives: how old the newest snapshot may be, on the server and off-site."""

    source: Positive
    offsite: Positive


class OffsiteGroup(PoolGroup):
    """group_data/offsite.py

    bandwidth: bytes a second at most, of a pull
    drill: when each week, by the host's clock
    proof_days: how long one that went well counts, longer than it takes until the next
    """

    bandwidth: Size
    rpo_hours: RpoHours
    drill: Annotated[
        Text,
        matching(
            r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:[01][0-9]|2[0-3]):[0-5][0-9]",
            "a time of the week",
            'write one such as "Sun 04:30"',
        ),
    ]
    proof_days: Annotated[StrictInt, Field(ge=8, le=100_000)]

    @field_validator("bandwidth")
    @classmethod
    def _brings_something(cls, bandwidth: int) -> int:
        if bandwidth < LEAST_BANDWIDTH:
            raise Invalid(
                f"at {bandwidth} bytes a second no copy is ever whole", "add the unit, such as 20M"
            )
        return bandwidth

    def rpo_seconds(self) -> dict[str, int]:
        """By place, how old the newest snapshot may be."""
        return {place: hours * 3600 for place, hours in self.rpo_hours}


class BackupsGroup(Record):
    """group_data/backups.py: the sets that hosts make every night of their own files.

    at: when, by the host's clock; night_hours: how long it may take
    keep: how many nights; rpo_hours: how old the newest may be, besides night_hours
    check_minutes: how long a night then looks for damage, and goes on where the last one ended
    """

    packages: Packages
    at: ClockTime
    keep: Positive
    night_hours: Annotated[StrictInt, Field(ge=1, le=23)]
    check_minutes: Annotated[StrictInt, Field(ge=1, le=59)]
    rpo_hours: Positive


class ClientsGroup(Record):
    """group_data/clients.py: where the data is seen, and where its ciphertext is if it has one."""

    packages: Packages
    mountpoint: AbsolutePath
    ciphertext: AbsolutePath
    retry_seconds: Positive

    @field_validator("ciphertext")
    @classmethod
    def _lies_apart(cls, ciphertext: str, info: Info) -> str:
        mountpoint = info.data.get("mountpoint", "")
        inside, outside = f"{ciphertext}/", f"{mountpoint}/"
        if mountpoint and (inside.startswith(outside) or outside.startswith(inside)):
            raise Invalid("this and the mountpoint lie in one another", "put them side by side")
        return ciphertext


class VisionGroup(Record):
    """group_data/vision.py: PHP's version and limits for the vision board."""

    php: Annotated[Text, matching(r"[0-9]\.[0-9]{1,2}", "a PHP version", 'write one such as "8.2"')]
    packages: Packages
    upload_max: PhpSize
    upload_limit_files: Positive
    memory_limit: PhpSize

    @field_validator("packages")
    @classmethod
    def _has_that_php(cls, packages: tuple[str, ...], info: Info) -> tuple[str, ...]:
        wanted = f"php{info.data['php']}-fpm" if "php" in info.data else None
        if wanted and wanted not in packages:
            raise Invalid(f"{wanted} is not among them", "add it, or change `php` with it")
        return packages


class VpnGroup(Record):
    """group_data/vpn.py: the WireGuard interface of every host in the VPN.

    servers: the prefixes, IPv4 and IPv6, that the servers have their addresses from
    port: UDP, at which every host listens
    keepalive_seconds: how often a person's machine says that it is there
    """

    packages: Packages
    interface: Annotated[
        Text, matching(r"[a-z][a-z0-9]{0,14}", "an interface name", "write one such as wg0")
    ]
    port: Port
    servers: BothPrefixes
    keepalive_seconds: Annotated[StrictInt, Field(ge=0, le=65535)]

    @property
    def unit(self) -> str:
        """The unit of systemd that brings the tunnel up: wg-quick(8)."""
        return f"wg-quick@{self.interface}.service"
