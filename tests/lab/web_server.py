"""A web server that somebody runs by hand on a machine of the lab, and what visitors get of it."""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from lab.acme import CA_FILE
from lab.command import run
from lab.machines import Machine

NAME = "web.lab.test"
HERE = b"here\n"
# More than the buffers between the two ends hold.
LARGE = 64 * 2**20
# Until it is told to hurry, a flow reads so much every half second.
PIECE = 64 * 2**10

INSTALL = f"""\
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
apt-get -q update > /dev/null
apt-get -q -y install --no-install-recommends nginx-light haproxy certbot > /dev/null
rm /usr/sbin/policy-rc.d /etc/nginx/sites-enabled/default
systemctl disable -q nginx haproxy
truncate -s {LARGE} /var/www/html/large"""

PORT_80 = f"""\
server {{
    listen 80 default_server;
    server_name {NAME};
    include /etc/nginx/snippets/coop-acme-challenge.conf;
    location / {{ return 301 https://{NAME}$request_uri; }}
}}
"""
PAGES = """\
    root /var/www/html;
    location = /large { try_files /large =404; }
    location / { return 200 "here\\n"; }
}
"""
NGINX = f"""\
{PORT_80}
server {{
    listen 443 ssl default_server;
    server_name {NAME};
    include /etc/nginx/snippets/coop-tls.conf;
{PAGES}"""
BEHIND = f"""\
{PORT_80}
server {{
    listen 127.0.0.1:81;
{PAGES}"""
HAPROXY = """\
global
    user haproxy
    group haproxy
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend visitors
    bind :443 ssl crt /etc/haproxy/certbundle.pem
    default_backend pages
backend pages
    server nginx 127.0.0.1:81
"""


def install(host: Machine) -> None:
    """Install nginx and haproxy, which do not run yet."""
    host.sh(INSTALL, timeout=900)


def nginx(host: Machine, site: str = NGINX) -> None:
    """nginx runs with this site, now and at each boot."""
    host.sh("cat > /etc/nginx/sites-enabled/web", site.encode())
    # After a reload the workers of before may answer for a moment.
    host.sh("systemctl enable -q nginx && systemctl restart nginx")


def haproxy(host: Machine) -> None:
    """haproxy takes port 443, and nginx stays on port 80."""
    nginx(host, BEHIND)
    host.sh("cat > /etc/haproxy/haproxy.cfg", HAPROXY.encode())
    host.sh("systemctl enable -q haproxy && systemctl restart haproxy")


def names_of(host: Machine, *names: str) -> None:
    """The lab's DNS has these names for the host, and no others."""
    if f"<host ip='{host.address}'>" in run("virsh", "-q", "net-dumpxml", "coop-lab"):
        run("virsh", "-q", *_names("delete", host))
    if names:
        run("virsh", "-q", *_names("add", host, *names))


def _names(verb: str, host: Machine, *names: str) -> tuple[str, ...]:
    hosts = "".join(f"<hostname>{it}</hostname>" for it in names)
    return "net-update", "coop-lab", verb, "dns-host", f"<host ip='{host.address}'>{hosts}</host>"


def shown(host: Machine, name: str = NAME) -> str:
    """The fingerprint of the certificate that the port shows, whoever made it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with _connected(host, name, context) as tls:
        return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()


def visit(host: Machine, name: str = NAME) -> bytes:
    """The page, as a browser that trusts the lab's CA gets it. Raises ssl.SSLError."""
    with _connected(host, name, _trusting()) as tls:
        tls.sendall(_request("/", name))
        return b"".join(iter(lambda: tls.recv(65536), b"")).partition(b"\r\n\r\n")[2]


class Flow:
    """A download that goes on slowly until `hurry`. size: how many bytes came in all."""

    def __init__(self, tls: ssl.SSLSocket, size: int) -> None:
        self._tls, self._hurry = tls, Event()
        self.size = size
        self.broken: Exception | None = None
        self._thread = Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            while data := self._tls.recv(PIECE):
                self.size += len(data)
                self._hurry.wait(0.5)
        except Exception as error:
            self.broken = error

    def hurry(self) -> int:
        """How many bytes came until the server ended the flow."""
        self._hurry.set()
        self._thread.join(120)
        assert not self._thread.is_alive() and self.broken is None, self.broken
        return self.size


@contextmanager
def flow(host: Machine, name: str = NAME) -> Iterator[Flow]:
    """A download of LARGE bytes that has begun."""
    with _connected(host, name, _trusting()) as tls:
        tls.sendall(_request("/large", name))
        head = tls.recv(4096)
        assert b" 200 OK" in head[:20], head
        yield Flow(tls, len(head))


def _trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CA_FILE))


def _request(path: str, name: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()


@contextmanager
def _connected(host: Machine, name: str, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((host.address, 443), 60) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        yield tls
