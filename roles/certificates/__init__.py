"""The certificate that a host shows on port 443: from an ACME server, or one's own.

For the web server that reads the certificate: `bundle()` is its file; nginx includes CHALLENGE in
its server on port 80, and TLS in that on port 443.
"""

from pathlib import PurePosixPath

from pyinfra.api import deploy

from controller.audit import Finding, Look
from controller.this_run import this_fleet, this_host
from facts.certificates import Certificates, CertificateState
from fleet import ROOT
from fleet.certificate import Certificate
from operations import certificates, files, systemd
from roles.certificates.found import judge
from roles.places import (
    METRICS_DIRECTORY,
    PROGRAMS,
    PYTHON,
    metrics_directory,
    program_in_parts,
    settings,
    timer,
    unit_file,
)
from roles.templates import render

PROGRAM = f"{PROGRAMS}/certificate"
COMMAND = "/usr/local/sbin/coop-certificate"
SETTINGS = "/etc/coop-infra/certificate.json"
CA = "/etc/coop-infra/acme-ca.pem"
BUNDLES = "/etc/coop-infra/certificates"
# Where a person puts fullchain.pem and privkey.pem.
OWN = "/etc/coop-infra/own-certificate"
WEBROOT = "/var/lib/coop-infra/acme"
METRICS = f"{METRICS_DIRECTORY}/coop-certificate.prom"
UNITS = ("coop-certificate", "coop-certificate-status")
# Both are for nginx. Not in conf.d, which nginx includes elsewhere.
CHALLENGE = "/etc/nginx/snippets/coop-acme-challenge.conf"
TLS = "/etc/nginx/snippets/coop-tls.conf"
# Debian's timer renews as well, and knows neither clock nor port.
DEBIANS_TIMER = "certbot.timer"
# By server: its unit, the group that may read the bundle, and the bundle; None for one by name.
# BigBlueButton's haproxy.cfg names this bundle: bbb-install.sh.
SERVERS: dict[str, tuple[str, str, str | None]] = {
    "nginx": ("nginx.service", "root", None),
    "haproxy": ("haproxy.service", "haproxy", "/etc/haproxy/certbundle.pem"),
}


@deploy("Certificate, before its web server")
def prepare() -> None:
    """The web server's files and packages may name the certificate from here on."""
    files.present(name="Files", entries=_files())
    certificates.ready(name="Ready", program=COMMAND, bundle=bundle(), dns_name=_shows().name)
    # Not before the bundle that it names is there: nginx would not start at a boot.
    files.present(name="TLS", entries=[_tls()])


@deploy("Certificate")
def converge() -> None:
    """Call this once the web server runs, and before anybody looks whether the service is well."""
    shows = _shows()
    certificates.served(name="Served", program=COMMAND, dns_name=shows.name, source=shows.source)
    systemd.running(
        name="Timers",
        units=[timer(it) for it in UNITS],
        masked=[DEBIANS_TIMER],
        loaded=[f"{it}.service" for it in UNITS],
    )


@deploy("No certificate")
def none() -> None:
    """For a host that shows no certificate: one that did so before renews it no longer."""
    certificates.none(name="None", settings=SETTINGS, timers=[f"{it}.timer" for it in UNITS])


def audit() -> Look | None:
    """Which certificate the host's port shows, on a host that has one."""
    shows = this_host().shows
    if shows is None:
        return None

    def judged(now: CertificateState) -> Finding:
        return judge(now, shows.name)

    return Look("certificate", [(Certificates, {"program": f"{COMMAND} look"})], judged)


def bundle() -> str:
    """The file with certificates and key that the host's web server reads."""
    shows = _shows()
    return SERVERS[shows.server][2] or f"{BUNDLES}/{shows.name}.pem"


def placeholder() -> str:
    """The file that is there as long as the bundle is a placeholder."""
    return f"{bundle()}.placeholder"


def _shows() -> Certificate:
    shows = this_host().shows
    assert shows is not None
    return shows


def _files() -> list[files.Entry]:
    shows, server = _shows(), this_fleet().acme_server
    unit, group, _ = SERVERS[shows.server]
    told = {
        "name": shows.name,
        "source": shows.source,
        "unit": unit,
        "group": group,
        "bundle": bundle(),
        "own": OWN,
        "webroot": WEBROOT,
        "directory": server.directory,
        "email": this_fleet().certificates.email,
        "ca": CA if server.ca else "",
        "metrics": METRICS,
    }
    values = {
        "dns_name": shows.name,
        "unit": unit,
        "python": PYTHON,
        "program": PROGRAM,
        "settings": SETTINGS,
        "command": COMMAND,
        "webroot": WEBROOT,
    }
    units = [f"{it}.{kind}" for it in UNITS for kind in ("service", "timer")]
    return [
        *program_in_parts(PROGRAM, "certificate"),
        files.File(COMMAND, render(__file__, "coop-certificate.j2", **values), 0o755),
        *settings(SETTINGS, told),
        files.File(CA, (ROOT / server.ca).read_text()) if server.ca else files.Absent(CA),
        # nginx's account looks here for the marker of a placeholder. The package of haproxy may
        # come later.
        files.Directory(str(PurePosixPath(bundle()).parent)),
        files.Directory(OWN, 0o700),
        files.Directory(f"{WEBROOT}/.well-known/acme-challenge"),
        files.File(CHALLENGE, render(__file__, "challenge.conf.j2", **values)),
        *metrics_directory(),
        *(files.File(unit_file(it), render(__file__, f"{it}.j2", **values)) for it in units),
    ]


def _tls() -> files.File:
    return files.File(TLS, render(__file__, "tls.conf.j2", bundle=bundle()))
