"""Production, and the servers that it shares with staging: pyinfra inventories/prod.py deploy.py"""

import sys
from pathlib import Path

# Not found from another directory otherwise, where it says what is wrong.
sys.path.append(str(Path(__file__).parents[1]))

from controller.inventory import groups

# Each group becomes a variable of this file, which is how pyinfra reads an inventory.
globals().update(groups("inventories/coop.yml", {"prod", "shared"}))
