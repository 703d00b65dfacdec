"""Does what the command line asks for, one call at a time on a host."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from programs.certificate import Failed, Settings
from programs.certificate.acme import CALLED, obtain, reachable, server_of
from programs.certificate.bundle import (
    candidate,
    install,
    present,
    put_in_force,
    put_placeholder,
    read,
    source,
)
from programs.certificate.look import due_seconds, look
from programs.certificate.port import served
from programs.shared.lock import locked

# Not in /run/lock, where anybody could make the file first: whoever can read it can lock it.
LOCK = Path("/run/coop-certificate.lock")
LOCK_SECONDS = 600


def start() -> None:
    """Run the program with the arguments of its command line."""
    try:
        sys.exit(main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:]))
    except (Failed, OSError) as error:
        sys.exit(str(error))


def main(settings: Settings, words: Sequence[str]) -> int:
    """Do what the words after FILE ask for; returns the exit status. Raises Failed."""
    match list(words):
        case ["look", *options]:
            return look(settings, "--write" in options)
        case ["deploy"] if CALLED in os.environ:
            # certbot calls its hook, and the program that called certbot goes on itself.
            return 0
        case ["deploy"]:
            with alone():
                deploy(settings)
        case ["ready"]:
            with alone():
                ready(settings)
        case ["renew"]:
            with alone():
                renew(settings)
        case _:
            raise Failed("say one of ready, renew, deploy, look")
    return 0


def ready(settings: Settings) -> None:
    """Write the bundle if there is none, so that the web server can start. Raises Failed.

    A server that runs and answers the challenge already gets a certificate first. And what browsers
    trust never becomes a placeholder, as when a host gets another name: then the cause is raised.
    """
    if present(settings) is not None:
        return
    try:
        if settings["source"] == "acme":
            reachable(settings)
            if is_due(settings):
                obtain(settings)
        text = candidate(settings)
    except Failed:
        if is_trusted_now(settings):
            raise
        put_placeholder(settings)
        return
    install(settings, text)


def is_trusted_now(settings: Settings) -> bool:
    """Whether the port shows a certificate, and no placeholder, to whoever asks for the name."""
    try:
        return not served(settings["name"]).placeholder
    except Failed:
        return False


def renew(settings: Settings) -> None:
    """Get a certificate if one is due, and put in force what is there. Raises Failed."""
    if settings["source"] == "acme" and is_due(settings):
        obtain(settings)
    deploy(settings)


def deploy(settings: Settings) -> None:
    """Put the newest certificate in force, and see that the port shows it. Raises Failed."""
    install(settings, candidate(settings))
    shown = put_in_force(settings)
    end = time.strftime("%Y-%m-%d", time.gmtime(shown.end))
    print(f"{settings['name']}: port 443 shows {shown.short}, until {end}")


def is_due(settings: Settings) -> bool:
    """Whether certbot has to be asked: no fit certificate from the right server, or its end."""
    newest = read(source(settings) / "fullchain.pem")
    if newest is None or not newest.is_for(settings["name"]):
        return True
    if server_of(settings["name"]) != settings["directory"]:
        return True
    return newest.end - time.time() < due_seconds(newest)


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other call of the program is at work. Raises Failed after LOCK_SECONDS."""
    LOCK.touch(0o600)
    with LOCK.open("w") as lock:
        if not locked(lock, LOCK_SECONDS):
            raise Failed(f"another coop-certificate is at work for {LOCK_SECONDS} s")
        yield
