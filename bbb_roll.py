"""Changes BBB nodes while nobody meets there: pyinfra inventories/prod.py bbb_roll.py --limit bbb

--data patience=1h waits an hour for a node's meetings; --data bbb_force=NAME cuts one node's.
"""

from pyinfra import config

from controller.roll import run
from controller.start import start
from roles.bbb.staged import wanted_text

config.SUDO = True

start()

run.roll(wanted_text)
