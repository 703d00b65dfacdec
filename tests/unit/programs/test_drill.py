"""A drill fails for a copy that differs by one byte, or cannot be read."""

import gzip
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from programs.drill import command, decrypt, restore
from programs.drill import compare as compared
from programs.drill import main as drill
from programs.drill import record as records
from programs.drill import site as sites
from programs.drill.command import Failed
from programs.offsite.manifest.lines import lines as lines_of
from programs.offsite.manifest.write import write
from tests.unit.deep_tree import DEPTH, TOO_DEEP, deep, put
from tests.unit.operation_harness import Shell
from tests.unit.programs.on_host import laid_out
from tests.unit.programs.test_plain import ODD

NOW = 1_700_000_000
SNAPSHOT = {"snapshot": "s2", "guid": "22", "created": NOW - 600}
HEAD = {"dataset": "tank/prod/www", **SNAPSHOT}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "one").write_text("first")
    (tree / "two").write_text("second")
    return tree


@pytest.fixture
def written(tmp_path: Path, tree: Path) -> Path:
    """The server's manifest of the tree."""
    file = tmp_path / "manifests/tank/prod/www/s2.gz"
    file.parent.mkdir(parents=True)
    write(file, tree, HEAD)
    return file


def compare(written: Path, tree: Path) -> dict[str, int]:
    lines = (f"{line}\n" for line in lines_of(tree, {}, {}))
    return compared.compare(written, lines, SNAPSHOT)


def test_a_copy_that_is_the_same_is_counted(written: Path, tree: Path) -> None:
    assert compare(written, tree) == {"files": 2, "bytes": 11}


