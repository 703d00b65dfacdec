import os
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

import facts.nfs
from facts.nfs import Exports, ExportsState, Mount, Mounts
from tests.unit.operation_harness import Shell

DEFAULTS = "wdelay,hide,nocrossmnt"
FILE = b"## hand-written, donn\xe9es\n\n/tank/www\t10.78.0.22(rw)\n"
OUTPUT = f"""\
##live
/tank/my\\040files\t10.78.0.21(rw,sync,{DEFAULTS},secure,sec=krb5,rw,sec=sys,ro,root_squash)
/tank/www   fd00::22(ro,sync)
/tank/www\t*.example.org(ro,sync)
##file
{b64encode(FILE).decode()}
##others
/etc/exports.d/old things.exports
##clients
address: "10.78.0.21:803"
address: "[fd00::22]:1011"
address: "[::ffff:10.78.0.23]:700"
address: "[fe80::1%eth0]:700"
"""


def read(text: str) -> ExportsState:
    return Exports().parse(text.splitlines())


def test_what_is_in_force_keeps_the_order_of_its_options() -> None:
    live = read(OUTPUT).live
    assert list(live) == [
        ("/tank/my files", "10.78.0.21"),
        ("/tank/www", "fd00::22"),
        ("/tank/www", "*.example.org"),
    ]
    options = f"rw,sync,{DEFAULTS},secure,sec=krb5,rw,sec=sys,ro,root_squash"
    assert live["/tank/my files", "10.78.0.21"] == tuple(options.split(","))


def test_the_files() -> None:
    seen = read(OUTPUT)
    # A part that is not UTF-8 does not lose the rest.
    assert seen.file == FILE.decode(errors="replace")
    assert seen.others == ("/etc/exports.d/old things.exports",)


def test_clients_with_state() -> None:
    assert read(OUTPUT).clients == {"10.78.0.21", "fd00::22", "10.78.0.23", "fe80::1"}


def test_a_client_that_is_not_confirmed_may_be_anybody() -> None:
    told = [
        *('address: "192.0.2.99:790"', "status: unconfirmed"),
        *('address: "10.66.0.22:812"', "status: confirmed"),
        *('address: "10.66.0.23:812"', "status: courtesy"),
        # This kernel tells no status.
        *('address: "10.66.0.24:812"', 'address: "10.66.0.25:812"'),
    ]
    clients = read("\n".join(["##clients", *told])).clients
    assert clients == {"10.66.0.22", "10.66.0.23", "10.66.0.24", "10.66.0.25"}


def test_a_path_may_have_other_spaces_and_options_may_have_brackets() -> None:
    live = read("##live\n/srv/共有\u3000資料\t192.0.2.12(rw,refer=/a(b)@x)\n").live
    assert live == {("/srv/共有\u3000資料", "192.0.2.12"): ("rw", "refer=/a(b)@x")}
    live = read("##live\n/srv/\\303\\251\\0401\t192.0.2.12(rw)\n").live
    assert list(live) == [("/srv/é 1", "192.0.2.12")]


def test_an_empty_file_is_a_file() -> None:
    assert read("##live\n##file\n\n##others\n##clients") == ExportsState(file="")
    assert read("##live\n##others\n##clients") == ExportsState()
    assert Exports().parse([]) == Exports.default() == ExportsState()
    assert read("##live\nnonsense\n\n(\n##clients\naddress: ?") == ExportsState()


