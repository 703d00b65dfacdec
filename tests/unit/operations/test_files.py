import base64
import hashlib
import io
import tarfile
from typing import Any

import pytest

from facts.files import Paths, PathState
from operations import files
from operations.files import Absent, Directory, Entry, File, Link, present
from tests.unit.operation_harness import Run, run

CONF = File("/etc/a.conf", "one\ntwo\n")
KEY = File("/etc/a.key", "hunter2\n", mode=0o600, secret=True)
DATA = Directory("/srv/data", owner="vision", group="www-data", mode=0o2750)
LINK = Link("/srv/link", "/srv/data")
GONE = Absent("/etc/default.conf")
ALL = (CONF, KEY, DATA, LINK, GONE)

AS_WANTED = {
    "/etc/a.conf": PathState("file", 0o644, "root", "root", content=b"one\ntwo\n"),
    "/etc/a.key": PathState(
        "file", 0o600, "root", "root", digest=hashlib.sha256(b"hunter2\n").hexdigest()
    ),
    "/srv/data": PathState("directory", 0o2750, "vision", "www-data"),
    "/srv/link": PathState("link", 0o777, "root", "root", target="/srv/data"),
}


@pytest.fixture(autouse=True)
def _nothing_pending() -> None:
    files.pending.clear()


def apply(*wanted: Entry, now: dict[str, PathState] | None = None, **options: Any) -> Run:
    return run(present, wanted, facts={Paths: AS_WANTED if now is None else now}, **options)


def other(path: str, **changes: Any) -> dict[str, PathState]:
    """All paths as wanted, except this path with these changes."""
    return {**AS_WANTED, path: PathState(**{**vars(AS_WANTED[path]), **changes})}


def written(run: Run) -> list[tarfile.TarInfo]:
    (command,) = run.commands
    data = base64.b64decode(command.connector_arguments["_stdin"])
    return tarfile.open(fileobj=io.BytesIO(data)).getmembers()


def test_what_is_as_wanted_is_one_question_and_no_command() -> None:
    done = apply(*ALL)
    assert (done.commands, done.said) == ([], [])
    assert done.noops == ["all files are as wanted"]
    plain = ["/etc/a.conf", "/srv/data", "/srv/link", "/etc/default.conf"]
    assert done.asked == [{"paths": plain, "secrets": ["/etc/a.key"]}]
    assert files.pending == {}


def test_a_file_that_is_too_large_to_read_is_replaced_and_told_by_its_size() -> None:
    done = apply(*ALL, now=other("/etc/a.conf", content=None, size=2**43))
    assert [it.name for it in written(done)] == ["/etc/.a.conf.coop-new"]
    assert done.said == [
        f"/etc/a.conf: {2**43} bytes, too much to show -> the content that is wanted"
    ]


def test_only_what_differs_is_written() -> None:
    done = apply(*ALL, now=other("/etc/a.conf", content=b"one\n2\n"))
    assert [member.name for member in written(done)] == ["/etc/.a.conf.coop-new"]
    assert files.pending == {"storage1": {"/etc/a.conf"}}
    assert done.said == ["/etc/a.conf: +1 -1 lines"]


def test_what_differs_is_shown_in_full_to_whoever_asks_for_it() -> None:
    done = apply(*ALL, now=other("/etc/a.conf", content=b"one\n2\n"), diff=True)
    assert done.said == [
        "--- /etc/a.conf",
        "+++ /etc/a.conf",
        "@@ -1,2 +1,2 @@",
        " one",
        "-2",
        "+two",
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mode": 0o600}, "/etc/a.conf: root:root 0600 -> root:root 0644"),
        ({"owner": "1000"}, "/etc/a.conf: 1000:root 0644 -> root:root 0644"),
        ({"group": "adm"}, "/etc/a.conf: root:adm 0644 -> root:root 0644"),
        ({"content": b"one\ntwo"}, "/etc/a.conf: only the ends of lines change"),
        ({"content": b"one\r\ntwo\r\n"}, "/etc/a.conf: only the ends of lines change"),
        ({"content": b""}, "/etc/a.conf: +2 -0 lines"),
    ],
)
def test_each_difference_of_a_file_is_told_and_mended(changes: dict[str, Any], told: str) -> None:
    done = apply(*ALL, now=other("/etc/a.conf", **changes))
    assert done.said == [told]
    assert [member.name for member in written(done)] == ["/etc/.a.conf.coop-new"]


