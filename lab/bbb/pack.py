"""A program of several parts as one file, which a stand-in package installs.

Python runs a zip with a __main__.py under any name, also with -I: zipapp's documentation.
"""

import io
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHEBANG = b"#!/usr/bin/python3 -I\n"
# The oldest that a zip can tell: the same sources make the same bytes.
OLD = (1980, 1, 1, 0, 0, 0)


def program(part: str) -> bytes:
    """The zip of the package lab.bbb.PART, whose __main__.py is the program's."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in _files(part):
            archive.writestr(zipfile.ZipInfo(name, OLD), source.read_bytes())
    return SHEBANG + stream.getvalue()


def _files(part: str) -> list[tuple[str, Path]]:
    home = ROOT / "lab/bbb" / part
    files = [ROOT / "lab/__init__.py", ROOT / "lab/bbb/__init__.py", *sorted(home.glob("*.py"))]
    named = [(str(it.relative_to(ROOT)), it) for it in files]
    return [("__main__.py", home / "__main__.py"), *named]
