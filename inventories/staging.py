"""Staging, and the servers that it shares with production: pyinfra inventories/staging.py deploy.py

What a shared server should be is always computed from the whole fleet: this run takes nothing of
production away.
"""

import sys
from pathlib import Path

# Not found from another directory otherwise, where it says what is wrong.
sys.path.append(str(Path(__file__).parents[1]))

from controller.inventory import groups

# Each group becomes a variable of this file, which is how pyinfra reads an inventory.
globals().update(groups("inventories/coop.yml", {"staging", "shared"}))
