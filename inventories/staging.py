"""Staging, and the servers that it shares with production: pyinfra inventories/staging.py deploy.py

A run always computes from the whole fleet what a shared server should be. So this run takes nothing
of production away.
"""

import sys
from pathlib import Path

# So that the import works from another directory too. There `groups` says what is wrong.
sys.path.append(str(Path(__file__).parents[1]))

from controller.inventory import groups

# pyinfra reads the groups of an inventory from the variables of this file.
globals().update(groups("inventories/coop.yml", {"staging", "shared"}))
