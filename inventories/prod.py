"""Production, and the servers that it shares with staging: pyinfra inventories/prod.py deploy.py"""

import sys
from pathlib import Path

# So that the import works from another directory too. There `groups` says what is wrong.
sys.path.append(str(Path(__file__).parents[1]))

from controller.inventory import groups

# pyinfra reads the groups of an inventory from the variables of this file.
globals().update(groups("inventories/coop.yml", {"prod", "shared"}))
