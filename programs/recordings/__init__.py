"""Hands BigBlueButton's recordings over to the host's volume, and lets them expire.

    recordings FILE run              put published recordings into the spool, hand them over,
                                     compare them there, and let expire what is due
    recordings FILE look [--write]   print as JSON what waits and what is wrong; exit 1 if anything
                                     is; --write: write the metrics too

FILE is JSON:

    recordings  BigBlueButton's own directory, /var/bigbluebutton
    account     BigBlueButton's account: its name, or its number
    formats     the formats that the host makes of each recording
    spool       the directory where recordings wait; it is the account's
    state       a directory of root's, for what has been handed over
    volume      null for none; or {"at": the mountpoint, "filesystem": its type, such as nfs4,
                "uid": the number in whose name all there is written}
    room        how many bytes the spool leaves free on its disk
    days        after how many days something goes, null for never: "raw" (of formats that
                BigBlueButton's own cron job passes over), "published" (on the host, after its copy
                was compared), "volume" (there), "deleted" (what somebody has deleted)
    max_age     how many seconds a recording may wait
    metrics     the file to write: textfile collector of prometheus-node-exporter(1)

What the run goes by is what lies there, and not a call after each publication: a call that fails is
only a line in BigBlueButton's log (run_post_scripts in rap-base-worker.rb), and the recording would
be on no volume for ever.

Root reads and writes nothing by itself where others may move things. What is BigBlueButton's a part
of the program does in that account's name, what is on the volume another part in the name of the
volume's owner (child.py). Those parts have limits of time: a storage that does not answer costs
nothing but waiting, and what waits stays on the host.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Volume:
    at: Path
    filesystem: str
    uid: int


@dataclass(frozen=True)
class Settings:
    """FILE, as above."""

    recordings: Path
    account: str | int
    formats: tuple[str, ...]
    spool: Path
    state: Path
    volume: Volume | None
    room: int
    days: Mapping[str, int | None]
    max_age: int
    metrics: Path

    @property
    def status(self) -> Path:
        """Where BigBlueButton notes how far each recording is."""
        return self.recordings / "recording/status"


def settings_of(said: Mapping[str, Any]) -> Settings:
    """The settings that FILE says."""
    volume = said["volume"]
    return Settings(
        recordings=Path(said["recordings"]),
        account=said["account"],
        formats=tuple(said["formats"]),
        spool=Path(said["spool"]),
        state=Path(said["state"]),
        volume=volume and Volume(Path(volume["at"]), volume["filesystem"], volume["uid"]),
        room=said["room"],
        days=said["days"],
        max_age=said["max_age"],
        metrics=Path(said["metrics"]),
    )
