"""What nobody notices as it changes: files of class A."""

from fleet.bbb import Bbb
from fleet.derived.bbb import line_of, node_of
from fleet.hosts import Host
from fleet.model import Fleet
from operations import files, systemd
from roles.bbb import texts
from roles.bbb.staged import BUNDLE
from roles.firewall.parts import TABLE
from roles.templates import render

SITE = "/etc/nginx/sites-available/bigbluebutton"
HAPROXY = "/etc/haproxy/haproxy.cfg"
OURS = f"{texts.OVERRIDES}/nginx/coop-infra.nginx"
# What answers a certificate authority, of the role certificates. A pattern may match nothing.
CHALLENGE = "/etc/nginx/snippets/coop-acme-challenge*.conf"
# How long BigBlueButton keeps its own logs, as its package has it.
LOG_DAYS = 28
# The certificate comes from another role.
OF_OTHERS = (BUNDLE,)


def entries(fleet: Fleet, host: Host) -> list[files.Entry]:
    """The files of class A that the host's line has."""
    node = node_of(host)
    return [
        files.File(it.path, text(it.path, node, fleet), it.mode, it.owner, it.group)
        for it in line_of(fleet, host).files
        if it.kind == "A" and it.path not in OF_OTHERS
    ]


def text(path: str, node: Bbb, fleet: Fleet) -> str:
    """What the file of class A should say. Raises KeyError for one that is not known."""
    return render(__file__, TEMPLATES[path], **_values(node, fleet))


TEMPLATES = {
    SITE: "bigbluebutton.nginx.j2",
    HAPROXY: "haproxy.cfg.j2",
    OURS: "coop-infra.nginx.j2",
    "/etc/default/bigbluebutton-cron-config": "bigbluebutton-cron-config.j2",
    f"{texts.OVERRIDES}/bbb-conf/apply-config.sh": "apply-config.sh.j2",
}


def units() -> list[systemd.Unit]:
    """What reads these files anew without losing anybody: old workers keep their connections."""
    return [
        systemd.Unit("nginx.service", reload_on=(SITE, OURS)),
        systemd.Unit("haproxy.service", reload_on=(HAPROXY,)),
    ]


def _values(node: Bbb, fleet: Fleet) -> dict[str, object]:
    return {
        "hostname": node.hostname,
        "bundle": BUNDLE,
        "listen6": node.public.ipv6 is not None,
        "local": node.local_ipv4,
        "challenge": CHALLENGE,
        "hsts": fleet.certificates.hsts,
        "raw_days": node.recordings.raw_days,
        "log_days": LOG_DAYS,
        "table": TABLE,
    }
