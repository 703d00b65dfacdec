"""Where the roles put programs, units and metrics of their own on a host."""

PROGRAMS = "/usr/local/lib/coop-infra"
# With nothing but Debian's Python.
PYTHON = "/usr/bin/python3 -I"
# Where prometheus-node-exporter of Debian looks.
METRICS_DIRECTORY = "/var/lib/prometheus/node-exporter"


def unit_file(name: str) -> str:
    """name: of a unit, or of a drop-in of one, as in nfs-server.service.d/limits.conf"""
    return f"/etc/systemd/system/{name}"
