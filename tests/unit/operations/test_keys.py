"""A host makes its own key once, and hands over the public half alone."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import chown, rmtree
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import StringCommand

from operations import keys
from operations.keys import Pair
from tests.unit.host_here import answer, perform, sh
from tests.unit.operation_harness import Run, Shell, run


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    make = 'printf "%s\\n" "made by $(id -un)" > "$new"'
    return Pair(str(tmp_path / "keys/own.key"), make, 'sed "s/made/public/" "$file"')


ME = sh("id -un").stdout.strip()


def make_key(pair: Pair, stored: list[str], **known: str) -> Run:
    return run(keys.own, pair, known, stored.append, facts={})


class Connection:
    """Stands in for pyinfra's host, for a command that is a Python function."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def log_styled(self, text: str, **options: Any) -> None:
        self.said.append(text)

    def run_shell_command(self, command: StringCommand, **options: Any) -> Any:
        assert options == {"_sudo": True}
        return answer(perform(command))


def test_a_host_whose_key_is_stored_is_asked_nothing(pair: Pair) -> None:
    done = make_key(pair, [], storage1="its key")
    assert (done.commands, done.asked, done.noops) == ([], [], ["its public key is stored"])


def test_a_host_without_a_key_makes_one_and_gives_its_public_half(pair: Pair) -> None:
    stored: list[str] = []
    make, store = make_key(pair, stored).commands
    assert stored == []
    assert perform(make).returncode == 0
    file = Path(pair.file)
    assert file.read_text() == f"made by {ME}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert list(file.parent.iterdir()) == [file]
    assert store.execute(SimpleNamespace(), Connection(), {}) is True
    assert stored == [f"public by {ME}"]


def test_a_key_that_is_there_is_kept_and_stored(pair: Pair) -> None:
    file = Path(pair.file)
    file.parent.mkdir()
    file.write_text("made long ago\n")
    stored: list[str] = []
    make, store = make_key(pair, stored).commands
    assert perform(make).returncode == 0
    assert file.read_text() == "made long ago\n"
    store.execute(SimpleNamespace(), Connection(), {})
    assert stored == ["public long ago"]


def test_two_runs_at_once_make_one_key_and_store_the_same(pair: Pair) -> None:
    slow = 'echo "$$" > "$new.wip"; sleep 0.5; mv "$new.wip" "$new"'
    script = Pair(pair.file, slow, 'cat "$file"')
    (make, _), (other, _) = (make_key(script, []).commands for _ in range(2))
    seen: list[str] = []

    def perform_and_see(command: Any) -> None:
        assert perform(command).returncode == 0
        seen.append(Path(pair.file).read_text())

    with ThreadPoolExecutor() as pool:
        list(pool.map(perform_and_see, (make, other)))
    assert len(set(seen)) == 1 and Path(pair.file).read_text() == seen[0]


def test_what_was_cut_off_is_made_anew(pair: Pair) -> None:
    file = Path(pair.file)
    file.parent.mkdir()
    file.touch()
    file.with_suffix(".key.new").write_text("half a")
    make, _ = make_key(pair, []).commands
    assert perform(make).returncode == 0
    assert file.read_text() == f"made by {ME}\n"


def test_a_key_file_that_holds_none_fails_the_host_and_is_left(pair: Pair) -> None:
    file = Path(pair.file)
    file.parent.mkdir()
    file.write_text("damaged")
    stored: list[str] = []
    make, store = run(
        keys.own, Pair(pair.file, pair.make, "exit 1"), {}, stored.append, facts={}
    ).commands
    assert perform(make).returncode == 0
    connection = Connection()
    assert store.execute(SimpleNamespace(), connection, {}) is False
    assert "holds no private key" in connection.said[0]
    assert (file.read_text(), stored) == ("damaged", [])


def test_a_key_that_is_not_taken_fails_the_host_in_words(pair: Pair) -> None:
    def refuse(key: str) -> None:
        raise ValueError("it is a copy")

    make, store = run(keys.own, pair, {}, refuse, facts={}).commands
    perform(make)
    connection = Connection()
    assert store.execute(SimpleNamespace(), connection, {}) is False
    assert connection.said == ["it is a copy"]


@pytest.fixture
def others() -> Iterator[Pair]:
    """A pair of somebody else than root, in a directory of theirs."""
    home = Path(tempfile.mkdtemp())
    chown(home, "nobody")
    make = 'ssh-keygen -q -t ed25519 -N "" -C "" -f "$new"; rm "$new.pub"'
    yield Pair(f"{home}/id", make, 'ssh-keygen -y -f "$file"', "nobody")
    rmtree(home)


as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root acts in the name of others")


@as_root
def test_an_account_makes_its_key_itself(others: Pair) -> None:
    stored: list[str] = []
    make, store = make_key(others, stored).commands
    assert perform(make).returncode == 0
    file = Path(others.file)
    assert (file.owner(), file.stat().st_mode & 0o777) == ("nobody", 0o600)
    assert list(file.parent.iterdir()) == [file]
    assert store.execute(SimpleNamespace(), Connection(), {}) is True
    assert stored[0].startswith("ssh-ed25519 AAAA")


@as_root
@pytest.mark.parametrize("after", ["ssh-keygen", "sync", "mv"])
def test_an_account_that_puts_a_link_in_the_keys_place_gets_nothing_of_roots(
    others: Pair, tmp_path: Path, after: str
) -> None:
    roots = tmp_path / "roots"
    roots.write_text("root's own\n")
    roots.chmod(0o644)
    home = Path(others.file).parent
    shell = Shell(home)
    for path in (shell.log, shell.programs):
        chown(path, "nobody")
    real = sh(f"command -v {after}").stdout.strip()
    # Whatever runs as the account may be the account's doing.
    swap = f"for it in {others.file}.new {others.file}; do ln -s -f {roots} $it; done"
    shell.stand_in(after, f'{real} "$@"; {swap}')
    make, _ = make_key(others, []).commands
    perform(make, shell)
    assert any(it.startswith(after) for it in shell.calls)
    assert (roots.read_text(), roots.owner()) == ("root's own\n", "root")
    assert roots.stat().st_mode & 0o777 == 0o644


@as_root
def test_a_public_half_is_read_with_its_owners_powers(others: Pair, tmp_path: Path) -> None:
    roots = tmp_path / "roots"
    sh(f'ssh-keygen -q -t ed25519 -N "" -C "" -f {roots}')
    Path(others.file).symlink_to(roots)
    stored: list[str] = []
    _, store = make_key(others, stored).commands
    assert store.execute(SimpleNamespace(), Connection(), {}) is False
    assert stored == []
