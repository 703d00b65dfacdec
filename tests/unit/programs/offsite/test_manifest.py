"""A manifest lists all that is in a snapshot; only files that have changed are read again."""

import gzip
import io
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

import pytest

from programs.offsite.manifest import lines as looked
from programs.offsite.manifest import main as manifest
from programs.offsite.manifest import write as writing
from programs.shared import tree
from tests.unit.deep_tree import DEPTH, TOO_DEEP, deep, put
from tests.unit.operation_harness import Shell

HEAD = {"dataset": "tank/a", "snapshot": "s1", "guid": "1", "created": 2_000_000_000}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "b/deep").mkdir(parents=True)
    (root / "b/deep/file").write_text("content")
    (root / "a").write_text("")
    (root / "c").symlink_to("b")
    (root / "new\nline").write_text("x")
    (root / os.fsdecode(b"not-utf8-\xff")).write_text("y")
    os.mkfifo(root / "pipe")
    return root


def written(file: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.open(file, "rt")]


def test_everything_is_written_down_in_order(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "s1.gz"
    # Only root may give files away, and the tests may run as somebody else.
    with suppress(PermissionError):
        os.chown(root / "b/deep/file", 33, 4)
    writing.write(file, root, HEAD)
    head, *rows, end = written(file)
    assert (head, end) == (HEAD, {"files": 4, "bytes": 9})
    assert [row[:2] for row in rows] == [
        [".", "directory"],
        ["a", "file"],
        ["b", "directory"],
        ["c", "link"],
        ["new\nline", "file"],
        ["not-utf8-\udcff", "file"],
        ["pipe", "other"],
        ["b/deep", "directory"],
        ["b/deep/file", "file"],
    ]
    assert rows[3][-1] == "b"
    found = (root / "b/deep/file").stat()
    assert rows[-1][2:6] == [found.st_mode & 0o7777, found.st_uid, found.st_gid, 7]
    assert rows[-1][-1] == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"


def test_the_order_is_that_of_manifests_that_are_kept_already(tmp_path: Path) -> None:
    """A drill compares line by line, also with what an older program has written."""
    for name in ("b/2/x", "b/10/x", "b.c/x", "a/z/y", "B", "b/11"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    assert [row[0] for row in looked.rows(tmp_path / "tree", {}, {})] == [
        *(".", "B", "a", "b", "b.c", "a/z", "a/z/y", "b/10", "b/11", "b/2", "b/10/x", "b/2/x"),
        "b.c/x",
    ]


def test_only_what_has_changed_is_read_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "s1.gz", tmp_path / "s2.gz"
    writing.write(first, root, HEAD)
    (root / "a").write_text("now")
    read: list[str] = []
    real_open = os.open

    def opened(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if "dir_fd" in options and not flags & os.O_DIRECTORY:
            read.append(path)
        return real_open(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", opened)
    writing.write(second, root, HEAD)
    assert read == ["a"]
    before, after = written(first)[1:-1], written(second)[1:-1]
    assert [row for row in after if row not in before] == [after[1]]


def test_what_was_young_when_the_last_snapshot_was_taken_is_read_again(
    root: Path, tmp_path: Path
) -> None:
    """After the snapshot, a second write in the same tick may have left the ctime as it was."""
    file = tmp_path / "s1.gz"
    just_now = int((root / "a").stat().st_ctime)
    writing.write(file, root, {**HEAD, "created": just_now})
    cache = tmp_path / "cache.json"
    known = json.loads(cache.read_text())
    known["files"]["a"][3] = "wrong"
    cache.write_text(json.dumps(known))
    writing.write(file, root, HEAD)
    assert written(file)[2][-1] != "wrong"


def test_what_takes_too_long_is_left_and_gone_on_with(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An endless file without blocks costs its dataset the time, and not the datasets after it."""
    shell = Shell(tmp_path)
    shell.stand_in("zfs", r"printf 'tank/a@s1\t1\t2000000000\ntank/b@s1\t3\t100\n'")
    tree = tmp_path / "tree"
    shell.stand_in("mount", f'rm -rf {tree}; ln -s "{tmp_path}/of-${{5#tank/}}" {tree}')
    shell.stand_in("umount")
    monkeypatch.setenv("PATH", shell.path)
    for name in ("a", "b"):
        (tmp_path / f"of-{name}@s1").mkdir()
    (tmp_path / "of-a@s1/one").write_text("x")
    with (tmp_path / "of-a@s1/two").open("w") as endless:
        endless.truncate(2**43)
    monkeypatch.setattr(manifest, "HERE", tree)
    monkeypatch.setattr(manifest, "SECONDS", 1)
    assert manifest.main(["write", str(tmp_path), "tank"]) == 1
    assert "tank/a: not written down: not read within 1 s" in capsys.readouterr().err
    assert [file.parent.name for file in tmp_path.rglob("*.gz")] == ["b"]
    kept = json.loads((tmp_path / "tank/a" / writing.CACHE).read_text())
    assert list(kept["files"]) == ["one"]


def ended(*_: object) -> None:
    # As the kernel does if there is no memory left.
    os.kill(os.getpid(), signal.SIGKILL)


def of_memory(*_: object) -> None:
    raise MemoryError


@pytest.fixture
def shell(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The commands of a host with two datasets, of which each has a snapshot with root's files."""
    shell = Shell(tmp_path)
    shell.stand_in("zfs", r"printf 'tank/a@s1\t1\t100\ntank/b@s1\t3\t100\n'")
    shell.stand_in("mount")
    shell.stand_in("umount")
    monkeypatch.setenv("PATH", shell.path)
    monkeypatch.setattr(manifest, "HERE", root)
    return shell


@pytest.mark.parametrize(
    ("fault", "said"), [(ended, "terminated abruptly"), (of_memory, "MemoryError()")]
)
def test_whatever_ends_one_dataset_leaves_the_others_theirs(
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[], None],
    said: str,
) -> None:
    real_lines = looked.lines

    def lines(*arguments: Any) -> Iterator[str]:
        if not (tmp_path / "begun").exists():
            (tmp_path / "begun").touch()
            fault()
        return real_lines(*arguments)

    monkeypatch.setattr(writing, "lines", lines)
    with redirect_stderr(io.StringIO()) as err:
        assert manifest.main(["write", str(tmp_path), "tank"]) == 1
    error = err.getvalue()
    assert error.startswith("tank/a: not written down: ") and said in error
    assert [file.parent.name for file in tmp_path.rglob("*.gz")] == ["b"]
    assert [call.split()[0] for call in shell.calls] == ["zfs", *["mount", "umount"] * 2]


def test_a_tree_as_deep_as_a_client_likes_is_written_down(tmp_path: Path) -> None:
    with deep(tmp_path / "tree"):
        writing.write(tmp_path / "s1.gz", tmp_path / "tree", HEAD)
    rows = written(tmp_path / "s1.gz")[1:-1]
    assert [row[0] for row in rows] == [".", *("/".join("d" * n) for n in range(1, DEPTH + 1))]


def test_a_tree_with_paths_that_linux_does_not_take_is_written_down(tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"s{number}.gz" for number in (1, 2, 3))
    with deep(tmp_path / "tree", TOO_DEEP) as lowest:
        put(lowest, "file", b"content")
        put(lowest, b"not-utf8-\xff", b"")
        os.symlink("elsewhere", "link", dir_fd=lowest)
        writing.write(first, tmp_path / "tree", HEAD)
        writing.write(second, tmp_path / "tree", HEAD)
        put(lowest, "file", b"another")
        writing.write(third, tmp_path / "tree", HEAD)
    _, *rows, end = written(first)
    assert end == {"files": 2, "bytes": 7} and len(rows) == 1 + TOO_DEEP + 3
    in_full = [row[0] for row in rows[1:] if not row[0].startswith("//")]
    assert in_full == ["/".join("d" * n) for n in range(1, 2050)]
    file, link, odd = rows[-3:]
    assert file[-1] == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert link[-1] == "elsewhere" and odd[0].endswith("/not-utf8-\udcff")
    # Each line tells its directory from all others, in few bytes.
    assert len({row[0] for row in rows}) == len(rows)
    assert max(len(json.dumps(row)) for row in rows) < 5000
    assert written(second) == written(first)
    assert [row[0] for row in written(third)[1:-1] if row not in rows] == [file[0]]


def in_place(change: Callable[[], Any]) -> Callable[..., Iterator[Any]]:
    """Looks through a tree as manifests do, and makes the change once a/file was looked at."""

    def everything(root: Path) -> Iterator[Any]:
        for found in tree.everything(root):
            if found[0] == "a/file":
                change()
            yield found

    return everything


@pytest.mark.parametrize(
    "make", [os.mkfifo, Path.touch, lambda file: file.symlink_to("/etc/passwd"), lambda file: None]
)
def test_what_takes_a_file_s_place_meanwhile_is_not_read_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Any]
) -> None:
    file = tmp_path / "tree/a/file"
    file.parent.mkdir(parents=True)
    file.touch()

    def change() -> None:
        file.rename(tmp_path / "old")
        make(file)

    monkeypatch.setattr(looked, "everything", in_place(change))
    with pytest.raises(OSError, match="'a/file'"):
        list(looked.rows(tmp_path / "tree", {}, {}))


def test_a_manifest_is_on_the_disk_before_it_has_its_name(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty one would never be written again."""

    def fail(_: int) -> None:
        raise OSError("no room")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no room"):
        writing.write(tmp_path / "s1.gz", root, HEAD)
    assert not (tmp_path / "s1.gz").exists()


def test_a_directory_that_cannot_be_read_is_no_empty_one(root: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        list(looked.rows(root / "nowhere", {}, {}))


def test_each_newest_snapshot_has_one_and_those_that_are_gone_have_none(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(tmp_path)
    lines = "tank/a@s1\t1\t100\ntank/a@s2\t2\t200\ntank/b@s1\t3\t100\n"
    shell.stand_in("zfs", f"printf '%s' '{lines}'")
    shell.stand_in("mount")
    shell.stand_in("umount")
    monkeypatch.setenv("PATH", shell.path)
    monkeypatch.setattr(manifest, "HERE", root)
    directory = tmp_path / "manifests"
    (directory / "tank/a").mkdir(parents=True)
    (directory / "tank/a/pruned.gz").touch()
    # The directory of a dataset below.
    (directory / "tank/a/old.gz").mkdir()
    assert manifest.main(["write", str(directory), "tank"]) == 0
    found = sorted(str(file.relative_to(directory)) for file in directory.rglob("*.gz"))
    assert found == ["tank/a/old.gz", "tank/a/s2.gz", "tank/b/s1.gz"]
    assert written(directory / "tank/a/s2.gz")[0]["guid"] == "2"
    mounted = [call for call in shell.calls if call.startswith("mount")]
    assert mounted[0] == f"mount -t zfs -o ro tank/a@s2 {root}"
    manifest.main(["write", str(directory), "tank"])
    assert [call for call in shell.calls if call.startswith("mount")] == mounted


def test_a_dataset_that_cannot_be_read_leaves_the_others_theirs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("zfs", r"printf 'tank/a@s1\t1\t100\ntank/b@s1\t3\t100\n'")
    shell.stand_in("mount", 'case "$*" in *tank/a*) exit 32 ;; esac')
    shell.stand_in("umount")
    monkeypatch.setenv("PATH", shell.path)
    monkeypatch.setattr(manifest, "HERE", root)
    (tmp_path / "tank/b").mkdir(parents=True)
    # A power cut may leave the file empty.
    (tmp_path / "tank/b" / writing.CACHE).touch()
    assert manifest.main(["write", str(tmp_path), "tank"]) == 1
    assert "tank/a: not written down" in capsys.readouterr().err
    assert [file.parent.name for file in tmp_path.rglob("*.gz")] == ["b"]


def test_a_copy_is_shown_in_the_same_words(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "s1.gz"
    writing.write(file, root, HEAD)
    manifest.main(["show", str(root)])
    shown = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in shown] == written(file)[1:]