def test_the_command_reads_a_file_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exports").write_text("# one\n/tank *(ro)")
    (tmp_path / "exports.d").mkdir()
    for name in ("a b.exports", ".hidden.exports", "c.exports.disabled"):
        (tmp_path / "exports.d" / name).touch()
    monkeypatch.setattr(facts.nfs, "EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setattr(facts.nfs, "EXPORTS_DIRECTORY", str(tmp_path / "exports.d"))
    seen = read(output_of(Exports().command()))
    assert seen.file == "# one\n/tank *(ro)"
    assert seen.others == (str(tmp_path / "exports.d" / "a b.exports"),)


def output_of(command: str) -> str:
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return result.stdout


FILES = "/media/my\\040files"
NFS = f"95 60 0:52 / {FILES} rw,noatime shared:31 - nfs4 10.78.0.11:/a\\040b rw,vers=4.2"
AUTOFS = f"60 25 0:40 / {FILES} rw,relatime shared:30 - autofs systemd-1 rw,fd=52"


def test_a_mount() -> None:
    output = [f"/media/my\\040files\t{NFS}\tyes"]
    mount = Mount("nfs4", "10.78.0.11:/a b", ("rw", "noatime", "vers=4.2"), True)
    assert Mounts().parse(output) == {"/media/my files": mount}


def test_a_mount_is_read_only_if_either_side_says_so() -> None:
    for line in (NFS.replace("rw,noatime", "ro,noatime"), NFS.replace("rw,vers", "ro,vers")):
        mount = Mounts().parse([f"/x\t{line}\t"])["/x"]
        assert mount is not None
        assert mount.options == ("ro", "noatime", "vers=4.2")
        assert not mount.answers


def test_an_automount_that_waits_and_nothing_and_noise_are_no_mount() -> None:
    output = [f"/a\t{AUTOFS}\t", "/b\t\t", "/c\tnonsense - x\tyes", "noise", ""]
    assert Mounts().parse(output) == {"/a": None, "/b": None, "/c": None}
    assert Mounts().parse([]) == Mounts.default() == {}


def mounts(shell: Shell, table: Path, *paths: str) -> dict[str, Mount | None]:
    command = Mounts().command(paths).replace("/proc/self/mountinfo", str(table))
    result = shell.run(command)
    assert (result.returncode, result.stderr) == (0, "")
    return Mounts().parse(result.stdout.splitlines())


def test_the_last_mount_on_a_path_is_the_one_on_top(tmp_path: Path) -> None:
    shell, table = Shell(tmp_path), tmp_path / "mountinfo"
    shell.stand_in("stat")
    table.write_text(f"{AUTOFS}\n{NFS}\n{NFS.replace('/media/my', '/media/my/deeper')}\n")
    found = mounts(shell, table, "/media/my files", "/media")
    assert found["/media"] is None
    assert found["/media/my files"] == Mount(
        "nfs4", "10.78.0.11:/a b", ("rw", "noatime", "vers=4.2"), True
    )


def test_an_automount_is_not_triggered(tmp_path: Path) -> None:
    shell, table = Shell(tmp_path), tmp_path / "mountinfo"
    shell.stand_in("stat")
    table.write_text(f"{AUTOFS}\n")
    assert mounts(shell, table, "/media/my files") == {"/media/my files": None}
    assert shell.calls == []


def test_hanging_and_dead_mounts_do_not_answer_and_do_not_hang_the_fact(tmp_path: Path) -> None:
    shell, table = Shell(tmp_path), tmp_path / "mountinfo"
    # Like a process that waits for an NFS server: only SIGKILL ends it.
    shell.stand_in("stat", 'case "$*" in *dead*) exit 1 ;; esac\ntrap "" TERM\nexec sleep 60')
    shell.stand_in("timeout", f'shift 3\nexec {which("timeout")} -s KILL 0.3 "$@"')
    paths = ["/hangs/1", "/hangs/2", "/dead"]
    table.write_text("".join(f"{NFS.replace(FILES, path)}\n" for path in paths))
    found = mounts(shell, table, *paths)
    assert [mount.answers for mount in found.values() if mount] == [False, False, False]
    assert [call for call in shell.calls if "/dead" in call and "timeout" in call] == [
        "timeout -s KILL 5 stat -f -- /dead"
    ]


def which(program: str) -> str:
    found = (Path(part) / program for part in os.environ["PATH"].split(":"))
    return str(next(path for path in found if path.exists()))


def test_the_machine_itself() -> None:
    found = Mounts().parse(output_of(Mounts().command(["/proc", "/nowhere"])).splitlines())
    assert found["/nowhere"] is None
    assert found["/proc"] is not None
    assert (found["/proc"].fstype, found["/proc"].answers) == ("proc", True)
