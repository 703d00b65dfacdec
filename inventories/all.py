"""Every host, for what concerns all of them: people, keys, the VPN, the audit."""

from controller.inventory import groups  # run pyinfra in the repository's top directory

# Each group becomes a variable of this file, which is how pyinfra reads an inventory.
globals().update(groups("inventories/coop.yml", {"prod", "staging", "shared"}))
