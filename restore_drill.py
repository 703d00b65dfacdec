"""Restore each copy on trial, now: pyinfra inventories/prod.py restore_drill.py"""

from pyinfra import config, host

from deploys import drill
from deploys.connection import tune

config.SUDO = True

tune()

if "offsite" in host.groups:
    drill.hand_over()
    drill.run()