def test_a_link_in_the_place_of_a_file_is_told_as_such() -> None:
    link = {"kind": "link", "content": None, "target": "/nowhere"}
    done = apply(*ALL, now=other("/etc/a.conf", **link))
    assert done.said == ["/etc/a.conf: link -> file", "/etc/a.conf: +2 -0 lines"]


@pytest.mark.parametrize(
    ("path", "changes", "told"),
    [
        ("/srv/data", {"mode": 0o755}, "vision:www-data 0755 -> vision:www-data 2750"),
        ("/srv/data", {"owner": "root"}, "root:www-data 2750 -> vision:www-data 2750"),
        ("/srv/link", {"target": "/srv/old"}, "/srv/old -> link to /srv/data"),
        ("/srv/link", {"kind": "file", "target": None}, "file -> link to /srv/data"),
        ("/etc/a.key", {"mode": 0o644}, "root:root 0644 -> root:root 0600"),
        ("/etc/a.key", {"digest": "0" * 64}, "content changes (secret, not shown)"),
    ],
)
def test_each_difference_of_the_others_too(path: str, changes: dict[str, Any], told: str) -> None:
    done = apply(*ALL, now=other(path, **changes))
    assert done.said == [f"{path}: {told}"]
    directory, name = path.rsplit("/", 1)
    beside = {path, f"{directory}/.{name}.coop-new"}
    assert [member.name in beside for member in written(done)] == [True]


def test_what_is_not_there_is_made() -> None:
    done = apply(*ALL, now={})
    assert done.said == [
        "/etc/a.conf: absent -> file root:root 0644, 2 lines",
        "/etc/a.key: absent -> file root:root 0600 (secret, not shown)",
        "/srv/data: absent -> directory vision:www-data 2750",
        "/srv/link: absent -> link to /srv/data",
    ]
    shown = apply(*ALL, now={}, diff=True, executing=False).said
    text = ["--- /dev/null", "+++ /etc/a.conf", "@@ -0,0 +1,2 @@", "+one", "+two"]
    assert shown == [done.said[0], *text, *done.said[1:]]
    assert [(it.name, it.mode, it.uname, it.gname) for it in written(done)] == [
        ("/etc/.a.conf.coop-new", 0o644, "root", "root"),
        ("/etc/.a.key.coop-new", 0o600, "root", "root"),
        ("/srv/data", 0o2750, "vision", "www-data"),
        ("/srv/.link.coop-new", 0o644, "root", "root"),
    ]


def test_what_must_not_be_there_is_removed() -> None:
    there = {"/etc/default.conf": PathState("link", 0o777, "root", "root", target="/nowhere")}
    done = apply(*ALL, now={**AS_WANTED, **there})
    assert done.said == ["/etc/default.conf: present -> absent"]
    assert done.commands[0].get_raw_value().endswith("; gone /etc/default.conf")
    assert written(done) == []


def test_a_secret_is_on_standard_input_alone() -> None:
    done = apply(*ALL, now=other("/etc/a.key", digest="0" * 64), diff=True)
    (command,) = done.commands
    stdin = command.connector_arguments["_stdin"]
    for shown in (*done.said, *done.warned, str(command), command.get_raw_value(), repr(command)):
        assert "hunter2" not in shown
        assert stdin not in shown
    assert b"hunter2" in base64.b64decode(stdin)


@pytest.mark.parametrize("entry", [CONF, LINK, GONE])
def test_a_directory_is_never_replaced(entry: Entry) -> None:
    now = {**AS_WANTED, entry.path: PathState("directory", 0o755, "root", "root")}
    done = apply(*ALL, now=now)
    assert done.failure == (
        f"something else stands at {entry.path} (a directory): move it away and run again; "
        "nothing was changed"
    )
    assert files.pending == {}


@pytest.mark.parametrize("kind", ["file", "link", "other"])
def test_nothing_is_replaced_by_a_directory(kind: str) -> None:
    done = apply(*ALL, now=other("/srv/data", kind=kind))
    assert len(done.commands) == 1
    assert f"/srv/data (a {kind})" in done.failure


def test_a_dry_run_says_that_it_would_fail() -> None:
    done = apply(DATA, now=other("/srv/data", kind="file"), executing=False)
    assert [text.split(" stands")[0] for text in done.warned] == ["will fail: something else"]


def test_what_stands_there_twice_is_one_and_two_things_at_one_path_are_refused() -> None:
    one = File("/etc/a", "one\n")
    assert [it.name for it in written(apply(one, one))] == [it.name for it in written(apply(one))]
    with pytest.raises(ValueError, match="/etc/a cannot be two things"):
        apply(one, File("/etc/a", "other\n"))
