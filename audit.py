"""Who gets in where, against what is there: pyinfra inventories/prod.py audit.py"""

from pyinfra import config

from controller import audit
from controller.start import start
from roles import offers

config.SUDO = True

start()

audit.report(offers("audit"))
