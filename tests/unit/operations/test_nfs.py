from pathlib import Path
from typing import Any

import pytest

from facts.nfs import Exports, ExportsState
from operations import nfs
from operations.nfs import Export, exports
from tests.unit.operation_harness import Run, Shell, run

LIVE = ("rw", "sync", "wdelay", "hide", "nocrossmnt", "secure", "root_squash", "no_all_squash")
WWW = Export("/tank/www", "10.78.0.21", ("rw", "sync", "no_subtree_check", "mountpoint"))
WWW_LIVE = {("/tank/www", "10.78.0.21"): (*LIVE, "no_subtree_check", "mountpoint", "sec=sys", "rw")}
FILE = f"{nfs.HEADER}\n/tank/www 10.78.0.21(rw,sync,no_subtree_check,mountpoint)\n"
MET = ExportsState(WWW_LIVE, FILE)
OLD = ("/tank/my old", "10.78.0.22")


def apply(seen: ExportsState, *wanted: Export, after: ExportsState = MET, **options: Any) -> Run:
    return run(exports, wanted or [WWW], facts={Exports: [seen, after]}, **options)


def test_nothing_to_do_is_one_question() -> None:
    done = apply(MET)
    assert (done.commands, done.said, done.warned) == ([], [], [])
    assert done.noops == ["1 exports are as wanted"]
    assert len(done.asked) == 1


def test_a_fresh_host_gets_the_file_and_the_table() -> None:
    done = apply(ExportsState())
    assert done.lines[-1] == "exportfs -ra"
    assert done.said == [
        "/etc/exports: absent -> 2 lines",
        "/tank/www: to be exported to 10.78.0.21",
    ]
    assert len(done.asked) == 2


def test_a_dry_run_shows_all_of_the_file() -> None:
    done = apply(ExportsState(), executing=False, diff=True)
    assert done.said == [
        "/etc/exports: absent -> 2 lines",
        "--- /dev/null",
        "+++ /etc/exports",
        "@@ -0,0 +1,2 @@",
        f"+{nfs.HEADER}",
        "+/tank/www 10.78.0.21(rw,sync,no_subtree_check,mountpoint)",
        "/tank/www: to be exported to 10.78.0.21",
    ]


def test_a_table_that_has_lost_an_export_is_read_again() -> None:
    done = apply(ExportsState({}, FILE))
    assert done.lines == ["exportfs -ra"]


@pytest.mark.parametrize("live", [("rw",), (*WWW_LIVE[WWW.key], "no_root_squash")])
def test_options_that_are_not_the_wanted_ones(live: tuple[str, ...]) -> None:
    assert apply(ExportsState({WWW.key: live}, FILE)).lines == ["exportfs -ra"]


def test_spellings_that_mean_the_same_change_nothing() -> None:
    wanted = Export("/tank/www", "10.78.0.21/32", ("rw", "mp", "fsid=root"))
    live = {("/tank/www", "10.78.0.21"): (*LIVE, "mountpoint", "fsid=0")}
    text = f"{nfs.HEADER}\n{wanted.line()}\n"
    assert apply(ExportsState(live, text), wanted).commands == []


def test_an_export_that_is_not_in_force_afterwards_fails_the_host() -> None:
    done = apply(ExportsState(), after=ExportsState({}, FILE))
    assert len(done.commands) == 2
    assert done.failure == f"not in force: {WWW.line()}"


def test_an_undeclared_export_without_a_client_goes() -> None:
    live = {**WWW_LIVE, OLD: LIVE}
    done = apply(ExportsState(live, FILE, clients=frozenset({"10.78.0.21"})))
    assert done.lines == ["exportfs -ra"]
    assert done.said == ["/tank/my old: no longer exported to 10.78.0.22"]
    assert done.warned == []


@pytest.mark.parametrize(
    ("client", "address"),
    [
        ("10.78.0.22", "10.78.0.22"),
        ("10.78.0.0/24", "10.78.0.22"),
        ("fd00::/64", "fd00::22"),
        ("*", "10.78.0.22"),
        ("old.example.org", "10.78.0.99"),
        ("10.78.0.22", "not an address"),
    ],
)
def test_an_undeclared_export_of_a_live_client_stays(client: str, address: str) -> None:
    options = (*LIVE, "crossmnt", "sec=krb5", "rw", "sec=sys", "ro")
    live = {**WWW_LIVE, ("/tank/my old", client): options}
    seen = ExportsState(live, FILE, clients=frozenset({address}))
    done = apply(seen, diff=True)
    line = rf"/tank/my\040old {client}({','.join(options)})"
    assert f"+{line}" in done.said
    assert "no longer exported" not in "".join(done.said)
    assert len(done.warned) == 1
    spelling = f"[{client}]" if ":" in client else client
    assert f"exportfs -u '{spelling}:/tank/my old'" in done.warned[0]

    again = apply(ExportsState(live, f"{FILE}{nfs.KEPT}\n{line}\n", clients=seen.clients))
    assert again.commands == []


