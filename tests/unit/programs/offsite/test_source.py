"""What the forced command of a pull key admits, and what it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from programs.offsite import source
from tests.unit.operation_harness import Shell

ROOTS = ["tank/prod", "tank/staging"]
TOKEN = "1-1024a9d3f-f8-789c636064000310a500c4ec50360710e72765a5269730c0c2"
COLUMNS = "-o name,guid,createtxg,creation -s createtxg"

# The commands that syncoid 2.1.0 sent in the lab, with other names.
SYNCOID = [
    "zpool get -o value -H feature@extensible_dataset 'tank'",
    "zfs get -H syncoid:sync 'tank/prod/www'",
    "zfs get -Hpd 1 -t snapshot guid,creation 'tank/prod/www'",
    "zfs send -L -c -e  -nvP 'tank/prod/www@autosnap_2026-11-25_10:00:00_hourly'",
    "zfs send -L -c -e  -nvP -I 'tank/prod/www@a' 'tank/prod/www@b'",
    " zfs send -L -c -e  'tank/prod/www'@'a'",
    " zfs send -L -c -e  -I 'tank/prod/www'@'a' 'tank/prod/www'@'b'",
]


@pytest.mark.parametrize("name", ["before upgrade", "_x", "-x", ".."])
def test_an_admin_may_call_a_snapshot_what_zfs_takes(name: str) -> None:
    """syncoid begins a first copy with the oldest one."""
    asked = f" zfs send -L -c -e  'tank/prod/www'@'{name}'"
    assert source.command_for(asked, ROOTS)[-1] == f"tank/prod/www@{name}"


@pytest.mark.parametrize("asked", SYNCOID)
def test_syncoid_gets_what_it_asks_for(asked: str) -> None:
    words = source.command_for(asked, ROOTS)
    assert words[0] in ("zfs", "zpool")
    assert "'" not in " ".join(words)


def test_the_first_questions_are_answered_by_nothing() -> None:
    assert source.command_for("exit", ROOTS) == source.command_for("echo -n", ROOTS) == []


def test_all_snapshots_are_one_question() -> None:
    assert " ".join(source.command_for("list", ROOTS)) == (
        f"zfs list -Hpr -t snapshot {COLUMNS} tank/prod tank/staging"
    )
    assert " ".join(source.command_for("bookmarks tank/prod/www", ROOTS)) == (
        f"zfs list -Hpd 1 -t bookmark {COLUMNS} tank/prod/www"
    )


def test_what_is_written_down_is_read() -> None:
    assert source.command_for("manifests", ROOTS) == [
        *("find", "/var/lib/coop-manifests", "-name", "*.gz", "-printf", "%P\\n")
    ]
    assert source.command_for("manifest tank/prod/www@a", ROOTS) == [
        *("cat", "--", "/var/lib/coop-manifests/tank/prod/www/a.gz")
    ]


def test_what_is_gone_is_sent_from_its_bookmark() -> None:
    assert source.command_for("zfs send -L -c -e -i tank/prod/www#a tank/prod/www@b", ROOTS)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "sh",
        "bash -i",
        "command -v mbuffer",
        "ps -Ao args=",
        "list tank/secret",
        "zfs destroy tank/prod/www@a",
        "zfs rollback -r tank/prod/www@a",
        "zfs receive -F tank/prod/www",
        "zfs receive -A tank/prod/www",
        "zfs set mountpoint=/etc tank/prod/www",
        "zfs snapshot tank/prod/www@x",
        "zfs hold x tank/prod/www@a",
        "zfs bookmark tank/prod/www@a tank/prod/www#a",
        "zfs get -H all tank/prod/www",
        "zfs get -H syncoid:sync tank/secret",
        "zfs get -H syncoid:sync tank/prod",
        "zfs get -H syncoid:sync tank/production/www",
        "zfs get -H syncoid:sync tank/prod/../secret",
        "zfs get -H syncoid:sync 'tank/prod/www ; id'",
        "zfs get -H syncoid:sync -o tank/prod/www",
        "zpool get -o value -H feature@extensible_dataset other",
        "zpool destroy tank",
        "bookmarks tank/secret",
        "manifest",
        "manifest tank/secret@a",
        "manifest tank/prod/www",
        "manifest tank/prod/../../../etc/shadow@a",
        "manifest tank/prod/www@../../../../etc/shadow",
        "manifests /etc",
        "zfs send",
        "zfs send tank/secret@a",
        "zfs send tank/prod/www",
        "zfs send -R tank/prod/www@a",
        "zfs send -p tank/prod/www@a",
        "zfs send -w tank/prod/www@a",
        "zfs send tank/prod/www@a tank/secret@b",
        "zfs send -I tank/secret@a tank/prod/www@b",
        "zfs send -I tank/prod/other@a tank/prod/www@b",
        "zfs send -i tank/prod/www@a tank/prod/www@b",
        "zfs send -i tank/prod/www#a tank/secret@b",
        "zfs send -t x",
        "zfs send 'tank/prod/www@a' | sh",
        "zfs send tank/prod/www@a > /etc/passwd",
        "zfs send tank/prod/www@a; id",
        "zfs send tank/prod/www@$(id)",
        "zfs send tank/prod/www@`id`",
        "zfs send tank/prod/www@a\nid",
        "zfs send 'tank/prod/www@a",
        "zfs send tank/prod/www@a@b",
        "ZFS_DEBUG=1 zfs send tank/prod/www@a",
        "scp -t /etc",
        "internal-sftp",
    ],
)
def test_anything_else_is_refused(asked: str) -> None:
    with pytest.raises(source.Refused):
        source.command_for(asked, ROOTS)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell(tmp_path)
    monkeypatch.setenv("PATH", shell.path)
    return shell


WWW = "toname = tank/prod/www@a"


@pytest.mark.parametrize(
    ("says", "admitted"),
    [
        ([WWW, "toguid = 0x1a"], True),
        ([WWW, "toguid = 0x1a", "fromguid = 0x1b"], True),
        # Not in the dataset of the name: zfs would find these anywhere in the pool.
        ([WWW, "toguid = 0x1c"], False),
        ([WWW, "toguid = 0x1a", "fromguid = 0x1c"], False),
        ([WWW, "toguid = 0x1a", "toguid = 0x1c"], False),
        ([WWW, "toguid = 0x1a", "fromguid = 0x1b", "fromguid = 0x1c"], False),
        ([WWW, "toguid = 26"], False),
        ([WWW, "toguid = 0x1a", "fromguid = x"], False),
        ([WWW, "fromguid = 0x1b"], False),
        ([WWW], False),
        (["toname = tank/secret@a", "toguid = 0x1a"], False),
        (["toname = tank/prod@a", "toguid = 0x1a"], False),
        ([WWW, "toname = tank/secret@a", "toguid = 0x1a"], False),
        (["cannot resume send: token is corrupt"], False),
        ([], False),
    ],
)
def test_a_token_counts_only_if_it_is_for_what_may_be_sent(
    shell: Shell, says: list[str], admitted: bool
) -> None:
    """The dataset has a snapshot and a bookmark with the GUIDs 26 and 27."""
    told = "".join(f"\\t{line}\\n" for line in says)
    shell.stand_in(
        "zfs", f"case $1 in list) echo 26; echo 27 ;; *) printf 'resume token:\\n{told}' ;; esac"
    )
    asked = f"zfs send -e -t {TOKEN}"
    if admitted:
        assert source.command_for(asked, ROOTS)[-1] == TOKEN
    else:
        with pytest.raises(source.Refused):
            source.command_for(asked, ROOTS)
    listed = "zfs list -Hpd 1 -t snapshot,bookmark -o guid tank/prod/www"
    assert shell.calls in ([f"zfs send -nvt {TOKEN}"], [f"zfs send -nvt {TOKEN}", listed])


def test_a_token_that_zfs_is_slow_to_read_is_refused(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "TOKEN_SECONDS", 0.2)
    shell.stand_in("zfs", "exec sleep 20")
    with pytest.raises(source.Refused):
        source.command_for(f"zfs send -e -t {TOKEN}", ROOTS)


def forced(asked: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-I", source.__file__, *ROOTS]
    return subprocess.run(
        program, env={**os.environ, "SSH_ORIGINAL_COMMAND": asked},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


def test_as_sshd_runs_it(shell: Shell) -> None:
    shell.stand_in("zfs", "echo sent")
    done = forced("zfs send 'tank/prod/www'@'a'")
    assert (done.returncode, done.stdout) == (0, "sent\n")
    assert shell.calls == ["zfs send tank/prod/www@a"]
    refused = forced("zfs destroy tank/prod/www@a")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "refused: this key only pulls snapshots" in refused.stderr
    assert len(shell.calls) == 1
