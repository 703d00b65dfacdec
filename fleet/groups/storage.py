"""group_data/storage.py: the storage server."""

from typing import Annotated

from pydantic import Field, StrictInt, field_validator
from pydantic import ValidationInfo as Info

from fleet.groups.pool import PoolGroup
from fleet.ports import Port
from fleet.reading.problems import Invalid
from fleet.values.fields import Record
from fleet.values.zfs import ZfsProperties

# The kernel refuses a value outside of this range, for the lease and for the grace.
NfsSeconds = Annotated[StrictInt, Field(ge=10, le=3600)]


class Nfs(Record):
    """The NFS server.

    threads: how many threads of the kernel serve NFS
    lease_seconds: how long the server remembers a client that is silent: rpc.nfsd(8)
    grace_seconds: for how long after its start clients may reclaim their locks, and all wait
    """

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


class StorageGroup(PoolGroup):
    """A ZFS pool with a dataset for each client VM, exported by NFS."""

    dataset_properties: ZfsProperties
    nfs: Nfs

    @property
    def ports(self) -> tuple[Port, ...]:
        return (Port("NFS", 2049, to="vpn"),)
