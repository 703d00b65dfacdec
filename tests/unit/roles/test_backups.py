"""The files that a run puts on a host with a backup."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyinfra.context import ctx_host

from operations.files import Entry, File
from roles import backups
from roles.places import PROGRAMS, metrics
from tests.unit.fleet_samples import fleet_of, sample

STORE = "a.example.org:/export/ns1"


@pytest.fixture
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    backup = {"store": STORE, "directories": ["/etc", "/srv"], "lvm": "vg0/srv"}
    fleet = fleet_of(tmp_path, sample(stg1__backup=backup))
    monkeypatch.setattr(backups, "this_fleet", lambda: fleet)
    monkeypatch.setattr(backups, "this_host", lambda: fleet.host("stg1"))
    with ctx_host.use(SimpleNamespace(name="stg1")):
        return backups._files()


@pytest.fixture
def texts(entries: list[Entry]) -> dict[str, str]:
    return {entry.path: entry.content for entry in entries if isinstance(entry, File)}


def test_the_program_is_told_all_that_it_reads(texts: dict[str, str]) -> None:
    settings = json.loads(texts["/etc/coop-infra/backup.json"])
    assert (settings["name"], settings["store"]) == ("stg1", STORE)
    assert settings["directories"] == ["/etc", "/srv"]
    assert settings["source"] == {"lvm": "vg0/srv"}
    # stg1 has a volume, whose timer starts the services on the storage.
    assert settings["starters"] == ["coop-storage-retry.timer"]
    assert {"ssh.*", "wg-quick*", "coop-backup*", "basic.target"} <= set(settings["kept_running"])
    assert (settings["keep"], settings["max_age"]) == (14, 26 * 3600)
    parts = [text for path, text in texts.items() if path.startswith(f"{PROGRAMS}/programs/backup")]
    read = {
        node.slice.value
        for part in parts
        for node in ast.walk(ast.parse(part))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "settings"
        and isinstance(node.slice, ast.Constant)
    }
    assert read == settings.keys()


def test_the_parts_are_there_before_the_program_that_needs_them(entries: list[Entry]) -> None:
    paths = [it.path for it in entries]
    parts = [at for at, path in enumerate(paths) if path.startswith(f"{PROGRAMS}/programs")]
    assert max(parts) < paths.index(backups.PROGRAM)


def test_the_metrics_have_their_directory(entries: list[Entry], texts: dict[str, str]) -> None:
    file = json.loads(texts["/etc/coop-infra/backup.json"])["metrics"]
    assert file == "/var/lib/coop-infra/metrics/coop-backup.prom"
    assert [it for it in metrics(file) if it not in entries] == []


def test_the_program_finds_its_parts_where_they_lie_on_the_host_and_leaves_nothing_there(
    texts: dict[str, str], tmp_path: Path
) -> None:
    for path, text in texts.items():
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    program = tmp_path / backups.PROGRAM.lstrip("/")
    before = sorted(program.parent.rglob("*"))
    # -S: without the packages that are installed beside Python's own.
    words = [sys.executable, "-I", "-S", str(program), "no-settings"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    # The program has come as far as its settings.
    assert done.stderr == "[Errno 2] No such file or directory: 'no-settings'\n"
    assert sorted(program.parent.rglob("*")) == before


def test_whatever_it_mounts_ends_with_it(texts: dict[str, str]) -> None:
    command = texts["/usr/local/sbin/coop-backup"].splitlines()[-1]
    assert command.startswith("exec unshare --mount ")
    assert command.endswith(
        '/usr/bin/python3 -I /usr/local/lib/coop-infra/backup /etc/coop-infra/backup.json "$@"'
    )


def test_a_night_has_its_time_and_is_tidied_up_after(texts: dict[str, str]) -> None:
    service = texts["/etc/systemd/system/coop-backup.service"]
    assert "TimeoutStartSec=2h\n" in service
    assert "ExecStopPost=/usr/local/sbin/coop-backup tidy\n" in service
    assert "OnCalendar=02:30\n" in texts["/etc/systemd/system/coop-backup.timer"]
