"""The record of drills: by dataset the last one, and when the last good one was."""

import json
import sys
from pathlib import Path

from programs.drill import Result
from programs.shared.whole import put


def recorded(file: Path) -> dict[str, Result]:
    """The record of earlier drills. One that cannot be read is told, and begun anew.

    Then no copy counts as proven until its next drill: that fails towards more drills.
    """
    try:
        record = json.loads(file.read_text())
        if not isinstance(record, dict):
            raise ValueError("it is no record")
        return {dataset: it for dataset, it in record.items() if isinstance(it, dict)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        print(f"{file} cannot be read, and is begun anew: {error}", file=sys.stderr, flush=True)
        return {}


def keep(file: Path, record: dict[str, Result]) -> None:
    """Write the record whole or not at all. Raises OSError."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(record, indent=2) + "\n")
    put(new, file)


def said(result: Result) -> str:
    """The result as a line of the journal."""
    if result["problem"]:
        return f"NOT restored: {result['problem']}"
    undecrypted = f"; not decrypted: {it}" if (it := result.get("undecrypted")) else ""
    return (
        f"restored from {result['snapshot']}, {result['age']} s old: {result['files']} files, "
        f"{result['bytes']} bytes, {result['seconds']} s{undecrypted}"
    )
