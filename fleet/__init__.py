"""The fleet as data: reads and validates hosts, people and settings, and derives what follows.

Pure Python: the package knows nothing of pyinfra and opens no connection. Start at
`fleet.load.load`.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository. Relative paths in the data start here."""

LAB_STATE = ROOT / "lab/.state"
"""The lab's own people, secrets and public keys of hosts. For real hosts an operator has these."""


def is_lab(inventory: Path) -> bool:
    """Whether this is the lab's inventory."""
    return inventory.name == "lab.yml"
