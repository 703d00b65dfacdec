"""What runs where, in which order. The data is in inventories/ and group_data/."""

from pyinfra import config, host

from deploys import clients, storage, vision
from deploys.connection import tune
from operations.order import barrier

config.SUDO = True

tune()

if "storage" in host.groups:
    storage.preflight()
    storage.converge()

barrier(name="Storage is served", before="the clients mount it")

if "clients" in host.groups:
    clients.converge()

if "vision" in host.groups:
    vision.converge()
