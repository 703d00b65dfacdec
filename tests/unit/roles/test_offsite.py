"""The keys, settings and scripts that the two sides of a copy off-site get."""

import json
from pathlib import Path

import pytest

from fleet.model import Fleet
from operations.files import Absent, File
from programs.offsite import source
from roles import offsite, pool
from roles.places import PROGRAMS, metrics
from roles.templates import render
from tests.unit.fleet_samples import KEY, OFFSITE, fleet_of, sample
from tests.unit.host_here import sh
from tests.unit.operation_harness import Shell
from tests.unit.roles.conftest import Take


@pytest.fixture
def fleet(tmp_path: Path, take: Take) -> Fleet:
    found = fleet_of(tmp_path, sample(offsite1=OFFSITE))
    take(found, "offsite1")
    return found


def at(monkeypatch: pytest.MonkeyPatch, fleet: Fleet, name: str) -> None:
    monkeypatch.setattr(offsite, "this_host", lambda: fleet.host(name))


def test_the_key_opens_one_command_from_one_place(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, fleet, "storage1")
    fleet.pull_keys.store("offsite1", KEY)
    fleet.pull_keys.store("gone1", KEY.replace("IFnt", "IFnu"))
    (line,) = offsite.accepted()["coop-pull"]
    assert line == (
        'restrict,from="10.66.0.12,fd66::12",command="/usr/bin/python3 -I '
        '/usr/local/lib/coop-infra/offsite-source storage/prod storage/staging" '
        f"{KEY} offsite1"
    )


def test_a_key_that_is_not_known_yet_opens_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, fleet, "storage1")
    assert offsite.accepted() == {"coop-pull": ()}


def test_no_other_host_lets_it_in(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.pull_keys.store("offsite1", KEY)
    for name in ("offsite1", "prod1"):
        at(monkeypatch, fleet, name)
        assert offsite.accepted() == {}


def test_a_fleet_without_copies_has_no_such_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = fleet_of(tmp_path, sample())
    monkeypatch.setattr(offsite, "this_fleet", lambda: fleet)
    at(monkeypatch, fleet, "storage1")
    assert offsite.accepted() == {}


def test_the_programs_find_their_settings(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, fleet, "offsite1")
    files = {it.path: it.content for it in offsite._files() if isinstance(it, File)}
    settings = json.loads(files[offsite.SETTINGS])
    assert settings["host"] == "storage1"
    assert settings["bandwidth"] == 20 * 2**20
    assert settings["copies"]["storage/prod"] == "offsite/storage/prod"
    assert settings["retentions"]["offsite/storage/prod"]["daily"] == 35
    config = files["/etc/ssh/ssh_config.d/coop-offsite.conf"]
    assert "Match originalhost storage1 localuser coop-pull\n    HostName 10.66.0.11\n" in config
    assert "from programs.offsite.pull.main import start" in files[offsite.PULL]
    assert files[f"{PROGRAMS}/programs/offsite/pull/__init__.py"].startswith('"""Pulls')


def test_root_writes_nothing_in_the_accounts_home(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, fleet, "offsite1")
    below = [it for it in offsite._files() if it.path.startswith(offsite.HOME)]
    assert below == [Absent("/var/lib/coop-offsite/.ssh/config")]


def test_ssh_takes_the_settings_for_the_account_alone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at(monkeypatch, fleet, "offsite1")
    text = next(
        it.content
        for it in offsite._files()
        if isinstance(it, File) and it.path == offsite.SSH_CONFIG
    )
    me = sh("id -un").stdout.strip()
    for account, name in ((me, "10.66.0.11"), ("coop-pull", "storage1")):
        file = tmp_path / account
        file.write_text(text.replace("localuser coop-pull", f"localuser {account}"))
        assert f"\nhostname {name}\n" in sh(f"ssh -G -F {file} storage1").stdout
        assert "\nhostname storage2\n" in sh(f"ssh -G -F {file} storage2").stdout


def test_the_metrics_have_their_directory(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, fleet, "offsite1")
    entries = offsite._files()
    (told,) = (it for it in entries if isinstance(it, File) and it.path == offsite.SETTINGS)
    file = json.loads(told.content)["metrics"]
    assert file == "/var/lib/coop-infra/metrics/coop-offsite.prom"
    assert [it for it in metrics(file) if it not in entries] == []


def test_sanoid_prunes_here_and_takes_none(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, fleet, "offsite1")
    text = next(
        it.content
        for it in offsite._files()
        if isinstance(it, File) and it.path == pool.SANOID_CONF
    )
    assert "[offsite/storage/prod]\nuse_template = prod\n" in text
    assert text.count("autosnap = no\nautoprune = yes\n") == 2
    assert "[template_prod]\nhourly = 48\ndaily = 35\nweekly = 0\nmonthly = 12\n" in text


def test_a_bookmark_is_made_of_each_snapshot_that_has_none(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    there = "a/x@1 a/x@2 a/x#1 a/y@1"
    shell.stand_in("zfs", f'[ "$1" = bookmark ] || printf "%s\\n" {there}')
    done = shell.run(render(offsite.__file__, "bookmarks.sh.j2", sources=["a", "b"]))
    assert done.returncode == 0, done.stderr
    first, *made = shell.calls
    assert first == "zfs list -Hr -t snapshot,bookmark -o name a b"
    assert sorted(made) == ["zfs bookmark a/x@2 a/x#2", "zfs bookmark a/y@1 a/y#1"]


def test_one_that_fails_leaves_the_others_theirs_whatever_their_names(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    names = ["a/x y@b c ", "a/gone@1", "a/x:y@1", "a/z@1"]
    (tmp_path / "names").write_text("".join(f"{name}\n" for name in names))
    marks = 'for it; do printf "[%s]" "$it" >> "$MARKED"; done; [ "$2" != a/gone@1 ]'
    shell.stand_in("zfs", f'if [ "$1" = list ]; then cat {tmp_path}/names; else {marks}; fi')
    text = render(offsite.__file__, "bookmarks.sh.j2", sources=["a"])
    assert shell.run(f"MARKED={tmp_path}/marked; export MARKED\n{text}").returncode != 0
    marked = (tmp_path / "marked").read_text()
    for name in names:
        assert f"[bookmark][{name}][{name.replace('@', '#')}]" in marked


def test_if_one_fails_nothing_is_pruned(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    for body in ('[ "$1" = bookmark ] && exit 1; echo a/x@1', "exit 1"):
        shell.stand_in("zfs", body)
        text = render(offsite.__file__, "bookmarks.sh.j2", sources=["a"])
        assert shell.run(text).returncode != 0


def test_the_program_that_serves_manifests_finds_them_where_they_are_written() -> None:
    assert source.MANIFESTS == offsite.MANIFESTS
