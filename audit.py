"""Who gets in where, against what is there: pyinfra inventories/prod.py audit.py"""

from pyinfra import config

from controller import audit
from controller.connection import tune
from roles import offers

config.SUDO = True

tune()

audit.report(offers("audit"))
