import os
from pathlib import Path

from facts.files import PathState
from facts.secret_trees import SecretTree
from tests.unit.gocryptfs_harness import digest
from tests.unit.host_here import ask


def test_a_directory_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert ask(SecretTree, str(tmp_path / "none")) == {}


def test_files_are_known_by_their_digest(tmp_path: Path) -> None:
    tree = tmp_path / "the keys"
    (tree / "prod1/deeper").mkdir(parents=True)
    tree.chmod(0o700)
    key = tree / "prod1/masterkey"
    key.write_text("secret\n")
    key.chmod(0o600)
    (tree / "prod1/deeper/no").touch()
    (tree / "link").symlink_to(key)
    found = ask(SecretTree, str(tree))
    assert found.keys() == {
        str(tree / it) for it in ("", "prod1", "prod1/masterkey", "prod1/deeper", "link")
    }
    owner, group = key.owner(), key.group()
    assert found[str(key)] == PathState("file", 0o600, owner, group, digest=digest("secret"))
    assert found[str(tree)] == PathState("directory", 0o700, owner, group)
    assert found[str(tree / "link")].kind == "link"
    assert found[str(tree / "link")].digest is None


def test_an_empty_file_has_a_digest(tmp_path: Path) -> None:
    (tmp_path / "masterkey").touch()
    os.mkfifo(tmp_path / "fifo")
    found = ask(SecretTree, str(tmp_path))
    assert len(str(found[str(tmp_path / "masterkey")].digest)) == 64
    assert found[str(tmp_path / "fifo")].kind == "other"
