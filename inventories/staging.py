"""Staging, and the servers that it shares with production: pyinfra inventories/staging.py deploy.py

What a shared server should be is always computed from the whole fleet: this run takes nothing of
production away.
"""

from controller.inventory import groups  # run pyinfra in the repository's top directory

# Each group becomes a variable of this file, which is how pyinfra reads an inventory.
globals().update(groups("inventories/coop.yml", {"staging", "shared"}))
