"""The ZFS properties that the data may set, each with the values that ZFS reports unchanged.

The aliases that ZFS accepts and reports under another name are left out (it reports
acltype=posixacl as "posix", xattr=dir as "on", gzip-6 as "gzip"): every run would set them again.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator

from fleet.reading.problems import Invalid
from fleet.values.fields import Record, Size, Text, matching

OnOff = Literal["on", "off"]
Cache = Literal["all", "none", "metadata"]
Compression = Annotated[
    Text,
    matching(
        r"off|lz4|zle|gzip(?:-[1-57-9])?|zstd(?:-(?:[1-9]|1[0-9]))?",
        "a compression",
        "write off, lz4, zle, gzip, gzip-1 to gzip-9 (gzip is 6), zstd or zstd-1 to zstd-19",
    ),
]


def _recordsize(size: int) -> int:
    if not 512 <= size <= 2**20 or size & (size - 1):
        raise Invalid("this is not a record size", "write a power of two from 512 to 1M")
    return size


class ZfsProperties(Record):
    """ZFS properties of a filesystem. A property that is None is not set, so it is inherited.

    The data cannot choose `sync=disabled`: over NFS it loses writes that were acknowledged.
    """

    recordsize: Annotated[Size, AfterValidator(_recordsize)] | None = None
    compression: Compression | None = None
    atime: OnOff | None = None
    relatime: OnOff | None = None
    xattr: Literal["off", "sa"] | None = None
    acltype: Literal["off", "posix"] | None = None
    setuid: OnOff | None = None
    devices: OnOff | None = None
    exec: OnOff | None = None
    sync: Literal["standard", "always"] | None = None
    logbias: Literal["latency", "throughput"] | None = None
    primarycache: Cache | None = None
    secondarycache: Cache | None = None
    snapdir: Literal["hidden", "visible"] | None = None
    dnodesize: Literal["legacy", "auto", "1k", "2k", "4k", "8k", "16k"] | None = None

    def chosen(self) -> dict[str, str | int]:
        """The properties that are set, sizes in bytes."""
        return self.model_dump(exclude_none=True)