CHANGES: list[Callable[[Path], Any]] = [
    lambda tree: (tree / "two").write_text("sec0nd"),
    lambda tree: (tree / "two").unlink(),
    lambda tree: (tree / "three").write_text(""),
    lambda tree: (tree / "one").chmod(0o4755),
    lambda tree: (tree / "one").rename(tree / "eno"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_otherwise_is_found(
    written: Path, tree: Path, change: Callable[[Path], Any]
) -> None:
    change(tree)
    with pytest.raises(Failed, match="of the manifest says"):
        compare(written, tree)


def test_another_owner_is_found(written: Path, tree: Path) -> None:
    text = gzip.decompress(written.read_bytes()).decode()
    owner = f", {tree.stat().st_uid}, {tree.stat().st_gid}, 5, "
    assert text.count(owner) == 1
    written.write_bytes(gzip.compress(text.replace(owner, ", 4321, 0, 5, ").encode()))
    with pytest.raises(Failed, match=r'line 3 of the manifest says .*"one".*4321'):
        compare(written, tree)


def test_what_a_server_in_the_wrong_hands_writes_down_is_cut_short_and_harmless(
    written: Path, tree: Path
) -> None:
    line = b"\x1b]0;title\x07" + b"A" * 2**22
    written.write_bytes(gzip.compress(json.dumps(HEAD).encode() + b"\n" + line))
    tracemalloc.start()
    with pytest.raises(Failed, match="line 2 of the manifest says") as failed:
        compare(written, tree)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**21
    assert len(str(failed.value)) < 1000 and str(failed.value).isprintable()


SPOILT: list[Callable[[bytes], bytes]] = [
    lambda content: b"",
    lambda content: content[:-12],
    lambda content: b"not gzip" + content,
    lambda content: content[:30] + bytes([content[30] ^ 255]) + content[31:],
    lambda content: gzip.compress(b"not JSON\n"),
    lambda content: gzip.compress(b"[]\n"),
    lambda content: gzip.compress(b"[" * 60_000),
    lambda content: gzip.compress(b"\xff\n"),
]


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_manifest_that_is_not_whole_proves_nothing(
    written: Path, tree: Path, spoil: Callable[[bytes], bytes]
) -> None:
    written.write_bytes(spoil(written.read_bytes()))
    with pytest.raises(Failed):
        compare(written, tree)


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_nothing_in_the_place_of_a_manifest_is_waited_for(
    written: Path, tree: Path, make: Callable[[Path], Any]
) -> None:
    """The account that pulls writes the manifests here, and drills are root's."""
    written.unlink()
    make(written)
    with pytest.raises(Failed, match="the manifest cannot be read"):
        compare(written, tree)


def test_a_manifest_of_an_empty_tree_that_was_cut_short_proves_nothing(
    written: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    written.write_bytes(gzip.compress(json.dumps(HEAD).encode() + b"\n"))
    with pytest.raises(Failed):
        compared.compare(written, iter(()), SNAPSHOT)


def test_a_manifest_of_another_snapshot_proves_nothing(written: Path, tree: Path) -> None:
    lines = lines_of(tree, {}, {})
    with pytest.raises(Failed, match="of another snapshot"):
        compared.compare(written, lines, {**SNAPSHOT, "guid": "23"})


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    shell = Shell(tmp_path)
    for name in ("mount", "gocryptfs", "ip"):
        shell.stand_in(name)
    shell.stand_in(
        "zfs", r"printf 'k/www@s1\t11\t%s\nk/www@s2\t22\t%s\n' " + f"{NOW - 900} {NOW - 600}"
    )
    monkeypatch.setenv("PATH", shell.path)
    monkeypatch.setattr("time.time", lambda: float(NOW))
    return shell


@pytest.fixture
def settings(tmp_path: Path, tree: Path) -> dict[str, Any]:
    keys = tmp_path / "keys"
    (keys / "www").mkdir(parents=True)
    (keys / "www/masterkey").write_text("0f" * 32)
    www = {
        "dataset": "tank/prod/www",
        "target": "k/www",
        "mountpoint": str(tmp_path / "plain"),
        "ciphertext": str(tree),
        "uid": 20001,
        "site": None,
    }
    return {
        "manifests": str(tmp_path / "manifests"),
        "show": [sys.executable, "-I", str(laid_out(tmp_path, "offsite/manifest")), "show"],
        "keys": str(keys),
        "evidence": str(tmp_path / "evidence.json"),
        "max_age": 7200,
        "drills": {"www": www},
    }


def test_a_drill_that_goes_well(
    shell: Shell, settings: dict[str, Any], written: Path, tree: Path
) -> None:
    result = restore.one(settings, "www")
    assert result["problem"] is None
    assert {name: result[name] for name in SNAPSHOT} == SNAPSHOT
    assert (result["age"], result["files"], result["bytes"]) == (600, 2, 11)
    plain = settings["drills"]["www"]["mountpoint"]
    assert shell.calls[1:] == [
        f"mount -t zfs -o ro k/www@s2 {tree}",
        f"gocryptfs -q -fsck -masterkey=stdin {tree}",
        f"gocryptfs -q -ro -allow_other -force_owner 20001:20001 -masterkey=stdin {tree} {plain}",
    ]


def test_a_volume_that_nobody_has_begun_to_use_is_restored_and_not_used(
    shell: Shell, settings: dict[str, Any], written: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    lines = [json.dumps(HEAD), *lines_of(empty, {}, {})]
    written.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    www = settings["drills"]["www"]
    www.update(ciphertext=str(empty), site={"name": "www.example.org"})
    result = restore.one({**settings, "keys": "/nowhere"}, "www")
    assert (result["problem"], result["files"]) == (None, 0)
    assert [call.split()[0] for call in shell.calls] == ["zfs", "mount"]


def problem(settings: dict[str, Any]) -> str:
    return str(restore.one(settings, "www")["problem"])


@pytest.mark.usefixtures("written")
def test_a_snapshot_that_is_too_old_is_none(shell: Shell, settings: dict[str, Any]) -> None:
    assert "600 s old, and may be 599" in problem({**settings, "max_age": 599})
    assert not [call for call in shell.calls if call.startswith("mount")]


@pytest.mark.usefixtures("written")
def test_a_snapshot_from_the_future_is_none(
    shell: Shell, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW - 10**6))
    assert "-999400 s old, and may be 7200" in problem(settings)
    assert not [call for call in shell.calls if call.startswith("mount")]


def test_without_a_manifest_nothing_is_proven(shell: Shell, settings: dict[str, Any]) -> None:
    assert problem(settings) == "there is no snapshot with a manifest"


@pytest.mark.usefixtures("written")
def test_without_its_key_nothing_is_proven(shell: Shell, settings: dict[str, Any]) -> None:
    Path(settings["keys"], "www/masterkey").unlink()
    assert "its escrowed key is not here" in problem(settings)


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("said", "status", "wrong"),
    [
        ('fsck: corrupt entry in dir "d": ".nfs0000000000a3"', 26, None),
        ('fsck: corrupt entry in dir "": "x.nfs01"', 26, "1 errors, the first: fsck: corrupt"),
        ('fsck: error reading file "d/big"', 26, "1 errors, the first: fsck: error reading"),
        ("wrong key", 12, "exit 12: wrong key"),
    ],
)
def test_what_cannot_be_decrypted_is_found(
    shell: Shell, settings: dict[str, Any], said: str, status: int, wrong: str | None
) -> None:
    body = f"case $* in *fsck*) printf '%s\\n' '{said}'; exit {status} ;; esac"
    shell.stand_in("gocryptfs", body)
    assert (wrong or "None") in problem(settings)


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(("before", "wrong"), [(299, False), (301, True)])
def test_a_file_that_was_being_written_is_not_wrong_for_its_end(
    shell: Shell, settings: dict[str, Any], tmp_path: Path, *, before: int, wrong: bool
) -> None:
    www = settings["drills"]["www"]
    late = tmp_path / "ciphertext/late"
    late.parent.mkdir()
    late.touch()
    os.utime(late, (0, NOW - 600 - before))
    line = f'fsck: error reading file "d/a" (inum {late.stat().st_ino}): read: input/output error'
    shell.stand_in("gocryptfs", f"case $* in *fsck*) echo '{line}'; exit 26 ;; esac")
    www["ciphertext"] = str(late.parent)
    check = partial(decrypt.check_and_decrypt, www, Path(settings["keys"]), "www", NOW - 600)
    if wrong:
        with pytest.raises(Failed, match="1 errors, the first: fsck: error reading"):
            check()
    else:
        check()


UNREAD = """\
OpenDir "LAJaeDCnOjMKyDF02U3-sg": could not read gocryptfs.diriv: wanted 16 bytes, got 0
fsck: error opening dir "uploads/new": 5=input/output error
fsck summary: 1 corrupt files, 0 files skipped
"""


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("has_diriv", [True, False])
def test_a_directory_that_was_being_made_is_not_wrong(
    shell: Shell, settings: dict[str, Any], tmp_path: Path, *, has_diriv: bool
) -> None:
    www = settings["drills"]["www"]
    new = tmp_path / "ciphertext/enc/LAJaeDCnOjMKyDF02U3-sg"
    new.mkdir(parents=True)
    www["ciphertext"] = str(tmp_path / "ciphertext")
    its = new / "gocryptfs.diriv" if has_diriv else new
    its.touch()
    (tmp_path / "said").write_text(UNREAD)
    shell.stand_in("gocryptfs", f"case $* in *fsck*) cat {tmp_path}/said; exit 26 ;; esac")
    checked = (www, Path(settings["keys"]), "www", NOW)
    for seconds, problems in ((1, 0), (decrypt.WRITING_SECONDS + 60, 1)):
        os.utime(its, (NOW - seconds, NOW - seconds))
        if problems:
            with pytest.raises(Failed, match="1 errors, the first: fsck: error opening dir"):
                decrypt.check_and_decrypt(*checked)
        else:
            decrypt.check_and_decrypt(*checked)
    # One that is new does not excuse another, of which nothing is said.
    os.utime(its, (NOW, NOW))
    (tmp_path / "said").write_text(f'{UNREAD}fsck: error opening dir "old": 5=input/output error')
    with pytest.raises(Failed, match="2 errors, the first: fsck: error opening dir"):
        decrypt.check_and_decrypt(*checked)


def test_the_record_keeps_the_last_good_one(
    shell: Shell, settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = iter([{"at": 1, "problem": None}, {"at": 2, "problem": "four bytes"}, None])
    answer = tmp_path / "answer"
    shell.stand_in("unshare", f"cat {answer}; exit 1")
    filled = {"snapshot": "s", "age": 1, "files": 1, "bytes": 1, "seconds": 1}
    record = []
    for result in results:
        answer.write_text(json.dumps({**filled, **result}) if result else "Traceback")
        drill.all_of_them(settings, ["drill", "FILE"])
        record.append(json.loads(Path(settings["evidence"]).read_text())["tank/prod/www"])
    assert [(it["problem"], it["proven"]) for it in record] == [
        (None, 1),
        ("four bytes", 1),
        ("the drill ended with 1", 1),
    ]
    assert "NOT restored: four bytes" in capsys.readouterr().out
    assert shell.calls[0] == (
        "unshare --mount --net --pid --fork --kill-child --mount-proc drill FILE www"
    )


@pytest.mark.parametrize("left", ["", "\0\0", "{", "[]", '{"tank/prod/www": 5}', "\xff"])
def test_a_record_that_a_reset_has_spoilt_is_begun_anew(
    shell: Shell, settings: dict[str, Any], left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(settings["evidence"])
    file.write_text(left, "latin-1")
    shell.stand_in("unshare", "exit 1")
    assert drill.all_of_them(settings, ["drill", "FILE"]) == 1
    record = json.loads(file.read_text())
    assert record == {"tank/prod/www": {"at": NOW, "problem": ENDED, "proven": 0}}
    assert bool(capsys.readouterr().err) == ("5" not in left)


ENDED = "the drill ended with 1"


def test_the_record_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "evidence.json"
    records.keep(file, {"a": {}})

    def fail(_: int) -> None:
        raise OSError("no room")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no room"):
        records.keep(file, {"b": {}})
    assert json.loads(file.read_text()) == {"a": {}}


def test_a_drill_that_has_no_end_is_ended_and_the_next_is_made(
    shell: Shell, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drill, "SECONDS", 0.2)
    shell.stand_in("unshare", "exec sleep 20")
    settings["drills"]["other"] = {**settings["drills"]["www"], "dataset": "tank/prod/other"}
    assert drill.all_of_them(settings, ["drill", "FILE"]) == 2
    record = json.loads(Path(settings["evidence"]).read_text())
    assert {it["problem"] for it in record.values()} == {"the drill did not end within 0.2 s"}


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep"), KeyError("x")])
def test_whatever_ends_a_drill_is_its_result(
    shell: Shell, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(restore, "compare", fail)
    assert problem(settings) == f"the drill ended with {error!r}"


def test_names_that_are_no_text_are_said_in_characters_that_a_terminal_shows(
    shell: Shell,
) -> None:
    shell.stand_in("gocryptfs", r"printf 'fsck: \377\n'; exit 26")
    assert command.call("gocryptfs", ok=[26]) == "fsck: \\xff\n"


def test_a_tree_as_deep_as_a_client_likes_is_looked_through(tmp_path: Path) -> None:
    with deep(tmp_path / "tree"):
        assert len(decrypt._written_since(str(tmp_path / "tree"), 0)) == DEPTH


def test_a_copy_with_paths_that_linux_does_not_take_is_proven(
    shell: Shell, settings: dict[str, Any], tmp_path: Path
) -> None:
    www, file = settings["drills"]["www"], tmp_path / "manifests/tank/prod/www/s2.gz"
    file.parent.mkdir(parents=True)
    with deep(tmp_path / "copy", TOO_DEEP) as lowest:
        put(lowest, "file", b"content")
        write(file, tmp_path / "copy", HEAD)
        www["ciphertext"] = str(tmp_path / "copy")
        result = restore.one(settings, "www")
        assert (result["problem"], result["files"], result["bytes"]) == (None, 1, 7)
        put(lowest, "file", b"another")
        assert "of the manifest says" in problem(settings)


def test_paths_that_linux_does_not_take_hide_nothing_that_was_being_written(
    tmp_path: Path,
) -> None:
    with deep(tmp_path / "tree", TOO_DEEP) as lowest:
        for name, written in (("old", NOW - 1), ("new", NOW)):
            os.mkdir(name, dir_fd=lowest)
            put(lowest, f"{name}/gocryptfs.diriv", b"")
            os.utime(f"{name}/gocryptfs.diriv", (written, written), dir_fd=lowest)
            os.utime(name, (NOW, NOW), dir_fd=lowest)
        inode = str(os.stat("new/gocryptfs.diriv", dir_fd=lowest).st_ino)
        assert inode in decrypt._written_since(str(tmp_path / "tree"), NOW)
        assert decrypt._are_new(str(tmp_path / "tree"), {"new"}, NOW)
        assert not decrypt._are_new(str(tmp_path / "tree"), {"old", "new"}, NOW)


@pytest.mark.usefixtures("written")
def test_what_gocryptfs_cannot_reach_is_told_and_the_rest_is_proven(
    shell: Shell, settings: dict[str, Any], tmp_path: Path
) -> None:
    """Seen of gocryptfs 2.3: it counts a path that is too long, and does not name it."""
    said = 'fsck: corrupt entry in dir \\"\\": \\".nfs0000000000a3\\"'
    summary = "fsck summary: 3 corrupt files, 0 files skipped"
    body = f'printf "%s\\n" "{said}" "{summary}"; exit 26'
    shell.stand_in("gocryptfs", f"case $* in *fsck*) {body} ;; esac")
    with deep(tmp_path / "plain", TOO_DEEP):
        result = restore.one(settings, "www")
    assert result["problem"] is None
    told = records.said(result)
    assert "not decrypted: paths that are too long for gocryptfs -fsck: 2, " in told
    assert "the first is d/d/d/" in told and len(told) < 1000


@pytest.mark.usefixtures("written")
def test_what_gocryptfs_counts_and_does_not_name_is_an_error_if_no_path_is_too_long(
    shell: Shell, settings: dict[str, Any], tmp_path: Path
) -> None:
    body = "echo fsck summary: 1 corrupt files, 0 files skipped; exit 26"
    shell.stand_in("gocryptfs", f"case $* in *fsck*) {body} ;; esac")
    with deep(tmp_path / "plain"):
        assert problem(settings) == "1 errors that gocryptfs -fsck does not name"


def test_each_is_done_whatever_became_of_the_one_before(
    shell: Shell, settings: dict[str, Any]
) -> None:
    shell.stand_in("unshare", "exit 1")
    again = {**settings["drills"]["www"], "dataset": "tank/prod/other"}
    settings["drills"]["other"] = again
    assert drill.all_of_them(settings, ["drill", "FILE"]) == 2


def test_as_the_unit_runs_it(
    shell: Shell, settings: dict[str, Any], tmp_path: Path, written: Path
) -> None:
    shell.stand_in("unshare", 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"')
    file = tmp_path / "drill.json"
    file.write_text(json.dumps({**settings, "max_age": 10**10}))
    done = subprocess.run(
        [sys.executable, "-I", str(laid_out(tmp_path, "drill")), str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "tank/prod/www: restored from s2" in done.stdout


@pytest.fixture
def site(shell: Shell, tmp_path: Path) -> dict[str, str]:
    """A site whose programs run until they are ended."""
    for name in ("nginx", "php-fpm8.2"):
        shell.stand_in(name, "exec sleep 30")
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    names = {"nginx": "n.conf", "php": "p.conf", "fpm": "php-fpm8.2"}
    return {"name": "www.example.org", "uploads": str(uploads), **names}


def served(
    site: dict[str, str], monkeypatch: pytest.MonkeyPatch, answers: dict[str, tuple[int, bytes]]
) -> None:
    """Uses the site as a drill does; answers: the site's status and content, by path."""
    monkeypatch.setattr(sites, "SOCKETS", Path(site["uploads"]).parent / "sockets")
    monkeypatch.setattr(sites, "_get", lambda name, path: answers[path])
    with ExitStack() as after:
        sites.serve(site, after)


def test_a_file_is_fetched_by_the_name_that_the_page_gives(
    site: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(site["uploads"], "a b&c").write_bytes(b"seen")
    page = {"/": (200, b'<a href="files/a b&amp;c">')}
    served(site, monkeypatch, {**page, "/files/a%20b%26c": (200, b"seen")})
    with pytest.raises(Failed, match="is not served as it is: status 200"):
        served(site, monkeypatch, {**page, "/files/a%20b%26c": (200, b"sean")})


def test_a_file_that_the_page_lists_and_the_copy_lacks_is_told(
    site: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = {"/": (200, b'<a href="files/gone">'), "/files/gone": (200, b"seen")}
    with pytest.raises(Failed, match=r"the file gone is not served: .*No such file"):
        served(site, monkeypatch, page)


def test_of_a_file_of_any_size_a_part_is_compared(
    site: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "MOST", 4)
    file = Path(site["uploads"], "huge")
    page = {"/": (200, b'<a href="files/huge">')}
    with file.open("wb") as out:
        out.write(b"seen")
        out.truncate(2**40)
    served(site, monkeypatch, {**page, "/files/huge": (200, b"seen")})


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/passwd")])
def test_an_upload_that_is_no_plain_file_is_not_opened(
    site: dict[str, str], monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Any]
) -> None:
    make(Path(site["uploads"], "odd"))
    page = {"/": (200, b'<a href="files/odd">'), "/files/odd": (200, b"")}
    with pytest.raises(Failed, match="the file odd is not served"):
        served(site, monkeypatch, page)


def test_an_answer_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        status = 200

        def read(self, most: int) -> bytes:
            return b"x" * most

    class Connection:
        def __init__(self, *_: object, **__: object) -> None: ...
        def request(self, *_: object, **__: object) -> None: ...
        def getresponse(self) -> Answer:
            return Answer()

    monkeypatch.setattr(sites, "HTTPConnection", Connection)
    assert sites._get("www.example.org", "/") == (200, b"x" * sites.MOST)


def test_a_page_without_a_file_is_right_only_if_there_is_none(
    site: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served(site, monkeypatch, {"/": (200, b"")})
    Path(site["uploads"], "file").touch()
    with pytest.raises(Failed, match="lists no file, and there are some"):
        served(site, monkeypatch, {"/": (200, b"")})


def test_a_site_that_fails_is_not_waited_for(
    site: dict[str, str], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failed, match="the page answers 500"):
        served(site, monkeypatch, {"/": (500, b"")})
    shell.stand_in("nginx", "exit 1")
    with pytest.raises(Failed, match="nginx does not start"):
        served(site, monkeypatch, {"/": (502, b"")})
