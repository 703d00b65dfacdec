"""Where the roles put programs, units, settings and metrics of their own on a host."""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from fleet import ROOT
from operations import files, systemd

PROGRAMS = "/usr/local/lib/coop-infra"
# With nothing but Debian's Python.
PYTHON = "/usr/bin/python3 -I"
# For prometheus-node-exporter, and not where Debian's looks by itself: that is below a directory of
# the account prometheus, which could lead there elsewhere what root writes.
METRICS_DIRECTORY = "/var/lib/coop-infra/metrics"
# Where metrics were written until November 2026. What names it can go once every host has had a run
# since then.
OLD_METRICS_DIRECTORY = "/var/lib/prometheus/node-exporter"


def unit_file(name: str) -> str:
    """name: of a unit, or of a drop-in of one, as in nfs-server.service.d/limits.conf"""
    return f"/etc/systemd/system/{name}"


def timer(name: str) -> systemd.Unit:
    """The timer of that name, without its suffix, whose file is one of this project's."""
    unit = f"{name}.timer"
    return systemd.Unit(unit, restart_on=(unit_file(unit),))


def program(path: str, source: str) -> files.File:
    """A program of programs/, such as offsite/pull.py, as the file `path` of a host."""
    return files.File(path, (ROOT / "programs" / source).read_text(), 0o755)


def program_in_parts(path: str, folder: str) -> list[files.Entry]:
    """A program that is a folder of programs/: its __main__.py as `path`, its parts beside that.

    path: of a file in PROGRAMS, as the parts are found from there

    The parts come first, so that a run that is cut off leaves no program without one of its own.
    """
    programs = ROOT / "programs"
    parts = [
        programs / "__init__.py",
        *sorted(it for it in (programs / folder).glob("*.py") if it.name != "__main__.py"),
    ]
    return [
        files.Directory(f"{PROGRAMS}/programs"),
        files.Directory(f"{PROGRAMS}/programs/{folder}"),
        *(files.File(f"{PROGRAMS}/{it.relative_to(ROOT)}", it.read_text()) for it in parts),
        program(path, f"{folder}/__main__.py"),
    ]


def settings(path: str, values: Mapping[str, Any]) -> files.File:
    """What a program is told about its host: JSON."""
    return files.File(path, json.dumps(values, indent=2) + "\n")


def metrics(file: str) -> list[files.Entry]:
    """What the program needs that writes this file of METRICS_DIRECTORY; the file itself is its."""
    old = f"{OLD_METRICS_DIRECTORY}/{PurePath(file).name}"
    return [
        # Nobody but root puts anything in its place, and everybody gets to it.
        files.Directory(str(PurePath(METRICS_DIRECTORY).parent)),
        files.Directory(METRICS_DIRECTORY),
        files.Absent(old),
        # Of a program that was cut off.
        files.Absent(str(PurePath(old).with_suffix(".new"))),
    ]
