"""A look: which certificate is there, which one the port shows, and what is wrong with them."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from programs.certificate import Failed, Settings
from programs.certificate.acme import others, server_of
from programs.certificate.bundle import before, marker, present, put, read, source
from programs.certificate.pem import Certificate, untrusted
from programs.certificate.port import served
from programs.shared.exposition import exposition, labels

DAY = 86400
# What may be wrong. docs/certificates.md says what to do about each.
KINDS = (
    "missing", "placeholder", "name", "waiting", "served", "old", "ended", "ahead", "untrusted",
    "left",
)  # fmt: skip


def due_seconds(it: Certificate) -> int:
    """How long before its end a certificate is replaced: a third of its time, 30 days at most.

    certbot would keep one that is not due by its own rule, which is never later than this one.
    """
    return min((it.end - it.start) // 3, 30 * DAY)


def look(settings: Settings, write: bool) -> int:
    """Print what there is. Returns the exit status: with `write`, 1 if visitors may notice."""
    now = int(time.time())
    seen = state(settings)
    found = dict(problems(settings, seen, now))
    if write:
        file = Path(settings["metrics"])
        put(file, metrics(settings["name"], seen, found, now), 0o644)
        for text in found.values():
            print(text, file=sys.stderr)
    print(json.dumps({"at": now, **_told(settings, seen), "found": found}))
    # What is left over harms nobody who visits, and may stay for long.
    return 1 if write and found.keys() - {"left"} else 0


def state(settings: Settings) -> dict[str, Any]:
    """The certificates: of the source, in the bundle, at the port; and why the port shows none."""
    shown, why = None, ""
    try:
        shown = served(settings["name"])
    except Failed as error:
        why = str(error)
    newest = read(source(settings) / "fullchain.pem")
    return {"newest": newest, "present": present(settings), "shown": shown, "why": why}


def _told(settings: Settings, seen: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: it.told() if isinstance(it, Certificate) else it for key, it in seen.items()}
    return {"name": settings["name"], "source": settings["source"], **told}


def problems(settings: Settings, seen: Mapping[str, Any], now: int) -> Iterator[tuple[str, str]]:
    """What is wrong: the kind, one of KINDS, and a text for a person."""
    name, newest, bundle, shown = (
        settings["name"], seen["newest"], seen["present"], seen["shown"],
    )  # fmt: skip
    is_acme = settings["source"] == "acme"
    if newest is None:
        remedy = "coop-certificate renew" if is_acme else "put fullchain.pem and privkey.pem there"
        yield "missing", f"{name}: no certificate is in {source(settings)}: {remedy}"
    elif not newest.is_for(name):
        names = ", ".join(newest.names)
        yield "name", f"{name}: the certificate in {source(settings)} is for {names}"
    elif is_acme and server_of(name) != settings["directory"]:
        yield "name", f"{name}: its certificate is not from {settings['directory']}"
    elif bundle is None or bundle.fingerprint != newest.fingerprint:
        yield "waiting", f"{name}: the certificate in {source(settings)} is not in force"
    if bundle is None or bundle.placeholder or marker(settings).exists():
        yield "placeholder", f"{name}: no certificate that browsers trust is in force yet"
    if shown is None:
        yield "served", f"{name}: {seen['why']}"
    elif bundle is None or shown.fingerprint != bundle.fingerprint or before(settings).exists():
        there = bundle.short if bundle else "none"
        yield "served", f"{name}: port 443 shows {shown.short}, and {there} is in force"
    yield from _of_its_time(settings, shown or bundle, now)
    chain = Path(settings["bundle"])
    if bundle and not bundle.placeholder and (why := untrusted(chain.read_text(), settings["ca"])):
        yield "untrusted", f"{name}: browsers do not trust the chain: {why}"
    if left := _left(settings):
        yield "left", f"nobody renews these, which the data does not name: {', '.join(left)}"


def _of_its_time(settings: Settings, it: Certificate | None, now: int) -> Iterator[tuple[str, str]]:
    if it is None or it.placeholder:
        return
    name, left = settings["name"], it.end - now
    # By now several attempts to renew have failed. Nobody but a person replaces one's own.
    late = due_seconds(it) * 2 // 3 if settings["source"] == "acme" else due_seconds(it)
    if it.start > now + DAY:
        yield "ahead", f"{name}: the certificate counts only later: is this host's clock right?"
    elif left < 0:
        yield "ended", f"{name}: the certificate ended {-left // DAY} days ago"
    elif left < late:
        yield "old", f"{name}: the certificate ends in {left // DAY} days and was not renewed"


def _left(settings: Settings) -> list[str]:
    """Certificates of other names, which stay until a person takes them away."""
    bundle = Path(settings["bundle"])
    files = bundle.parent.glob("*.pem") if bundle.parent.name == "certificates" else []
    bundles = sorted(str(it) for it in files if it != bundle and not it.name.startswith("."))
    return [*(f"certbot's {it}" for it in others(settings["name"])), *bundles]


def metrics(name: str, seen: Mapping[str, Any], found: Mapping[str, str], now: int) -> str:
    """The same series in every case, so that an absent series can be an alert of its own."""
    shown = seen["shown"]
    families = {
        "coop_certificate_end_timestamp_seconds": (
            "When the certificate ends that port 443 shows; 0 if it shows none.",
            {labels(name=name): shown.end if shown else 0},
        ),
        "coop_certificate_served_matches": (
            "Whether port 443 shows the certificate that is in force on the host: 1 or 0.",
            {labels(name=name): int("served" not in found)},
        ),
        "coop_certificate_problem": (
            "Whether this is wrong with the certificate: 1 or 0.",
            {labels(name=name, kind=kind): int(kind in found) for kind in KINDS},
        ),
        "coop_certificate_status_timestamp_seconds": ("When this was last looked at.", {"": now}),
    }
    return exposition(families)
