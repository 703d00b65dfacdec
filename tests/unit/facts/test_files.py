import base64
import hashlib
import os
from pathlib import Path
from shlex import quote

import pytest
from pyinfra.api import FactProcessError

from engine.fact import END
from facts.files import ARCHIVE_BYTES, FILE_BYTES, Paths, PathState
from tests.unit.host_here import ask, sh
from tests.unit.operation_harness import Shell

# Owner and group of a file that this process makes.
OWNER, GROUP = sh("id -un; id -gn").stdout.split()


def made(path: Path, content: bytes = b"", mode: int = 0o644) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_nothing_there_and_nothing_asked_is_empty(tmp_path: Path) -> None:
    assert ask(Paths, [str(tmp_path / "none"), str(tmp_path / "no/such")]) == {}
    assert ask(Paths, []) == ask(Paths, [], [str(tmp_path / "none")]) == Paths.default() == {}


def test_a_file_comes_with_every_byte(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9 + b"\n\nno newline at the end"
    path = made(tmp_path / "it's a $file; with 100% spaces", content, 0o640)
    assert ask(Paths, [path]) == {path: PathState("file", 0o640, OWNER, GROUP, content=content)}


def test_an_empty_file_is_not_an_absent_one(tmp_path: Path) -> None:
    path = made(tmp_path / "empty")
    assert ask(Paths, [path])[path].content == b""


def test_all_mode_bits_are_seen(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o2775)
    seen = ask(Paths, [str(directory)])
    assert seen == {str(directory): PathState("directory", 0o2775, OWNER, GROUP)}


def test_what_is_in_a_directory_is_not_read(tmp_path: Path) -> None:
    made(tmp_path / "inside", b"x" * 10)
    assert list(ask(Paths, [str(tmp_path)])) == [str(tmp_path)]


def test_a_link_is_itself_also_where_it_points_nowhere(tmp_path: Path) -> None:
    file, good, broken = tmp_path / "file", tmp_path / "good", tmp_path / "broken"
    made(file, b"content")
    good.symlink_to(file)
    broken.symlink_to("../elsewhere")
    seen = ask(Paths, [str(good), str(broken)])
    assert seen[str(good)] == PathState("link", 0o777, OWNER, GROUP, target=str(file))
    assert seen[str(broken)].target == "../elsewhere"


def test_other_things_are_known_and_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert ask(Paths, [str(path)])[str(path)].kind == "other"


def test_one_path_that_is_absent_hides_no_other(tmp_path: Path) -> None:
    first, last = made(tmp_path / "a", b"1"), made(tmp_path / "z", b"2")
    assert set(ask(Paths, [first, str(tmp_path / "m"), last])) == {first, last}


def test_of_a_secret_only_the_digest_leaves_the_host(tmp_path: Path) -> None:
    path = made(tmp_path / "my key", b"hunter2\n", 0o600)
    answer = sh(Paths().command([str(tmp_path)], [path, str(tmp_path / "none")])).stdout
    assert "hunter2" not in answer
    assert b"hunter2" not in base64.b64decode(answer.split("\n", 1)[0])
    digest = hashlib.sha256(b"hunter2\n").hexdigest()
    state = PathState("file", 0o600, OWNER, GROUP, digest=digest)
    assert ask(Paths, [str(tmp_path)], [path])[path] == state


def test_a_link_in_the_place_of_a_secret_is_not_taken_for_it(tmp_path: Path) -> None:
    made(tmp_path / "target", b"hunter2\n", 0o600)
    link = tmp_path / "link"
    link.symlink_to("target")
    assert ask(Paths, [], [str(link)])[str(link)].mode == 0o777


def test_a_file_of_any_size_is_told_by_its_size_and_hides_no_other(tmp_path: Path) -> None:
    """A lesser account may make a file of 8 TB, at no cost: the operator has less memory."""
    first, last = made(tmp_path / "a", b"1"), made(tmp_path / "z", b"2")
    huge, most = made(tmp_path / r"huge \x2d one "), made(tmp_path / "most", bytes(FILE_BYTES))
    os.truncate(huge, 2**43)
    answer = sh(Paths().command([first, huge, most, last])).stdout
    assert len(answer) < 3 * FILE_BYTES
    seen = Paths().process(answer.splitlines())
    assert list(seen) == [huge, first, most, last]
    assert seen[huge] == PathState("file", 0o644, OWNER, GROUP, size=2**43)
    assert seen[most].content == bytes(FILE_BYTES)
    assert ask(Paths, [huge])[huge].size == 2**43


def test_a_file_that_grows_while_it_is_read_fails_its_host_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(tmp_path)
    path, after = made(tmp_path / "grows"), made(tmp_path / "later")
    os.truncate(path, 2**43)
    # What the look at the sizes has seen a moment ago.
    seen = [f"f|1|644|{OWNER}|{GROUP}|{it}" for it in (path, after)]
    shell.stand_in("find", f"printf '%s\\n' {' '.join(map(quote, seen))}")
    monkeypatch.setenv("PATH", shell.path)
    answer = sh(Paths().command([path, after])).stdout
    assert len(answer) < 2 * ARCHIVE_BYTES
    with pytest.raises(
        FactProcessError, match=rf"more than {ARCHIVE_BYTES} bytes \({path}: {2**43}"
    ):
        Paths().process(answer.splitlines())


def test_a_path_that_hangs_keeps_back_none_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(tmp_path)
    first, hangs = made(tmp_path / "a", b"1"), made(tmp_path / "z", b"2")
    line = f"printf 'f|1|644|{OWNER}|{GROUP}|%s\\n' {first}"
    # Like find, cut keeps what it writes to a pipe until it ends, unless it is told otherwise.
    shell.stand_in("find", f"{{ {line}; sleep 20; }} | cut -c 1-")
    monkeypatch.setenv("PATH", shell.path)
    monkeypatch.setattr("facts.files.STORAGE_SECONDS", 5)
    assert list(ask(Paths, [first, hangs])) == [first]


def test_of_a_secret_no_more_is_read_than_a_secret_has(tmp_path: Path) -> None:
    huge, link = made(tmp_path / "huge", mode=0o600), tmp_path / "link"
    os.truncate(huge, 2**43)
    link.symlink_to(made(tmp_path / "target", b"hunter2\n", 0o600))
    seen = ask(Paths, [], [huge, str(link)])
    assert seen[huge].digest == hashlib.sha256(bytes(FILE_BYTES + 1)).hexdigest()
    assert seen[str(link)].digest == hashlib.sha256(b"").hexdigest()


def archive(paths: list[str]) -> bytes:
    """What the fact's command sends, without the line that says it is whole."""
    return base64.b64decode(sh(Paths().command(paths)).stdout.removesuffix(f"{END}\n"))


def test_what_was_read_does_not_wait_in_a_buffer_for_what_hangs(tmp_path: Path) -> None:
    answer = archive([made(tmp_path / "a", b"1")])
    assert len(answer) == 4 * 512  # blocks: name, content, and two at the end; not tar's usual 20


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_an_answer_that_is_cut_off_gives_what_is_whole(tmp_path: Path, blocks: int) -> None:
    first, last = made(tmp_path / "a", b"1"), made(tmp_path / "z", b"2" * 512 * blocks)
    answer = archive([first, last])
    end_of = {first: 1024, last: 1024 + 512 + 512 * blocks}
    for cut in range(0, len(answer), 512):
        seen = Paths().parse([base64.b64encode(answer[:cut]).decode()])
        assert set(seen) == {path for path, end in end_of.items() if end <= cut}
