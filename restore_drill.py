"""Restore each copy on trial, now: pyinfra inventories/prod.py restore_drill.py"""

from pyinfra import config, host

from controller import summary
from controller.connection import tune
from roles import drill

config.SUDO = True

tune()
summary.watch()

if "offsite" in host.groups:
    drill.hand_over()
    drill.run()
