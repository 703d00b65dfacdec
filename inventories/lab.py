"""The lab's hosts that are up: lab/up, then pyinfra inventories/lab.py deploy.py"""

from controller.inventory import groups  # run pyinfra in the repository's top directory

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
