"""Builds the stand-in packages and their signed repositories: python -m lab.bbb.build

Nothing is built while the stand-ins are as they were. Below DIRECTORY, a URL's host and path:

    ubuntu.bigbluebutton.org/jammy-300-3.0.35/dists/bigbluebutton-jammy/...
    deb.nodesource.com/node_22.x/dists/nodistro/...

PUBLIC_KEY is the key that signed all of them.
"""

import hashlib
import shutil
from pathlib import Path

from fleet import LAB_STATE
from lab.bbb import catalogue, pack, repository, third_parties, units
from lab.bbb.catalogue import Package, Release
from lab.bbb.deb import Made, Source
from lab.bbb.repository import Key

HERE = Path(__file__).parent
DIRECTORY = LAB_STATE / "bbb/www"
PUBLIC_KEY = LAB_STATE / "bbb-apt.asc"
OURS = "ubuntu.bigbluebutton.org"
# Programs of several parts: the folder here, and the one file that they are on a host.
PROGRAMS = {
    "bbb-web": ("web", "usr/share/bbb-web/standin.py"),
    "bbb-config": ("conf", "usr/bin/bbb-conf"),
}
# When a script does what it is for; at other times it only looks at the lab's switch.
RUNS_AT = {"preinst": "install | upgrade", "postinst": "configure"}


def main() -> None:
    key = Key(LAB_STATE / "bbb/gnupg")
    try:
        key.make()
        PUBLIC_KEY.write_bytes(key.public())
        build(DIRECTORY, key)
    finally:
        key.end()


def build(directory: Path, key: Key) -> None:
    """Make all repositories below the directory, unless these very ones are there."""
    made_from = _digest() + key.fingerprint()
    stamp = directory.with_name("made-from")
    if stamp.exists() and stamp.read_text() == made_from:
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)
    work = directory.with_name("work")
    shutil.rmtree(work, ignore_errors=True)
    for release in catalogue.RELEASES:
        root = directory / OURS / release.directory
        pool = root / "pool"
        pool.mkdir(parents=True)
        made = [source(it, release).make(pool, work) for it in catalogue.of_release(release)]
        repository.write(root, release.suite, "main", made, key)
    for name, newest in catalogue.NEWEST.items():
        (directory / OURS / name).symlink_to(newest)
    for other in third_parties.REPOSITORIES:
        _make_other(directory / other.path, other, work, key)
    stamp.write_text(made_from)


def source(package: Package, release: Release) -> Source:
    """What the package is made from in that release."""
    depends = package.depends + catalogue.LINE_DEPENDS.get((package.name, release.line), ())
    conflicts = package.conflicts + catalogue.LINE_CONFLICTS.get((package.name, release.line), ())
    result = Source(
        {
            "Package": package.name,
            "Version": package.version(release),
            "Architecture": "all",
            "Maintainer": "The lab of coop-infra <bbb@lab.test>",
            "Depends": ", ".join(depends),
            "Conflicts": ", ".join(conflicts),
            "Provides": ", ".join(package.provides),
            "Section": "web",
            "Priority": "optional",
            "Description": f"stand-in: {package.stands_for}\n Known from: {package.known_from}",
        }
    )
    words = {"@RELEASE@": release.number, "@LINE@": release.line}
    home = HERE / "packages" / package.name
    result.add_tree(home / "tree", words)
    daemon = (HERE / "programs/daemon.py").read_bytes()
    for unit in package.units:
        path, text = units.text(package, unit)
        result.files[path] = (text.encode(), 0o644)
        result.files[units.program(package, unit)] = (daemon, 0o755)
    if package.name in PROGRAMS:
        part, place = PROGRAMS[package.name]
        result.files[place] = (pack.program(part), 0o755)
    for name, runs_at in RUNS_AT.items():
        own = home / name
        text = (HERE / "scripts.sh").read_text() + (own.read_text() if own.exists() else "")
        for word, value in {
            **words,
            "@NAME@": package.name,
            "@STANDS_FOR@": package.stands_for,
            "@KNOWN_FROM@": package.known_from,
            "@SCRIPT@": name,
            "@RUNS_AT@": runs_at,
        }.items():
            text = text.replace(word, value)
        result.scripts[name] = text
    if package.units:
        text = (HERE / "prerm.sh").read_text().replace("@NAME@", package.name)
        result.scripts["prerm"] = text.replace(
            "@UNITS@", " ".join(f"{it.name}.service" for it in package.units)
        )
    return result


def _make_other(root: Path, other: third_parties.Repository, work: Path, key: Key) -> None:
    pool = root / "pool"
    pool.mkdir(parents=True)
    made: list[Made] = []
    for each in other.packages:
        fields = {
            "Package": each.name,
            "Version": each.version,
            "Architecture": "all",
            "Maintainer": "The lab of coop-infra <bbb@lab.test>",
            "Depends": ", ".join(each.depends),
            "Description": f"stand-in: the name {each.name}",
        }
        files = {
            path: (text.encode(), 0o755 if "/bin/" in path else 0o644)
            for path, text in each.files.items()
        }
        start = f"#!/bin/sh\nsystemctl enable --now --quiet {each.unit}\n"
        scripts = {"postinst": start} if each.unit else {}
        made.append(Source(fields, files, scripts).make(pool, work))
    for suite in other.suites:
        repository.write(root, suite, other.component, made, key)


def _digest() -> str:
    """Of everything that the packages are made from."""
    digest = hashlib.sha256()
    for file in sorted(it for it in HERE.rglob("*") if it.is_file() and it.suffix != ".pyc"):
        digest.update(f"{file.relative_to(HERE)} {file.stat().st_mode:o}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
