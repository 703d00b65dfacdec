"""The lab's hosts that are up: lab/up, then lab/enter pyinfra inventories/lab.py deploy.py"""

import sys
from pathlib import Path

# So that the import works from another directory too. There `groups` says what is wrong.
sys.path.append(str(Path(__file__).parents[1]))

from controller.inventory import groups

# pyinfra reads the groups of an inventory from the variables of this file.
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
