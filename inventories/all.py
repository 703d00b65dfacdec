"""Every host, for what concerns all of them: people, keys, the VPN, the audit."""

import sys
from pathlib import Path

# So that the import works from another directory too. There `groups` says what is wrong.
sys.path.append(str(Path(__file__).parents[1]))

from controller.inventory import groups

# pyinfra reads the groups of an inventory from the variables of this file.
globals().update(groups("inventories/coop.yml", {"prod", "staging", "shared"}))
