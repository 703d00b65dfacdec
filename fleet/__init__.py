"""The fleet as data: reads and validates hosts and settings, and derives what follows.

Pure Python that knows nothing of pyinfra and opens no connection. Start at `fleet.load.load`.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository: relative paths in the data are relative to it."""
