"""Somebody who owns a directory leads nothing that root writes, or removes, to another place."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import chown, rmtree
from signal import SIGKILL

import pytest

from facts.files import Paths, PathState
from facts.git import Checkouts
from facts.mounts import Mountpoints
from operations.files import Absent, Directory, Entry, File, Link, present
from operations.git import WorkTree, checkouts
from operations.mounts import sealed
from operations.parties import GONE, in_name_of
from tests.unit.host_here import Done, ask, perform, sh
from tests.unit.operation_harness import Shell, run

# Whoever is not root has no powers to lose.
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root acts in the name of others")

OTHER, GROUP = "nobody", sh("id -gn nobody").stdout.strip()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody gets to: pytest's own are closed to others."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    rmtree(made)


@pytest.fixture
def home(place: Path) -> Path:
    """A directory of the other's."""
    return theirs(place / "home")


@pytest.fixture
def roots(place: Path) -> Path:
    """A directory of root's, with a file."""
    made = place / "roots"
    made.mkdir()
    (made / "config").write_text("root's own\n")
    return made


def theirs(path: Path) -> Path:
    path.mkdir(parents=True)
    chown(path, OTHER, GROUP)
    return path


def swapping(place: Path, program: str, path: Path, target: Path) -> Shell:
    """A shell in which the other swaps the path for a link right before the program works."""
    theirs(place / "shell")
    shell = Shell(place / "shell")
    shell.log.chmod(0o666)
    real = sh(f"command -v {program}").stdout.strip()
    swap = f"/bin/mv -T {path} {path}.aside && ln -s {target} {path}"
    as_other = f"setpriv --reuid {OTHER} --regid {GROUP} --clear-groups sh -c '{swap}'"
    # Whoever is the other already has no powers to become the other.
    body = f'[ -L {path} ] || if [ "$(id -u)" = 0 ]; then {as_other}; else {swap}; fi'
    shell.stand_in(program, f'{body}\nexec {real} "$@"')
    return shell


def converge(*entries: Entry, by: str = "root", shell: Shell | None = None) -> Done:
    now = ask(Paths, [entry.path for entry in entries])
    (command,) = run(present, entries, by=by, facts={Paths: now}).commands
    return perform(command, shell)


def of_other(path: Path, content: str = "new\n") -> File:
    return File(str(path), content, owner=OTHER, group=GROUP)


def test_what_is_written_in_the_name_of_an_account_is_the_accounts(home: Path) -> None:
    file, inside = home / "a/b/file", home / "inside"
    wanted: list[Entry] = [Directory(str(inside), 0o750, OTHER, GROUP), of_other(file)]
    assert converge(*wanted, by=OTHER).returncode == 0
    assert (file.owner(), file.group(), file.read_text()) == (OTHER, GROUP, "new\n")
    assert (inside.owner(), file.parent.owner()) == (OTHER, OTHER)
    now = ask(Paths, [entry.path for entry in wanted])
    assert run(present, wanted, by=OTHER, facts={Paths: now}).commands == []


@pytest.mark.parametrize("program", ["tar", "sync", "mv"])
def test_a_link_that_comes_after_the_look_leads_to_nothing_of_roots(
    place: Path, home: Path, roots: Path, program: str
) -> None:
    uploads = theirs(home / "uploads")
    wanted = of_other(uploads / "config", "the other's\n")
    shell = swapping(place, program, uploads, roots)
    assert converge(wanted, by=OTHER, shell=shell).returncode != 0
    assert shell.calls
    assert uploads.is_symlink()
    assert {it.name: it.read_text() for it in roots.iterdir()} == {"config": "root's own\n"}
    assert (roots / "config").owner() == "root"


@pytest.mark.parametrize("entry", ["file", "directory", "link"])
def test_root_writes_nothing_below_a_directory_of_somebody_else(
    place: Path, home: Path, roots: Path, entry: str
) -> None:
    (home / ".ssh").symlink_to(roots)
    path = f"{home}/.ssh/config"
    wanted: dict[str, Entry] = {
        "file": File(path, "new\n"),
        "directory": Directory(f"{path}.d"),
        "link": Link(path, "elsewhere"),
    }
    done = converge(wanted[entry])
    assert (done.returncode, done.stderr) == (
        1,
        f"{home}: others than root can change what is in there, so root writes nothing below: "
        "chown root, and chmod go-w\n",
    )
    assert [it.read_text() for it in roots.iterdir()] == ["root's own\n"]


@pytest.mark.parametrize(("mode", "group"), [(0o777, "root"), (0o775, "games")])
def test_nor_below_one_of_its_own_that_others_write_to(place: Path, mode: int, group: str) -> None:
    shared = place / "shared"
    shared.mkdir()
    chown(shared, "root", group)
    shared.chmod(mode)
    assert "others than root" in converge(File(f"{shared}/file", "")).stderr
    assert list(shared.iterdir()) == []