@pytest.mark.parametrize("client", ["10.78.0.0/24", "*", "*.example.org"])
def test_who_has_an_export_of_its_own_keeps_none_to_everybody(client: str) -> None:
    live = {**WWW_LIVE, ("/tank/www", client): (*LIVE, "no_root_squash")}
    done = apply(ExportsState(live, FILE, clients=frozenset({"10.78.0.21"})))
    assert f"/tank/www: no longer exported to {client}" in done.said
    kept = apply(ExportsState(live, FILE, clients=frozenset({"10.78.0.21", "10.78.0.99"})))
    assert len(kept.warned) == 1


@pytest.mark.parametrize(
    ("client", "address"), [("10.78.0.22", "10.78.0.2"), ("fd00::1", "10.0.0.1")]
)
def test_another_clients_state_keeps_nothing(client: str, address: str) -> None:
    live = {**WWW_LIVE, ("/tank/old", client): LIVE}
    assert apply(ExportsState(live, FILE, clients=frozenset({address}))).warned == []


def test_two_exports_of_one_directory_to_one_client() -> None:
    done = apply(MET, WWW, Export("/tank/www", "10.78.0.21/32", ("ro",)))
    assert done.failure == "declared twice: /tank/www to 10.78.0.21"


@pytest.mark.parametrize(
    ("path", "client", "option"),
    [
        ("tank", "10.0.0.1", "rw"),
        ("/tank\n/etc", "10.0.0.1", "rw"),
        ("/tank/", "10.0.0.1", "rw"),
        ("/tank", "", "rw"),
        ("/tank", "10.0.0.1 *", "rw"),
        ("/tank", "10.0.0.1(rw)", "rw"),
        ("/tank", "10.0.0.1", "rw,crossmnt"),
        ("/tank", "10.0.0.1", "crossmnt"),
        ("/tank", "10.0.0.1", "nohide"),
        ("/tank", "10.0.0.1", ""),
    ],
)
def test_what_would_export_something_else_is_refused(path: str, client: str, option: str) -> None:
    with pytest.raises(ValueError, match="tank"):
        Export(path, client, (option,))


def test_an_unusual_path_is_written_in_octal() -> None:
    assert Export('/a b/"c#d\\', "*", ("ro",)).line() == r"/a\040b/\042c\043d\134 *(ro)"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "etc").mkdir()
    monkeypatch.setattr(nfs, "EXPORTS", str(tmp_path / "etc" / "exports"))
    return tmp_path / "etc"


def test_the_file_is_replaced_in_one_step(tmp_path: Path, etc: Path) -> None:
    (etc / "exports").write_text("old\n")
    shell = Shell(tmp_path)
    shell.stand_in("exportfs", f"cat {etc}/exports >{etc}/read")
    assert shell.run(apply(ExportsState(file="old\n")).script).returncode == 0
    assert shell.calls == ["exportfs -ra"]
    assert (etc / "read").read_text() == (etc / "exports").read_text() == FILE
    assert (etc / "exports").stat().st_mode & 0o777 == 0o644
    assert sorted(file.name for file in etc.iterdir()) == ["exports", "read"]


def test_a_write_that_fails_leaves_the_old_file_and_the_table(tmp_path: Path, etc: Path) -> None:
    (etc / "exports").write_text("old\n")
    shell = Shell(tmp_path)
    shell.stand_in("exportfs")
    shell.stand_in("sync", "exit 1")
    assert shell.run(apply(ExportsState(file="old\n")).script).returncode == 1
    assert (etc / "exports").read_text() == "old\n"
    assert "exportfs -ra" not in shell.calls


def test_other_files_are_moved_and_none_is_lost(tmp_path: Path, etc: Path) -> None:
    other = etc / "my old.exports"
    other.write_text("new\n")
    (etc / "my old.exports.disabled").write_text("earlier\n")
    shell = Shell(tmp_path)
    shell.stand_in("exportfs")
    done = apply(ExportsState(WWW_LIVE, FILE, (str(other),)))
    assert done.said == [f"{other}: to be renamed to {other}.disabled"]
    assert shell.run(done.script).returncode == 0
    contents = {file.name: file.read_text() for file in etc.iterdir()}
    assert contents == {
        "my old.exports.disabled": "new\n",
        "my old.exports.disabled.~1~": "earlier\n",
    }


def test_an_exportfs_that_fails_fails_the_host(tmp_path: Path, etc: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("exportfs", "exit 1")
    assert shell.run(apply(ExportsState()).script).returncode == 1
