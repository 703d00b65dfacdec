"""Does what the command line asks for: writes the manifests, or shows a tree."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from programs.offsite.manifest.lines import lines
from programs.offsite.manifest.write import write

HERE = Path("/run/coop-manifest")
# How long one dataset may take, before it is the next one's turn: less than the age that a drill
# allows a snapshot.
SECONDS = 1800


def start() -> None:
    """Run the program with the arguments of its command line."""
    sys.exit(main(sys.argv[1:]))


def main(words: list[str]) -> int:
    """Do what the words ask for; returns the exit status, and ends with usage for other words."""
    match words:
        case ["write", directory, *roots]:
            return bool(write_all(Path(directory), roots))
        case ["show", tree]:
            for line in lines(Path(tree), {}, {}):
                print(line)
            return 0
    sys.exit("say write DIRECTORY ROOT..., or show TREE")


def write_all(directory: Path, roots: list[str]) -> int:
    """Write the manifest of each dataset; returns for how many this failed."""
    os.umask(0o027)
    failed = 0
    for dataset, heads in snapshots(roots).items():
        try:
            _write_newest(directory / dataset, heads)
        except Exception as error:
            # Whatever it is, the other datasets have nothing to do with it.
            failed += 1
            said = f"{dataset}: not written down: {str(error) or repr(error)}"
            print(said, file=sys.stderr, flush=True)
    return failed


def snapshots(roots: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The first lines of manifests, by dataset below the roots, the oldest snapshot first."""
    columns = ("-o", "name,guid,creation", "-s", "createtxg")
    listed = subprocess.run(
        ["zfs", "list", "-Hpr", "-t", "snapshot", *columns, *roots],
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {}
    for line in listed.splitlines():
        name, guid, created = line.split("\t")
        dataset, _, snapshot = name.partition("@")
        head = {
            "dataset": dataset,
            "snapshot": snapshot,
            "guid": guid,
            "created": int(created),
        }
        found.setdefault(dataset, []).append(head)
    return found


def _write_newest(directory: Path, heads: list[dict[str, Any]]) -> None:
    newest = heads[-1]
    name = f"{newest['dataset']}@{newest['snapshot']}"
    file = directory / f"{newest['snapshot']}.gz"
    if not file.exists():
        directory.mkdir(parents=True, exist_ok=True)
        HERE.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "zfs", "-o", "ro", name, str(HERE)], check=True)
        try:
            # For what takes all the memory the kernel ends the process that has it, not this one.
            with ProcessPoolExecutor(1, get_context("fork")) as apart:
                apart.submit(_write_in_time, file, HERE, newest).result()
        finally:
            subprocess.run(["umount", str(HERE)], check=True)
        print(f"{name}: written down", flush=True)
    names = {f"{head['snapshot']}.gz" for head in heads}
    for old in directory.glob("*.gz"):
        # A dataset below this one may have such a name, and is a directory here.
        if old.name not in names and not old.is_dir():
            old.unlink()


def _write_in_time(file: Path, root: Path, head: dict[str, Any]) -> None:
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    write(file, root, head)
    signal.alarm(0)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"not read within {SECONDS} s; the next time goes on from there")
