"""What programs keep on a host is there whole or not at all, also after a reset of the machine."""

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet import ROOT
from programs.certificate import bundle
from programs.drill import record
from programs.offsite.manifest import write as manifest
from programs.offsite.pull import main as pull
from programs.offsite.status import main as status
from programs.shared import whole

# A directory; a file that was whole before; and files of which a part does no harm: the name of a
# boot, room to spare, a page that shows for a moment whether anybody sees it, and a file that was
# there before and gets another name.
HARMLESS = {"_begin", "_forget_cache", "_keep_room", "_reload", "reachable", "rename"}
WHOLE = {"fsync", "put", "replace"}


def positional(call: ast.Call) -> int:
    """How many arguments the call has; -1 if some are by keyword."""
    return -1 if call.keywords else len(call.args)


def functions() -> Iterator[tuple[str, dict[str, int]]]:
    """Each function of a program, and what it calls: the name, and with how many arguments."""
    for path in sorted((ROOT / "programs").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                calls = [it for it in ast.walk(node) if isinstance(it, ast.Call)]
                names = {ast.unparse(it.func).rpartition(".")[2]: positional(it) for it in calls}
                yield f"{path.name}: {node.name}", names


def test_no_file_takes_its_place_before_its_content_is_on_the_disk() -> None:
    for name, calls in functions():
        if name.rpartition(" ")[2] in HARMLESS:
            continue
        # With one argument it is a path's, and not a text's.
        if calls.get("replace") == 1 or calls.get("rename") == 1:
            assert "fsync" in calls, name
        if {"write_text", "write_bytes"} & calls.keys():
            assert WHOLE & calls.keys(), name


Write = Callable[[Path], Any]
WRITES: dict[str, Write] = {
    "drill": lambda file: record.keep(file, {}),
    "manifest": lambda file: manifest._keep(file, {"created": 1}, {}),
    "pull": lambda file: pull.note(file, {"a": 1}),
    "status": lambda file: status.__dict__["replace"](file, "a"),
    "shared": lambda file: whole.replace(file, "a"),
    "certificate": lambda file: bundle.put(file, "a", 0o600),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_reset_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    file = tmp_path / "kept.json"
    file.write_text("old")
    on_disk: list[str] = []

    def fsync(descriptor: int) -> None:
        assert file.read_text() == "old"
        on_disk.append(Path(f"/proc/self/fd/{descriptor}").read_text())

    monkeypatch.setattr(os, "fsync", fsync)
    write(file)
    assert on_disk == [file.read_text()] and on_disk != ["old"]
    assert [it.name for it in tmp_path.iterdir()] == ["kept.json"]
