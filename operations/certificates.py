"""The certificate of a host's web server: there before the server starts, then fit and served."""

from collections.abc import Sequence
from shlex import quote

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import script, tell, warn
from facts.certificates import Certificates, CertificateState
from facts.files import Paths

# A person has to look at these: no command of the program changes them.
FOR_A_PERSON = ("ahead", "untrusted", "left")


@operation()
def ready(program: str, bundle: str, dns_name: str) -> Commands:
    """The web server finds a certificate for this name where it reads one, so that it can start.

    program: the command of programs/certificate on the host
    bundle: the file with certificates and key that the web server reads

    Where the server runs and serves ACME's challenges, the certificate is one that counts, before
    anything changes its configuration. Else the certificate is a placeholder. Never replaces one.
    """
    now = yield from ask(Paths, paths=[], secrets=[bundle])
    if bundle in now:
        host.noop("a certificate is there")
        return
    tell(f"{bundle}: absent -> a certificate of {dns_name} by which the web server starts")
    yield script(f"{quote(program)} ready")


@operation()
def served(program: str, dns_name: str, source: str) -> Commands:
    """The host shows a certificate for this name on port 443, from this source, and a fit one.

    program, dns_name: as for `ready`
    source: "acme" or "own"

    The web server is reloaded, never restarted, and what its port shows is compared after that. If
    there is no new certificate, the host fails with the cause, and the earlier one stays in force.
    A certificate that is due and not late is left to the host's timer.
    """
    now = yield from ask(Certificates, program=f"{program} look")
    wrong = _wrong(now, dns_name, source)
    for kind, text in now.found.items():
        if kind in FOR_A_PERSON or (kind == "old" and source == "own"):
            warn(text)
    if not wrong:
        host.noop("the certificate is served")
        return
    for text in wrong:
        tell(text)
    yield script(f"{quote(program)} renew")


def _wrong(now: CertificateState, name: str, source: str) -> list[str]:
    """What a renewal would put right."""
    if (now.name, now.source) != (name, source):
        was = f"{now.name} ({now.source})" if now.name else "none"
        return [f"certificate: {was} -> {name} ({source})"]
    left = {*FOR_A_PERSON, *(["old"] if source == "own" else [])}
    return [text for kind, text in now.found.items() if kind not in left]


@operation()
def none(settings: str, timers: Sequence[str]) -> Commands:
    """The host keeps no certificate of this project's: a host that has one no longer renews it.

    settings: the file that tells the host's program about the certificate; timers: the units that
        call the program

    Certificates and keys stay where they are, and are told, because a person may still serve them.
    """
    now = yield from ask(Paths, paths=[settings])
    if settings not in now:
        host.noop("it has none")
        return
    warn(
        f"{settings}: the data names no certificate of this host any more. Nobody renews it from "
        "now on; its files stay until somebody removes them (docs/certificates.md)"
    )
    units = " ".join(map(quote, timers))
    tell(f"{', '.join(timers)}: stopped and disabled")
    yield script(f"systemctl disable --now -q {units}", f"rm -f -- {quote(settings)}")
