"""What runs where, in which order. The data is in inventories/ and group_data/."""

from pyinfra import config, host

from deploys import clients, storage, vision
from deploys.connection import no_delay

config.SUDO = True

no_delay()

if "storage" in host.groups:
    storage.preflight()
    storage.converge()

if "clients" in host.groups:
    clients.converge()

if "vision" in host.groups:
    vision.converge()
