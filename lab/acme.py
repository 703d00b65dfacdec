"""The lab's ACME server, pebble: python -m lab.acme, within the namespace. Ends once it answers.

Stands for Let's Encrypt: https://github.com/letsencrypt/pebble. pebble makes a new CA at each
start, and never asks for more than Let's Encrypt does. CA_FILE gets that CA, and the one by which
pebble itself speaks TLS.
"""

import json
import os
import ssl
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

from lab.command import run
from lab.hosts import GATEWAY

STATE = Path(__file__).resolve().parent / ".state"
HOME = STATE / "acme"
CA_FILE = STATE / "acme-ca.pem"
PORT, MANAGEMENT = 14000, 15000
# As those of Let's Encrypt, in seconds.
VALIDITY = 90 * 86400
START_SECONDS = 60

# Not to wait, not to refuse good requests on purpose, and to look at the host each time.
SETTINGS = {
    "PEBBLE_VA_NOSLEEP": "1",
    "PEBBLE_WFE_NONCEREJECT": "0",
    "PEBBLE_AUTHZREUSE": "0",
}


def start() -> None:
    """Start pebble, and write CA_FILE once it answers. Raises TimeoutError."""
    HOME.mkdir(exist_ok=True)
    certificate, key = HOME / "server.pem", HOME / "server.key"
    run(
        *("openssl", "req", "-x509", "-nodes", "-newkey", "ec"),
        *("-pkeyopt", "ec_paramgen_curve:P-256", "-days", "3650", "-subj", "/CN=the lab's pebble"),
        *("-addext", f"subjectAltName=IP:{GATEWAY}"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    told = {
        "listenAddress": f"{GATEWAY}:{PORT}",
        "managementListenAddress": f"{GATEWAY}:{MANAGEMENT}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "certificateValidityPeriod": VALIDITY,
    }
    (HOME / "pebble.json").write_text(json.dumps({"pebble": told}))
    with (HOME / "pebble.log").open("w") as log:
        subprocess.Popen(
            ["pebble", "-config", str(HOME / "pebble.json"), "-dnsserver", f"{GATEWAY}:53"],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, **SETTINGS},
        )  # fmt: skip
    own = certificate.read_text()
    new = CA_FILE.with_suffix(".new")
    new.write_text(own + _root(certificate))
    new.replace(CA_FILE)


def _root(trusted: Path) -> str:
    context = ssl.create_default_context(cafile=str(trusted))
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            page = f"https://{GATEWAY}:{MANAGEMENT}/roots/0"
            with urlopen(page, timeout=10, context=context) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    start()
