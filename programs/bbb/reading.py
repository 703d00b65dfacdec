"""Reads wanted.json strictly: programs/bbb/wanted.py says what it holds."""

import hashlib
import json
import re
from dataclasses import astuple
from pathlib import PurePosixPath

from programs.bbb.failed import Failed
from programs.bbb.keys import faults
from programs.bbb.strict import Part
from programs.bbb.wanted import (
    MARKS,
    Apt,
    File,
    Front,
    Line,
    Off,
    Patch,
    Properties,
    Unit,
    Wanted,
    Xml,
    Yaml,
)  # fmt: skip

PATH = r"/[A-Za-z0-9@._+/-]+"
ACCOUNT = r"[a-z_][a-z0-9_-]*"
UNIT = r"[A-Za-z0-9:_.@-]+\.[a-z]+"
PACKAGE = r"[a-z0-9][a-z0-9.+-]+"
NAME = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+"
ANY_MARK = re.compile("@([A-Z_]{3,})@")
REMEDY = "Run deploy.py for this node again"


def parse(data: bytes) -> Wanted:
    """wanted.json's content. Raises Failed, which names the place and the remedy."""
    try:
        return _wanted(Part(json.loads(data), "wanted.json"), hashlib.sha256(data).hexdigest())
    except ValueError:
        raise Failed(f"wanted.json is no JSON. {REMEDY}") from None
    except Failed as error:
        raise Failed(f"{error}. {REMEDY}") from None


def _wanted(it: Part, digest: str) -> Wanted:
    it.whole("format", 1, 1)
    wanted = Wanted(
        digest,
        release=it.text("release", r"[0-9]+\.[0-9]+\.[0-9]+([.-][a-z0-9.]+)?"),
        hostname=it.text("hostname", NAME),
        front=_front(it.part("front")),
        apt=_apt(it.part("apt")),
        files=tuple(map(_file, it.parts("files"))),
        patches=tuple(map(_patch, it.parts("patches"))),
        units=tuple(map(_unit, it.parts("units"))),
        noise=it.texts("noise", r"[^\0\n]+"),
        recordings=it.maybe("recordings", lambda key: _path(it, key)),
        reboot=it.yes("reboot"),
        limit=it.whole("limit", 60, 86400),
    )
    it.end()
    said = json.dumps([[file.content for file in wanted.files], *map(astuple, wanted.patches)])
    if unknown := set(ANY_MARK.findall(said)) - set(MARKS):
        raise it.wrong(f"nobody knows the marks {', '.join(sorted(unknown))}")
    paths = [file.path for file in wanted.files]
    if twice := {path for path in paths if paths.count(path) > 1}:
        raise it.wrong(f"files name twice: {', '.join(sorted(twice))}")
    if both := {patch.path for patch in wanted.patches} & set(paths):
        raise it.wrong(f"both files and patches name: {', '.join(sorted(both))}")
    return wanted


def _path(it: Part, key: str) -> str:
    path = it.text(key, PATH)
    # So that two names of one file are the same text, and no path leaves where it seems to be.
    if path != str(PurePosixPath(path)) or ".." in PurePosixPath(path).parts:
        raise it.wrong(f"{key} {path} is no plain path")
    return path


def _front(it: Part) -> Front:
    front = Front(
        it.text("address", r"[0-9a-f.:]+"),
        it.whole("port", 1, 65535),
        it.maybe("bundle", lambda key: _path(it, key)),
    )
    it.end()
    return front


def _apt(it: Part) -> Apt:
    apt = Apt(
        # Without signed-by apt would believe every key of the system.
        it.text("source", r"deb \[[^\]\n]*\bsigned-by=/[^\]\n]+\] [^\n]+"),
        _path(it, "pin"),
        it.texts("packages", PACKAGE),
        it.texts("may_go", PACKAGE),
    )
    it.end()
    return apt


def _file(it: Part) -> File:
    file = File(
        _path(it, "path"),
        it.text("owner", ACCOUNT),
        it.text("group", ACCOUNT),
        int(it.text("mode", r"0[0-7]{3}"), 8),
        it.text("class", "[BC]"),
        it.texts("units", UNIT),
        it.text("content", r"[^\0]*"),
    )
    it.end()
    for fault in faults(file.path, file.content) if file.path.endswith(".properties") else ():
        raise it.wrong(fault)
    if file.mode & 0o002:
        raise it.wrong(f"everybody could change {file.path}")
    return file


def _patch(it: Part) -> Patch:
    kind, path, of = it.text("kind"), _path(it, "path"), it.text("class", "[BC]")
    patch: Patch
    match kind:
        case "xml":
            patch = Xml(path, of, it.text("element"), it.map("where"), it.map("set"))
        case "line":
            patch = Line(path, of, it.text("match"), it.text("line", r"[^\0\n]+"))
        case "yaml":
            patch = Yaml(path, of, it.texts("key", r"[A-Za-z0-9_.-]+"), _scalar(it, "value"))
        case "properties":
            patch = Properties(
                path, of, it.text("key", r"[A-Za-z0-9_.-]+"), it.text("value", r"[^\0\n]*")
            )
        case "off":
            patch = Off(path, of, it.yes("off"))
        case _:
            raise it.wrong(f"no patch is of the kind {kind}")
    it.end()
    for pattern in [patch.match] if isinstance(patch, Line) else _patterns(patch):
        try:
            re.compile(pattern)
        except re.error as error:
            raise it.wrong(f"{pattern} is no regular expression: {error}") from None
    if isinstance(patch, Line) and not re.fullmatch(patch.match, patch.line):
        raise it.wrong("`match` has to match `line` too: a second change would not find it")
    return patch


def _patterns(patch: Patch) -> list[str]:
    return [*patch.where.values()] if isinstance(patch, Xml) else []


def _scalar(it: Part, key: str) -> str | int | bool:
    value = it.any(key)
    if isinstance(value, str | int) and "\n" not in str(value):
        return value
    raise it.wrong(f"{key} is neither text nor number nor boolean")


def _unit(it: Part) -> Unit:
    unit = Unit(it.text("name", UNIT), it.text("class", "[ABC]"))
    it.end()
    return unit
