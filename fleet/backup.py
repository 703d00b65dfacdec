"""The sets that a host makes every night in its provider's directory: a part of its record."""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic import ValidationInfo as Info

from fleet.reading.problems import Invalid
from fleet.values.fields import AbsolutePath, LvmVolume, NfsExport, Record, ZfsName, unique
from fleet.values.units import QuiescedUnit

# The kernel makes what is in these, or it is in memory alone: no backup needs it.
NO_DISKS = ("dev", "proc", "run", "sys")


class Backup(Record):
    """What a host copies every night into the directory that its provider gives it.

    store: that directory, as an NFS export
    directories: what the host copies. With lvm or zfs all of them are on that volume or dataset
    Exactly one of the rest says how the host copies the directories as of one moment:
    lvm, zfs: from a snapshot of that volume or dataset
    quiesce: while these units are stopped; [] says that nothing writes there at night
    """

    store: NfsExport
    directories: Annotated[tuple[AbsolutePath, ...], unique("directory")]
    lvm: LvmVolume | None = None
    zfs: ZfsName | None = None
    quiesce: Annotated[tuple[QuiescedUnit, ...], unique("unit")] | None = Field(
        None, validate_default=True
    )

    def source(self) -> dict[str, Any]:
        """How the host copies as of one moment, e.g. {"lvm": "vg0/srv"}."""
        said = {"lvm": self.lvm, "zfs": self.zfs, "quiesce": self.quiesce}
        return {how: what for how, what in said.items() if what is not None}

    @field_validator("directories")
    @classmethod
    def _has_some(cls, directories: tuple[str, ...]) -> tuple[str, ...]:
        if not directories:
            raise Invalid("nothing would be copied", "name directories, or take the backup out")
        for directory in directories:
            if directory.split("/")[1] in NO_DISKS:
                raise Invalid(f"{directory} is on no disk", "name directories that are")
        return directories

    @field_validator("quiesce")
    @classmethod
    def _is_of_one_moment(
        cls, quiesce: tuple[str, ...] | None, info: Info
    ) -> tuple[str, ...] | None:
        said = [how for how in ("lvm", "zfs") if info.data.get(how) is not None]
        said += ["quiesce"] if quiesce is not None else []
        if len(said) == 1 or not {"lvm", "zfs"} <= info.data.keys():
            return quiesce
        remedy = "say one of lvm: GROUP/VOLUME, zfs: DATASET, quiesce: [UNITS to stop meanwhile]"
        how = " and ".join(said) or "nothing"
        raise Invalid(f"{how} says how the directories are copied as of one moment", remedy)
