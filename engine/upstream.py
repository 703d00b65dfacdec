"""What belongs into pyinfra, and is here until it is there: two of its functions, made quick.

pyinfra calls both for each operation on each host, and the second for each fact as well.
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

    Upstream: the frames by f_back, in place of inspect.stack(). That looks for the source of each
    frame on disk, for a file name and a line number that the frame has.
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

    name: of the function, in each of the modules that call it
    digest: SHA-256 of its source in pyinfra 3.10.0
    """

    name: str
    modules: tuple[str, ...]
    digest: str
    made: Callable[..., Any]

    def apply(self) -> bool:
        """Gives whether pyinfra's function is that which `made` was written for."""
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
    # Upstream: functools.cache as its decorator. The types of a class that stays as it is are
    # evaluated anew each time.
    Replacement(
        "all_global_arguments",
        ("pyinfra.api.arguments", "pyinfra.api.facts"),
        "f7afbc472d78c5d2f0bb282994175647651e888543da001968d903cc4a26a5a1",
        cache(all_global_arguments),
    ),
)


def apply() -> None:
    """Puts all of them in their places, before a run.

    Where pyinfra's own is another, as in another version, it stays: a run is right all the same,
    and slower. A test fails then, so that whoever changes the version looks here.
    """
    for replacement in REPLACEMENTS:
        replacement.apply()
