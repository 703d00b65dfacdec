"""A program in parts has on a host all that it imports, and nothing stands in two programs."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from fleet import ROOT
from tests.unit.programs.on_host import laid_out

FOLDERS = sorted(
    str(it.parent.relative_to(ROOT / "programs")) for it in (ROOT / "programs").rglob("__main__.py")
)
# The same words in several programs, where each means its own main.
START = "start"
# As __main__.py does, but without a start.
IMPORTS = "import sys; sys.path.insert(0, sys.argv[1]); __import__(sys.argv[2])"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_program_finds_its_parts_and_what_is_shared(tmp_path: Path, folder: str) -> None:
    file = laid_out(tmp_path, folder)
    module = f"programs.{folder.replace('/', '.')}.main"
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", IMPORTS, str(file.parent), module],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_function_stands_in_two_programs() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "programs").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name != START:
                body = [it for it in node.body if not _is_text(it)]
                if body:
                    does = "\n".join(map(ast.unparse, body))
                    places[does].append(f"{path.relative_to(ROOT)}: {node.name}")
    assert [it for it in places.values() if len(it) > 1] == []


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
