"""Compares each host with the data, and says who gets in: pyinfra inventories/all.py audit.py"""

from pyinfra import config

from controller import audit
from controller.start import start
from roles import offers

config.SUDO = True

start()

audit.report(offers("audit"))
