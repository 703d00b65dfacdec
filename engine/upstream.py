"""Two functions of pyinfra, made quicker. They stay here until pyinfra has them itself.

pyinfra calls both functions for each operation on each host, and the second also for each fact.
"""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import import_module
from types import FrameType
from typing import Any

import pyinfra
from pyinfra.api.arguments import all_global_arguments
from pyinfra.api.util import PYINFRA_INSTALL_DIR


def operation_order(state: Any) -> list[int]:
    """As pyinfra.api.util.get_operation_order_from_stack: the lines that lead to an operation.

    The change for pyinfra: take the frames by f_back. inspect.stack() looks for the source of each
    frame on disk, while the frame itself has the file name and the line number.
    """
    frames: list[tuple[str, int]] = []
    frame: FrameType | None = sys._getframe(1)
    while frame:
        frames.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    frames.reverse()
    if state.current_deploy_filename:
        files = [file for file, _ in frames] + [state.current_deploy_filename]
        frames = frames[files.index(state.current_deploy_filename) :]
    lines = [line for file, line in frames if not file.startswith(PYINFRA_INSTALL_DIR)]
    return [state.current_op_file_number, *lines] if pyinfra.is_cli else lines


@dataclass(frozen=True)
class Replacement:
    """A function of pyinfra, and what takes its place.

    name: of the function, in each of `modules`, which call it
    digest: SHA-256 of the function's source in pyinfra 3.10.0
    made: what takes its place
    """

    name: str
    modules: tuple[str, ...]
    digest: str
    made: Callable[..., Any]

    def apply(self) -> bool:
        """Puts `made` in its places; False if pyinfra has another function there, which stays."""
        modules = [import_module(module) for module in self.modules]
        source = inspect.getsource(getattr(modules[0], self.name))
        if sha256(source.encode()).hexdigest() != self.digest:
            return False
        for module in modules:
            setattr(module, self.name, self.made)
        return True


REPLACEMENTS = (
    Replacement(
        "get_operation_order_from_stack",
        ("pyinfra.api.operation",),
        "f4807f61585570e091fd453c7552d9e2b49329555f07f395a8e8f1d2a398a0b2",
        operation_order,
    ),
    # The change for pyinfra: functools.cache as the function's decorator. Each call evaluates the
    # types of a class anew, and the class never changes.
    Replacement(
        "all_global_arguments",
        ("pyinfra.api.arguments", "pyinfra.api.facts"),
        "f7afbc472d78c5d2f0bb282994175647651e888543da001968d903cc4a26a5a1",
        cache(all_global_arguments),
    ),
)


def apply() -> None:
    """Puts all replacements in their places, before a run.

    Where pyinfra has another function, as in another version, that function stays. Then a run is
    slower, but as correct. A test fails, so that whoever changes the version looks here.
    """
    for replacement in REPLACEMENTS:
        replacement.apply()