def test_an_account_that_owns_a_directory_may_own_what_root_makes_beside_it(place: Path) -> None:
    home = place / "made"
    assert converge(Directory(str(home), 0o700, OTHER, GROUP)).returncode == 0
    assert home.owner() == OTHER


def test_an_account_gives_nothing_away() -> None:
    with pytest.raises(ValueError, match="nobody cannot give away /srv/a"):
        run(present, [File("/srv/a", ""), of_other(Path("/srv/b"))], by=OTHER, facts={Paths: {}})


def test_an_account_has_no_group_and_no_power_of_roots() -> None:
    # Bounding capabilities do not count: nothing here becomes more than it is.
    looked = "id -Gn; grep -E '^(CapPrm|CapEff|CapInh|CapAmb|NoNewPrivs)' /proc/self/status"
    groups, *powers = sh(in_name_of(OTHER, looked)).stdout.splitlines()
    assert groups == GROUP
    assert {line.split()[1].strip("0") for line in powers} == {"", "1"}


def absent(path: Path, shell: Shell | None = None) -> Done:
    """Removes the path, which the look before has seen as a file."""
    there = {str(path): PathState("file", 0o644, "root", "root", content=b"")}
    (command,) = run(present, [Absent(str(path))], facts={Paths: there}).commands
    return perform(command, shell)


def test_roots_own_file_in_a_home_goes(home: Path) -> None:
    file = home / ".ssh/config"
    file.parent.mkdir()
    file.write_text("root made this\n")
    assert absent(file).returncode == 0
    assert list(file.parent.iterdir()) == []


def test_it_goes_also_where_the_homes_are_elsewhere_by_a_link_of_roots(place: Path) -> None:
    theirs(place / "disk/home")
    (place / "disk/home/file").touch()
    (place / "homes").symlink_to("disk")
    assert absent(place / "homes/home/file").returncode == 0
    assert list((place / "disk/home").iterdir()) == []


def test_what_is_not_there_need_not_go(place: Path, home: Path) -> None:
    for path in (home / "no/file", home / "file", place / "no/file"):
        assert (absent(path).returncode, absent(path).stderr) == (0, "")


@pytest.mark.parametrize("program", ["find", "readlink", "realpath", "rm"])
def test_a_link_that_comes_meanwhile_takes_nothing_away(
    place: Path, home: Path, roots: Path, program: str
) -> None:
    directory = theirs(home / ".ssh")
    (directory / "config").touch()
    shell = swapping(place, program, directory, roots)
    absent(directory / "config", shell)
    assert shell.calls
    assert (roots / "config").read_text() == "root's own\n"


def test_a_link_that_is_there_is_told(home: Path, roots: Path) -> None:
    (home / ".ssh").symlink_to(roots)
    done = absent(home / ".ssh/config")
    assert done.returncode != 0
    assert done.stderr == (
        f"{home}/.ssh: a link of somebody else leads there; see who made it, and remove it\n"
    )
    assert (roots / "config").exists()


def test_a_failure_among_others_is_still_one(home: Path, roots: Path) -> None:
    """In a list with || the shell's `set -e` has no effect."""
    (home / ".ssh").symlink_to(roots)
    script = f"set -e\n{GONE}\nfailed=; {{ gone {home}/.ssh/config; }} || failed=yes; echo $failed"
    assert sh(script).stdout == "yes\n"
    assert (roots / "config").exists()


def test_the_race_is_lost_by_whoever_only_races(place: Path, home: Path, roots: Path) -> None:
    """The other swaps all the time, and no stand-in helps."""
    uploads = theirs(home / "uploads")
    swap = f"cd {home}; while :; do mv -T uploads x; ln -s {roots} uploads; rm uploads; "
    racer = subprocess.Popen(
        ["sh", "-c", in_name_of(OTHER, f"set +e; {swap} mv -T x uploads; done")],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(5):
            now = {str(uploads): PathState("directory", 0o755, OTHER, GROUP)}
            entries = [of_other(uploads / "config", "the other's\n")]
            (command,) = run(present, entries, by=OTHER, facts={Paths: now}).commands
            perform(command)
            absent(uploads / "config")
    finally:
        os.killpg(racer.pid, SIGKILL)
        racer.wait()
    assert {it.name: it.read_text() for it in roots.iterdir()} == {"config": "root's own\n"}


def test_root_checks_out_no_pages_where_others_may_move_them(home: Path) -> None:
    tree = WorkTree(f"{home}/board", "https://git.example.org/board.git", "0" * 40)
    (command,) = run(checkouts, [tree], facts={Checkouts: {}}).commands
    assert f"{home}: others than root" in perform(command).stderr
    assert list(home.iterdir()) == []


def test_root_seals_no_mountpoint_where_others_may_move_it(home: Path) -> None:
    (command,) = run(sealed, {f"{home}/storage": "nfs4"}, facts={Mountpoints: {}}).commands
    assert f"{home}: others than root" in perform(command).stderr
    assert list(home.iterdir()) == []
