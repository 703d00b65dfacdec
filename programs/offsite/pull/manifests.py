"""The manifests that the storage server has written, fetched for drills."""

from pathlib import Path

from programs.offsite.pull.command import Failed
from programs.offsite.pull.server import Pull
from programs.offsite.pull.snapshots import Snapshot


def fetch_manifests(
    pull: Pull, copies: dict[str, str], kept: dict[str, list[Snapshot]], directory: Path
) -> None:
    """By dataset, fetch the manifest of the newest snapshot here, or else of the newest with one.

    Asks nothing if all are here. Removes the manifests of snapshots that are gone. Raises Failed
    once each was tried.
    """
    missing: dict[str, list[Path]] = {}
    failed: list[str] = []
    for target, snapshots in kept.items():
        if target in copies.values():
            continue
        place = directory / source_of(target, copies)
        files = [place / f"{each.name.partition('@')[2]}.gz" for each in reversed(snapshots)]
        for old in set(place.glob("*.gz")).difference(files):
            # A dataset below this one may have such a name, and is a directory here.
            if not old.is_dir():
                old.unlink()
        if not files[0].exists():
            missing[source_of(target, copies)] = files
    written = set(pull.ask("manifests")) if missing else set()
    for source, files in missing.items():
        newest = next((it for it in files if f"{source}/{it.name}" in written), None)
        try:
            if newest is not None and not newest.exists():
                newest.parent.mkdir(parents=True, exist_ok=True)
                pull.keep(newest, "manifest", f"{source}@{newest.stem}")
        except Exception as error:
            failed.append(str(error))
    if failed:
        raise Failed("; ".join(failed))


def source_of(target: str, copies: dict[str, str]) -> str:
    """The server's dataset that is copied to the target."""
    source, root = next(it for it in copies.items() if target.startswith(f"{it[1]}/"))
    return source + target.removeprefix(root)
