"""What runs where, in which order. The data is in inventories/ and group_data/."""

from pyinfra import config, host

from controller.start import start
from engine.order import barrier
from roles import (
    access,
    backups,
    base,
    bbb,
    certificates,
    clients,
    drill,
    exporters,
    firewall,
    monitor,
    offsite,
    pool,
    recordings,
    scalelite,
    storage,
    vision,
    vpn,
    watcher,
)

config.SUDO = True

start()

if {"storage", "offsite"}.intersection(host.groups):
    pool.preflight()

access.preflight()

base.check()

if "vpn" in host.groups:
    vpn.preflight()

if "offsite" in host.groups:
    offsite.make_key()

if "bbb" in host.groups:
    bbb.prepare()

if "scalelite" in host.groups:
    scalelite.restrain()

if "exporters" in host.groups:
    exporters.restrain()

if "monitor" in host.groups:
    monitor.restrain()

base.converge()

access.converge()

if "vpn" in host.groups:
    vpn.converge()

firewall.converge()

if "storage" in host.groups:
    storage.converge()
    offsite.serve()

barrier(name="Storage is served", before="the clients mount it", needs="storage")

if "offsite" in host.groups:
    offsite.converge()

if "clients" in host.groups:
    clients.converge(services=vision.services() if "vision" in host.groups else [])

if "vision" in host.groups:
    vision.prepare()

if "certificates" in host.groups:
    certificates.prepare()
else:
    certificates.none()

if "vision" in host.groups:
    vision.converge()

if "scalelite" in host.groups:
    scalelite.converge()

if "bbb" in host.groups:
    bbb.converge()
    recordings.converge()

if "certificates" in host.groups:
    certificates.converge()

if "vision" in host.groups:
    vision.check()

if "scalelite" in host.groups:
    scalelite.check()

if "backups" in host.groups:
    backups.converge()

barrier(name="Volumes are escrowed", before="they are restored on trial")

if "offsite" in host.groups:
    drill.converge()

if "exporters" in host.groups:
    exporters.converge()

barrier(name="Hosts show their figures", before="they are watched")

if "monitor" in host.groups:
    monitor.converge()

if "watcher" in host.groups:
    watcher.converge()
