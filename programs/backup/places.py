"""Where the store, its sets and what is copied are while the program runs."""

from pathlib import Path

HERE = Path("/run/coop-backup")
STORE, PLAIN, ROOT = HERE / "store", HERE / "plain", HERE / "root"
REPOSITORY, ROOM = PLAIN / "sets", PLAIN / "room"
