"""Where the roles put their own programs, units, settings and metrics on a host."""

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from fleet import ROOT
from operations import files, systemd

PROGRAMS = "/usr/local/lib/coop-infra"
# The folder of programs/ whose parts come with each program that is a folder.
SHARED = "shared"
# -I: Debian's Python alone, without modules of users or beside the program: python(1).
PYTHON = "/usr/bin/python3 -I"
# prometheus-node-exporter reads this directory if it is started so. Debian's default lies below a
# directory of the account prometheus, and that account could lead what root writes elsewhere.
METRICS_DIRECTORY = "/var/lib/coop-infra/metrics"
# Metrics were here until November 2026. Once every host has had a run since then, the code that
# names this directory can go.
OLD_METRICS_DIRECTORY = "/var/lib/prometheus/node-exporter"


def unit_file(name: str) -> str:
    """The file of a unit, or of a unit's drop-in, such as nfs-server.service.d/limits.conf."""
    return f"/etc/systemd/system/{name}"


def timer(name: str) -> systemd.Unit:
    """The unit NAME.timer, whose file is one of this project's."""
    unit = f"{name}.timer"
    return systemd.Unit(unit, restart_on=(unit_file(unit),))


def program(path: str, source: str) -> files.File:
    """A program of programs/, such as scalelite.py, as the file `path` of a host."""
    return files.File(path, (ROOT / "programs" / source).read_text(), 0o755)


def program_in_parts(path: str, folder: str) -> list[files.Entry]:
    """A program that is a folder of programs/: its __main__.py as `path`, its parts beside that.

    path: a file in PROGRAMS, because the program looks for its parts from there, and for SHARED
    folder: such as backup or offsite/pull; of a folder above comes what makes that one a package

    The parts come first: a run that is cut off leaves no program that lacks a part of its own.
    """
    programs = ROOT / "programs"
    above = [str(it) for it in reversed(PurePath(folder).parents[:-1])]
    parts = [
        programs / "__init__.py",
        *(programs / each / "__init__.py" for each in above),
        *sorted(
            it
            for each in (SHARED, folder)
            for it in (programs / each).glob("*.py")
            if it.name != "__main__.py"
        ),
    ]
    return [
        files.Directory(f"{PROGRAMS}/programs"),
        *(files.Directory(f"{PROGRAMS}/programs/{each}") for each in (SHARED, *above, folder)),
        *(files.File(f"{PROGRAMS}/{it.relative_to(ROOT)}", it.read_text()) for it in parts),
        program(path, f"{folder}/__main__.py"),
    ]


def settings(path: str, values: Mapping[str, Any]) -> list[files.Entry]:
    """The JSON that tells a program about its host, for programs of other accounts too."""
    return [
        # Secrets lie beside. Whoever put the first of them there may have closed the directory.
        files.Directory(str(PurePath(path).parent)),
        files.File(path, json.dumps(values, indent=2) + "\n"),
    ]


def metrics_directory() -> list[files.Entry]:
    """What a program needs to write a file of METRICS_DIRECTORY; the program makes the file."""
    return [
        # Root's, so that nobody else puts anything in the place of METRICS_DIRECTORY; open, so that
        # everybody gets to it.
        files.Directory(str(PurePath(METRICS_DIRECTORY).parent)),
        files.Directory(METRICS_DIRECTORY),
    ]


def metrics(file: str) -> list[files.Entry]:
    """The same, for a file that was in OLD_METRICS_DIRECTORY before."""
    old = f"{OLD_METRICS_DIRECTORY}/{PurePath(file).name}"
    return [
        *metrics_directory(),
        files.Absent(old),
        # A program that was cut off may have left this file.
        files.Absent(str(PurePath(old).with_suffix(".new"))),
    ]
