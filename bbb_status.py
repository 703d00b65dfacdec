"""What BBB nodes are, and what waits there: pyinfra inventories/prod.py bbb_status.py --limit bbb

Only reads. Works on nodes that this project has never touched.
"""

from pyinfra import config

from controller.roll import status
from controller.start import start

config.SUDO = True

start()

status.report()
