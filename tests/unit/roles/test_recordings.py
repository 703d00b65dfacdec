"""The files that a run puts on a node for its recordings."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facts.recordings import RecordingsState
from operations.files import Directory, Entry, File
from programs.recordings import settings_of
from roles import recordings
from roles.places import METRICS_DIRECTORY, metrics_directory
from roles.recordings.found import judge
from tests.unit.fleet.bbb_samples import node
from tests.unit.fleet_samples import fleet_of, sample

VOLUME = {"quota": "9G", "uid": 20009, "encrypted": False}
JSON = "/etc/coop-infra/recordings.json"


def entries(directory: Path, patch: pytest.MonkeyPatch, **changes: Any) -> list[Entry]:
    fleet = fleet_of(directory, sample(bbb1=node(**changes)))
    patch.setattr(recordings, "this_fleet", lambda: fleet)
    patch.setattr(recordings, "this_host", lambda: fleet.host("bbb1"))
    return recordings._files()


def texts(of: list[Entry]) -> dict[str, str]:
    return {it.path: it.content for it in of if isinstance(it, File)}


def test_the_program_is_told_what_the_data_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = entries(tmp_path, monkeypatch, volume=VOLUME)
    settings = settings_of(json.loads(texts(found)[JSON]))
    assert settings.formats == ("presentation", "video")
    assert settings.days == {"raw": 14, "published": 30, "volume": None, "deleted": 14}
    assert settings.volume
    assert (str(settings.volume.at), settings.volume.uid) == ("/media/storage", 20009)
    assert settings.volume.filesystem == "nfs4"
    assert str(settings.metrics.parent) == METRICS_DIRECTORY
    assert [it for it in metrics_directory() if it not in found] == []


def test_a_node_without_a_volume_has_none_to_hand_over_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = entries(tmp_path, monkeypatch)
    assert settings_of(json.loads(texts(found)[JSON])).volume is None


def test_the_spool_is_bigbluebutton_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = entries(tmp_path, monkeypatch, volume=VOLUME)
    spool = next(it for it in found if it.path == "/var/spool/coop-recordings")
    assert isinstance(spool, Directory)
    assert (spool.owner, spool.mode) == ("bigbluebutton", 0o750)
    # The state, by which recordings expire, is not.
    state = next(it for it in found if it.path == "/var/lib/coop-recordings")
    assert isinstance(state, Directory) and state.owner == "root"


def test_the_program_finds_its_parts_where_they_lie_on_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path, text in texts(entries(tmp_path, monkeypatch, volume=VOLUME)).items():
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    program = str(tmp_path / recordings.PROGRAM.lstrip("/"))
    words = [sys.executable, "-I", "-S", program, "no-settings", "look"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "No such file or directory" in done.stderr.splitlines()[-1]
    assert "ModuleNotFoundError" not in done.stderr


def test_meetings_come_first_and_no_boot_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = texts(entries(tmp_path, monkeypatch, volume=VOLUME))
    service = found["/etc/systemd/system/coop-recordings.service"]
    assert "IOSchedulingClass=idle" in service and "TimeoutStartSec=6h" in service
    # Bound to the mount, the unit would not run while the storage is away, and would tell nothing.
    assert not any(word in service for word in ("BindsTo", "Requires", "RequiresMountsFor"))


def test_what_waits_is_shown_and_what_is_wrong_is_drift() -> None:
    finding = judge(RecordingsState(7200 * 9, 2, 7200, 1, 3, 4, ("away",)))
    assert finding.drift == ["recordings: away"]
    assert "2 wait to be handed over since 16 hours" in finding.text
    assert "3 are not made yet, 4 have a copy" in finding.text
    assert not judge(RecordingsState(100, problems=())).drift
