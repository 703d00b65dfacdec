"""Files are written whole, and where no lesser account leads the way."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from programs.bbb import files
from programs.bbb.failed import Failed
from programs.bbb.files import Rights
from programs.bbb.root import Root

US = Rights(os.getuid(), os.getgid(), 0o640)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "etc").mkdir()
    return Root(tmp_path, uid=os.getuid())


def test_a_file_is_as_it_was_written(root: Root) -> None:
    files.write(root, "/etc/new/file", b"\xff\n", US)
    assert files.read(root, "/etc/new/file") == files.Found(b"\xff\n", US)
    assert [it.name for it in root.at("/etc/new").iterdir()] == ["file"]


def test_nothing_is_there_until_all_is_there(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.at("/etc/file").write_text("before")
    seen = []

    def fsync(fd: int) -> None:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            seen.append((root.at("/etc/file").read_text(), stat.S_IMODE(os.fstat(fd).st_mode)))
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Failed, match="Input/output error"):
        files.write(root, "/etc/file", b"after", US)
    assert seen == [("before", 0o640)] and root.at("/etc/file").read_text() == "before"


def test_the_rights_are_there_before_the_first_byte(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fchmod", lambda fd, _: sizes.append(os.fstat(fd).st_size))
    files.write(root, "/etc/file", b"secret", US)
    assert sizes == [0]


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(root: Root) -> None:
    root.at("/etc/target").write_text("theirs")
    root.at("/etc/file").symlink_to("target")
    files.write(root, "/etc/file", b"ours", US)
    assert root.at("/etc/target").read_text() == "theirs"
    assert not root.at("/etc/file").is_symlink()


def test_a_link_in_the_place_of_the_new_file_is_not_followed(root: Root) -> None:
    root.at("/etc/target").write_text("theirs")
    root.at("/etc/.file.coop-new").symlink_to("target")
    files.write(root, "/etc/file", b"ours", US)
    assert root.at("/etc/target").read_text() == "theirs"


def test_a_link_on_the_way_is_refused(root: Root) -> None:
    root.at("/other").mkdir()
    root.at("/etc/sub").symlink_to("../other")
    with pytest.raises(Failed, match="is a link"):
        files.write(root, "/etc/sub/file", b"ours", US)
    assert not list(root.at("/other").iterdir())


def test_a_directory_that_others_can_write_in_is_refused(root: Root) -> None:
    root.at("/etc").chmod(0o775)
    with pytest.raises(Failed, match="chmod go-w"):
        files.write(root, "/etc/file", b"ours", US)


def test_everybody_s_directory_is_no_place_to_write_but_one_to_take_away_from(root: Root) -> None:
    root.at("/tmp").mkdir()
    root.at("/tmp").chmod(0o1777)
    root.at("/tmp/left").symlink_to("/etc/passwd")
    with pytest.raises(Failed, match="chmod go-w"):
        files.write(root, "/tmp/left", b"ours", US)
    files.remove(root, "/tmp/left")
    assert not root.at("/tmp/left").is_symlink()


def test_what_lies_below_another_s_directory_is_written_by_another_process(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose powers that process has can only be seen as root: tests/lab."""
    monkeypatch.setattr(files, "_replace", lambda *_: Path(f"{root.top}/pid").write_text("x"))
    ours = replace(root, uid=os.getuid() + 1)
    assert files.party(ours, "/etc/file")[0] == os.getuid()
    before = os.getpid()
    files.write(ours, "/etc/file", b"text", US)
    assert os.getpid() == before and root.at("/pid").exists()


def test_what_another_may_not_write_is_told(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "_replace", refuse)
    with pytest.raises(Failed, match=r"directory's owner .*Permission denied"):
        files.write(replace(root, uid=os.getuid() + 1), "/etc/file", b"text", US)


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "large"])
def test_nothing_but_a_plain_file_is_read(root: Root, kind: str) -> None:
    file = root.at("/etc/odd")
    if kind == "link":
        root.at("/etc/small").write_text("small")
        file.symlink_to("small")
    elif kind == "fifo":
        os.mkfifo(file)
    elif kind == "directory":
        file.mkdir()
    else:
        file.write_bytes(bytes(11))
    with pytest.raises(Failed, match="/etc/odd"):
        files.read(root, "/etc/odd", most=10)


def test_a_link_on_the_way_is_not_followed_by_a_reader_either(root: Root) -> None:
    root.at("/private").mkdir()
    root.at("/private/file").write_text("secret")
    root.at("/etc/sub").symlink_to("../private")
    with pytest.raises(Failed, match="sub is a link"):
        files.read(root, "/etc/sub/file")


def test_what_is_not_there_is_none(root: Root) -> None:
    root.at("/etc/file").write_text("")
    for path in ("/etc/none", "/none/none", "/etc/file/none"):
        assert files.read(root, path) is None
