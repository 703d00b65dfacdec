"""Every host, for what concerns all of them: people, keys, the VPN, the audit."""

import sys
from pathlib import Path

# Not found from another directory otherwise, where it says what is wrong.
sys.path.append(str(Path(__file__).parents[1]))

from controller.inventory import groups

# Each group becomes a variable of this file, which is how pyinfra reads an inventory.
globals().update(groups("inventories/coop.yml", {"prod", "staging", "shared"}))
