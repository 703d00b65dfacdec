"""What the node's public side answers, asked from the node itself."""

import ssl

from programs.bbb import files
from programs.bbb.command import ask
from programs.bbb.failed import Failed
from programs.bbb.fetch import Server, certificate, fetch
from programs.bbb.meetings import NoAnswer, parsed
from programs.bbb.root import Root
from programs.bbb.wanted import Front

SECONDS = 15.0
CREATE = "/bigbluebutton/api/create"
# The message key of the gate's answer.
CLOSED = "maintenance"


def refuses_meetings(front: Front, hostname: str) -> bool:
    """Whether the gate answers a `create` without a signature, and not BBB. Raises Failed."""
    server = Server(front.address, front.port, hostname, front.bundle is not None)
    try:
        _, body = fetch(server, CREATE, SECONDS, 2**20)
        found = parsed(body)
    except TimeoutError:
        raise Failed(f"the public side does not answer within {SECONDS:.0f} s") from None
    except OSError as error:
        raise Failed(f"the public side does not answer: {error.strerror or error}") from None
    except NoAnswer as error:
        raise Failed(f"the public side does not answer as BBB: {error}") from None
    return found.findtext("messageKey") == CLOSED


def certificate_faults(root: Root, front: Front, hostname: str) -> list[str]:
    """What is wrong with the certificate that is served: another than in the file, or no good."""
    if front.bundle is None:
        return []
    found = files.read(root, front.bundle)
    if found is None:
        return [f"{front.bundle} is not there"]
    try:
        # The first certificate of the bundle is the node's own: haproxy's manual, crt.
        first = found.text[found.text.index("-----BEGIN CERTIFICATE-----") :]
        end = first.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
        wanted = ssl.PEM_cert_to_DER_cert(first[:end])
    except ValueError:
        return [f"{front.bundle} has no certificate"]
    try:
        served = certificate(Server(front.address, front.port, hostname), SECONDS)
    except OSError as error:
        return [f"no certificate is served for {hostname}: {error.strerror or error}"]
    faults = []
    if served != wanted:
        faults.append(
            f"another certificate is served than {front.bundle} has: systemctl reload haproxy"
        )
    return faults + _judged(root, front.bundle, hostname)


def is_placeholder(root: Root, front: Front) -> bool:
    """Whether the certificate is one that nobody trusts, until there is a way to another."""
    return front.bundle is not None and root.at(f"{front.bundle}.placeholder").exists()


def _judged(root: Root, bundle: str, hostname: str) -> list[str]:
    about = ("openssl", "x509", "-noout", "-in", str(root.at(bundle)))
    faults = []
    if ask(*about, "-checkend", "0")[0] != 0:
        faults.append(f"the certificate in {bundle} has expired")
    # openssl exits 0 either way.
    if "does match" not in ask(*about, "-checkhost", hostname)[1]:
        faults.append(f"the certificate in {bundle} is not for {hostname}")
    return faults
