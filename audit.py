"""Who gets in where, against what is there: pyinfra inventories/prod.py audit.py"""

from pyinfra import config

from controller import audit
from controller.connection import tune

config.SUDO = True

tune()

audit.report()
