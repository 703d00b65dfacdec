"""Restores each volume on trial from its copy, now: pyinfra inventories/prod.py restore_drill.py"""

from pyinfra import config, host

from controller.start import start
from roles import drill

config.SUDO = True

start()

if "offsite" in host.groups:
    drill.hand_over()
    drill.run()
