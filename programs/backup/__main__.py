"""The file that the host starts. Its parts lie beside it on a host, in programs/backup."""

import sys
from pathlib import Path

# With -I Python does not look for modules beside the file that it runs.
sys.path.insert(0, str(Path(__file__).parent))
# What it compiled and kept there nobody would take away.
sys.dont_write_bytecode = True

from programs.backup.main import start  # noqa: E402

start()
