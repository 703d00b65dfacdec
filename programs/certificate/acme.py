"""Gets certificates of an ACME server by certbot, and asks it for nothing that cannot succeed.

certbot starts slowly, and ACME servers count failures against an account: so the cheap causes are
looked at first. https://letsencrypt.org/docs/rate-limits/
"""

import os
import re
import secrets
import socket
import ssl
import subprocess
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.request import urlopen

from programs.certificate import Failed, Settings
from programs.certificate.port import answer

LIVE = Path("/etc/letsencrypt/live")
RENEWAL = Path("/etc/letsencrypt/renewal")
CHALLENGES = ".well-known/acme-challenge"
CERTBOT_SECONDS = 300
SKEW_SECONDS = 3600
HOOK = "/usr/local/sbin/coop-certificate deploy"
# Says to the hook that the program which called certbot goes on itself.
CALLED = "COOP_CERTIFICATE"


def lineage(settings: Settings) -> Path:
    """Where certbot keeps the present certificate of the name, and its key."""
    return LIVE / str(settings["name"])


def server_of(name: str) -> str:
    """The ACME server that the certificate of this name is from; "" if certbot does not know it."""
    with suppress(OSError):
        text = (RENEWAL / f"{name}.conf").read_text()
        if found := re.search(r"^server = (\S+)$", text, re.MULTILINE):
            return found[1]
    return ""


def others(name: str) -> list[str]:
    """The names of certbot's other certificates, which nobody renews."""
    return sorted(it.stem for it in RENEWAL.glob("*.conf") if it.stem != name)


def reachable(settings: Settings) -> None:
    """See that this host's port 80 answers for the name from the webroot. Raises Failed."""
    token = f"coop-infra-{secrets.token_hex(8)}"
    place = Path(settings["webroot"], CHALLENGES, token)
    content = secrets.token_hex(16)
    place.write_text(content)
    # The web server reads it with the powers of an account of its own.
    place.chmod(0o644)
    try:
        status, found = answer(settings["name"], f"/{CHALLENGES}/{token}")
    finally:
        place.unlink()
    if (status, found) != (200, content.encode()):
        raise Failed(
            f"port 80 of this host does not show {settings['webroot']}/{CHALLENGES} for "
            f"{settings['name']} (status {status}): its web server needs that location"
        )


def obtain(settings: Settings) -> None:
    """Let certbot get a certificate. Raises Failed, and then nothing has changed that is served.

    certbot makes a new key each time, as it does without --reuse-key.
    """
    name, directory = settings["name"], settings["directory"]
    reachable(settings)
    try:
        socket.getaddrinfo(name, 80)
    except OSError as error:
        raise Failed(
            f"{name} is no name that DNS knows here ({error}): let it point to this host, and wait "
            "for DNS"
        ) from None
    _clock(settings)
    email = ["--email", settings["email"], "--no-eff-email"]
    # A certificate of another server is not due, and yet has to go.
    force = ["--force-renewal"] if server_of(name) not in ("", directory) else []
    words = [
        *("certbot", "certonly", "--non-interactive", "--agree-tos", "--keep-until-expiring"),
        *(email if settings["email"] else ["--register-unsafely-without-email"]),
        *("--server", directory, "--cert-name", name, "--domain", name, "--key-type", "ecdsa"),
        *("--webroot", "--webroot-path", settings["webroot"], "--deploy-hook", HOOK, *force),
    ]
    environment = {**os.environ, CALLED: "1"}
    if settings["ca"]:
        environment["REQUESTS_CA_BUNDLE"] = settings["ca"]
    try:
        done = subprocess.run(
            words, capture_output=True, stdin=subprocess.DEVNULL, env=environment,
            text=True, errors="backslashreplace", timeout=CERTBOT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{directory} did not make a certificate in {CERTBOT_SECONDS} s") from None
    except OSError as error:
        raise Failed(f"certbot does not start: {error}") from None
    if done.returncode != 0:
        raise Failed(
            f"{directory} made no certificate for {name}: {cause(done.stdout + done.stderr)}"
        )


def cause(said: str) -> str:
    """What certbot's messages say of the cause, in a line, and what to do about it.

    What the ACME server reports stands on certbot's standard output.
    """
    details = re.findall(r"^\s*(?:Type|Detail):\s*(.+)$", said, re.MULTILINE)
    noise = r"(Account reg|Requesting a|Saving debug|Ask for help|Hint:|Some challenges|$)"
    lines = [it.strip() for it in said.splitlines()]
    text = ": ".join(details) or " ".join(it for it in lines if not re.match(noise, it))
    for sign, remedy in REMEDIES.items():
        if sign in text:
            return f"{text} -- {remedy}"
    return text or "certbot does not say why; see /var/log/letsencrypt"


REMEDIES = {
    "too many": "the server's limit of requests: wait, do not try again and again",
    "rateLimited": "the server's limit of requests: wait, do not try again and again",
    "dns": "let the name's A and AAAA records point to this host alone, and wait for DNS",
    "connection": "port 80 has to be open to everybody: is a firewall of the provider before it?",
    "unauthorized": "another host answers for the name: does DNS point here?",
    "already running": "another certbot is at work: run again when it has ended",
}


def _clock(settings: Settings) -> None:
    """See that the ACME server answers, and that both clocks agree. Raises Failed.

    With a clock that is ahead each new certificate would look old, and be replaced again until the
    server's limit is reached.
    """
    context = ssl.create_default_context()
    if settings["ca"]:
        context.load_verify_locations(settings["ca"])
    try:
        with urlopen(settings["directory"], timeout=30, context=context) as page:
            there = parsedate_to_datetime(page.headers["Date"]).timestamp()
    except (OSError, TypeError, ValueError) as error:
        raise Failed(
            f"the ACME server {settings['directory']} does not answer: {error}. Is this host's "
            "clock right?"
        ) from None
    if abs(off := time.time() - there) > SKEW_SECONDS:
        raise Failed(
            f"the clock of this host is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}: put "
            "it right first (timedatectl)"
        )
