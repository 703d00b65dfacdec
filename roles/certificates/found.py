"""Which certificate a host shows, and until when."""

from datetime import UTC, datetime

from controller.audit import Finding
from facts.certificates import CertificateState
from roles.templates import render


def judge(now: CertificateState, name: str) -> Finding:
    """name: the name that the data has for the host."""
    drift = [f"certificate: {it}" for it in now.found.values()]
    if now.name not in ("", name):
        drift.append(f"certificate: the host keeps one of {now.name}, and not of {name}")
    end = datetime.fromtimestamp(now.shown.end, UTC).strftime("%Y-%m-%d") if now.shown else None
    data = {
        "name": name,
        "end": now.shown.end if now.shown else None,
        "fingerprint": now.shown.fingerprint if now.shown else None,
        "served": now.shown is not None and "served" not in now.found,
    }
    return Finding(data, render(__file__, "audit.md.j2", dns_name=name, end=end), drift)
