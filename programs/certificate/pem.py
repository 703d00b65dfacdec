"""Reads certificates and keys, by openssl: Python's own library parses none that is not served."""

import hashlib
import re
import ssl
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from programs.certificate import Failed

PLACEHOLDER = "coop-infra placeholder"
"""The organisation in a placeholder's subject."""

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\n.+?\n-----END CERTIFICATE-----\n?", re.DOTALL
)
_FIELDS = ("-subject", "-startdate", "-enddate", "-ext", "subjectAltName")


@dataclass(frozen=True)
class Certificate:
    """A certificate.

    fingerprint: SHA-256 of its DER, in hex
    names: the DNS names that it is for; start, end: in seconds since 1970
    """

    fingerprint: str
    names: tuple[str, ...]
    start: int
    end: int
    placeholder: bool

    @property
    def short(self) -> str:
        return self.fingerprint[:16]

    def is_for(self, name: str) -> bool:
        """Whether a browser takes the certificate for this name: RFC 6125, 6.4.3."""
        return name in self.names or f"*.{name.partition('.')[2]}" in self.names

    def told(self) -> dict[str, Any]:
        return {**asdict(self), "names": list(self.names)}


def certificate(pem: str) -> Certificate:
    """The first certificate in the text. Raises Failed if there is none that can be read."""
    found = _CERTIFICATE.search(pem)
    if not found:
        raise Failed("there is no certificate in it (PEM)")
    return _parsed(found[0].strip())


# A look meets the same certificate in three places, and to start openssl takes a slow host a while.
@cache
def _parsed(pem: str) -> Certificate:
    said = openssl("x509", "-noout", *_FIELDS, stdin=pem)
    fields = dict(line.split("=", 1) for line in said.splitlines() if re.match(r"\w+=", line))
    der = ssl.PEM_cert_to_DER_cert(pem)
    return Certificate(
        hashlib.sha256(der).hexdigest(),
        tuple(re.findall(r"DNS:([^,\s]+)", said)),
        _seconds(fields["notBefore"]),
        _seconds(fields["notAfter"]),
        PLACEHOLDER in fields["subject"],
    )


def belongs(pem: str, key: str) -> bool:
    """Whether the key is that of the first certificate in the text. Raises Failed."""
    found = _CERTIFICATE.search(pem)
    public = openssl("x509", "-noout", "-pubkey", stdin=found[0] if found else "")
    return openssl("pkey", "-pubout", stdin=key) == public


def untrusted(pem: str, ca: str) -> str:
    """Why browsers would not trust the chain; "" if they would.

    ca: a file to trust beside the system's certificates, or ""
    """
    chain = _CERTIFICATE.findall(pem)
    # /dev/stdin holds the certificate to verify; the rest of the chain comes by another way.
    words = ["verify", "-untrusted", "/dev/fd/3", *(["-CAfile", ca] if ca else [])]
    script = 'exec openssl "$@" 3<<END\n' + "".join(chain[1:] or chain) + "END\n"
    done = subprocess.run(
        ["sh", "-c", script, "sh", *words],
        input=chain[0], capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    why = re.findall(r"error \d+ at \d+ depth lookup: (.+)", done.stdout + done.stderr)
    return why[-1] if why else (done.stderr.strip() or "openssl does not say why")


def placeholder(name: str) -> str:
    """A certificate of nobody for this name, and its key."""
    return openssl(
        *("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-days", "365", "-keyout", "-", "-subj", f"/O={PLACEHOLDER}"),
        *("-addext", f"subjectAltName=DNS:{name}"),
    )


def openssl(*words: str, stdin: str = "") -> str:
    """What openssl prints. Raises Failed; the text holds nothing of what openssl was given."""
    done = subprocess.run(
        ["openssl", *words], input=stdin, capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise Failed(f"openssl {words[0]}: {said[0] if said else f'exit {done.returncode}'}")
    return done.stdout


def _seconds(text: str) -> int:
    return int(ssl.cert_time_to_seconds(text))
