"""The fleet as data: reads and validates hosts, people and settings, and derives what follows.

Pure Python: the package knows nothing of pyinfra and opens no connection. Start at
`fleet.load.load`.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository: relative paths in the data are relative to it."""

LAB_STATE = ROOT / "lab/.state"
"""Where the lab keeps what is an operator's own elsewhere."""


def is_lab(inventory: Path) -> bool:
    """Whether this is the lab's inventory."""
    return inventory.name == "lab.yml"
