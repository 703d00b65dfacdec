"""The lab's hosts that are up: lab/up, then pyinfra inventories/lab.py deploy.py"""

import sys
from pathlib import Path

# Not found from another directory otherwise, where it says what is wrong.
sys.path.append(str(Path(__file__).parents[1]))

from controller.inventory import groups

# Each group becomes a variable of this file, which is how pyinfra reads an inventory.
globals().update(
    groups(
        "inventories/lab.yml",
        {"prod", "staging", "shared"},
        running="lab/.state/running",
        # Each build of a lab machine has a new host key at the same address.
        ssh_strict_host_key_checking="off",
        ssh_known_hosts_file="/dev/null",
    )
)
