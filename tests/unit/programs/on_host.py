"""Programs in parts, as they lie on a host."""

from pathlib import Path

from operations.files import File
from roles.places import PROGRAMS, program_in_parts


def laid_out(root: Path, folder: str) -> Path:
    """Put the program of that folder of programs/ where a host has it, below root; its file."""
    path = f"{PROGRAMS}/{folder.replace('/', '-')}"
    for it in program_in_parts(path, folder):
        if isinstance(it, File):
            file = root / it.path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(it.content)
    return root / path.lstrip("/")
