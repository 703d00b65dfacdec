"""A folder says where its code runs, and what it may know."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from fleet import LAB_STATE, ROOT

# What each folder may import, besides itself.
MAY_IMPORT = {
    "fleet": set(),
    "engine": {"pyinfra", "gevent"},
    "facts": {"engine", "pyinfra"},
    "operations": {"engine", "facts", "pyinfra"},
    "controller": {"fleet", "engine", "facts", "operations", "pyinfra", "pyinfra_cli"},
    "roles": {"fleet", "engine", "facts", "operations", "controller", "pyinfra"},
    "lab": {"fleet"},
}
OURS = {*MAY_IMPORT, "programs", "tests", "pyinfra", "pyinfra_cli", "gevent"}

# The shelves of fleet: each may import the shelves before it, and the modules of its own.
SHELVES = [
    {"fleet"},
    {"fleet.reading"},
    {"fleet.values"},
    {
        "fleet.ports",
        "fleet.releases",
        "fleet.bbb",
        "fleet.scalelite",
        "fleet.volume",
        "fleet.backup",
        "fleet.certificate",
        "fleet.maintenance",
    },
    {"fleet.groups"},
    {"fleet.hosts", "fleet.host_keys", "fleet.people", "fleet.oncall"},
    {"fleet.model"},
    {"fleet.derived"},
    {"fleet.secret_kinds"},
    {"fleet.secrets"},
    {"fleet.checks"},
    {"fleet.load"},
]

# The Python of Ubuntu 22.04: https://packages.ubuntu.com/jammy/python3
OLDEST_PYTHON = (3, 10)


def modules(*folders: str) -> dict[str, Path]:
    """The Python files of these folders, by dotted name, but for those on the lab's machines."""
    every = (file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    files = (file for file in every if LAB_STATE not in file.parents)
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }


def imports(file: Path) -> Iterator[str]:
    """Each dotted name that the file imports anywhere."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file}: write the whole name"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def module_of(name: str, known: dict[str, Path]) -> str | None:
    """The module that an imported name is, or is in."""
    if name in known:
        return name
    above = name.rpartition(".")[0]
    return above if above in known else None


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_no_import_goes_up(folder: str) -> None:
    wrong = [
        f"{module} imports {name}"
        for module, file in modules(folder).items()
        for name in imports(file)
        if (top := name.split(".")[0]) in OURS and top not in MAY_IMPORT[folder] | {folder}
    ]
    assert not wrong, "\n".join(wrong)


def test_every_shelf_of_the_fleet_knows_only_those_before_it() -> None:
    known = modules("fleet")

    def shelf(module: str) -> int:
        parts = module.split(".")[:2]
        return next(i for i, names in enumerate(SHELVES) if ".".join(parts) in names)

    wrong = [
        f"{module} imports {other}"
        for module, file in known.items()
        for name in imports(file)
        if (other := module_of(name, known)) and shelf(other) > shelf(module)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_import_goes_in_a_circle() -> None:
    known = modules(*MAY_IMPORT, "programs")
    graph = {
        module: {it for name in imports(file) if (it := module_of(name, known))} - {module}
        for module, file in known.items()
    }
    # Raises CycleError, which names the circle.
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", modules("programs"))
def test_a_program_needs_nothing_but_its_host_s_python(module: str) -> None:
    """make unit lets mypy see that the standard library of OLDEST_PYTHON has all that is used."""
    file = modules("programs")[module]
    ast.parse(file.read_text(), feature_version=OLDEST_PYTHON)
    # The parts of a program come to the host together, and with what is shared, so each may import
    # the others.
    is_part = (file.parent / "__main__.py").exists() or file.parent.name == "shared"
    package = ".".join(file.parent.relative_to(ROOT).parts)
    own = (f"{package}.", "programs.shared.") if is_part else ()
    foreign = {
        name
        for name in imports(file)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith(own)
    }
    assert not foreign, f"{module} imports {', '.join(sorted(foreign))}"


def test_nobody_imports_a_program() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, file in modules(*MAY_IMPORT).items()
        for name in imports(file)
        if name.split(".")[0] == "programs"
    ]
    assert not wrong, "\n".join(wrong)
