"""Production, and the servers that it shares with staging: pyinfra inventories/prod.py deploy.py"""

from controller.inventory import groups  # run pyinfra in the repository's top directory

# Each group becomes a variable of this file, which is how pyinfra reads an inventory.
globals().update(groups("inventories/coop.yml", {"prod", "shared"}))
