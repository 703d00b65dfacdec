"""The bundle that the web server reads: written whole, taken in by a reload, seen at the port."""

import grp
import os
import subprocess
import time
from pathlib import Path

from programs.certificate import Failed, Settings
from programs.certificate.acme import lineage
from programs.certificate.pem import Certificate, belongs, certificate, placeholder, untrusted
from programs.certificate.port import served

# How long the web server may take until new connections get the new certificate.
IN_FORCE_SECONDS = 20
# So many new connections in a row: one worker of nginx's may have the new certificate while another
# one, of before the reload, still takes connections.
STEADY = 5
RELOAD_SECONDS = 60
# Another clock may be a little off.
SKEW_SECONDS = 300


def present(settings: Settings) -> Certificate | None:
    """The certificate in the bundle; None if there is none that can be read."""
    return read(Path(settings["bundle"]))


def read(file: Path) -> Certificate | None:
    """The first certificate of the file; None if there is none that can be read."""
    try:
        return certificate(file.read_text())
    except (Failed, OSError, ValueError):
        return None


def source(settings: Settings) -> Path:
    """The directory that the certificate comes from: fullchain.pem and privkey.pem."""
    return lineage(settings) if settings["source"] == "acme" else Path(settings["own"])


def marker(settings: Settings) -> Path:
    """The file that is there as long as the bundle is a placeholder."""
    return Path(f"{settings['bundle']}.placeholder")


def before(settings: Settings) -> Path:
    """What the bundle was, until the web server has taken in the new one."""
    return Path(f"{settings['bundle']}.before")


def candidate(settings: Settings) -> str:
    """The bundle that should be in force, from `source`. Raises Failed if nobody could use it."""
    place, name = source(settings), settings["name"]
    try:
        chain, key = (place / "fullchain.pem").read_text(), (place / "privkey.pem").read_text()
    except (OSError, ValueError) as error:
        raise Failed(f"{place} needs fullchain.pem and privkey.pem of {name}: {error}") from None
    try:
        found = certificate(chain)
        if not belongs(chain, key):
            raise Failed("privkey.pem is not the key of the first certificate in fullchain.pem")
    except Failed as error:
        raise Failed(f"{place}: {error}; what is served stays") from None
    now = time.time()
    wrong = ""
    if not found.is_for(name):
        wrong = f"it is for {', '.join(found.names) or 'no name'} and not for {name}"
    elif found.start > now + SKEW_SECONDS:
        wrong = f"it counts from {_day(found.start)} on only: is this host's clock right?"
    elif found.end < now:
        wrong = f"it ended on {_day(found.end)}: is this host's clock right?"
    elif settings["source"] == "own" and (why := untrusted(chain, settings["ca"])):
        # The usual cause is a fullchain.pem without the certificates between.
        wrong = f"browsers do not trust its chain ({why}): is fullchain.pem whole?"
    if wrong:
        raise Failed(f"{place}/fullchain.pem: {wrong}; what is served stays")
    return f"{chain.rstrip()}\n{key.rstrip()}\n"


def put_placeholder(settings: Settings) -> None:
    """Write a placeholder. The marker comes first: no page is led to a certificate of nobody."""
    put(marker(settings), "", 0o644)
    _put_bundle(settings, placeholder(settings["name"]))


def install(settings: Settings, text: str) -> None:
    """Make the text the bundle, keeping what the bundle was until it is in force."""
    bundle = Path(settings["bundle"])
    if bundle.exists() and bundle.read_text() == text:
        return
    if bundle.exists():
        old = before(settings)
        old.unlink(missing_ok=True)
        os.link(bundle, old)
    _put_bundle(settings, text)


def put_in_force(settings: Settings) -> Certificate:
    """Reload the web server unless it shows the bundle already. Raises Failed.

    If the server refuses the bundle, the bundle becomes what it was before.
    """
    wanted = certificate(Path(settings["bundle"]).read_text())
    if not _shows(settings, wanted):
        _reload(settings)
        end = time.monotonic() + IN_FORCE_SECONDS
        steady = 0
        while steady < STEADY:
            steady = steady + 1 if _shows(settings, wanted) else 0
            if not steady and time.monotonic() > end:
                shown = served(settings["name"])
                raise Failed(
                    f"port 443 still shows {shown.short} and not {wanted.short}, "
                    f"{IN_FORCE_SECONDS} s after {settings['unit']} was reloaded: which "
                    "certificate does its configuration name?"
                )
            time.sleep(0.2)
    before(settings).unlink(missing_ok=True)
    if not wanted.placeholder:
        marker(settings).unlink(missing_ok=True)
    return wanted


def _shows(settings: Settings, wanted: Certificate) -> bool:
    try:
        return served(settings["name"]).fingerprint == wanted.fingerprint
    except Failed:
        return False


def _reload(settings: Settings) -> None:
    unit = settings["unit"]
    if _systemctl("is-active", unit).returncode != 0:
        raise Failed(f"{unit} does not run, so nobody sees the certificate")
    done = _systemctl("reload", unit)
    if done.returncode != 0:
        old = before(settings)
        kept = "; there is no earlier certificate to go back to"
        if old.exists():
            old.replace(settings["bundle"])
            kept = "; the earlier certificate is back in its place"
        said = " ".join(done.stderr.split())
        raise Failed(f"{unit} does not take the new certificate in: {said}{kept}")


def _systemctl(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemctl", *words], capture_output=True, text=True, timeout=RELOAD_SECONDS, check=False
    )


def _put_bundle(settings: Settings, text: str) -> None:
    group = settings["group"]
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        raise Failed(f"there is no group {group}: is the package of its server there?") from None
    put(Path(settings["bundle"]), text, 0o600 if group == "root" else 0o640, number)


def put(file: Path, text: str, mode: int, group: int | None = None) -> None:
    """Write the file whole or not at all. Nobody reads it before it has its mode.

    group: the number of the file's group; None for that of the program
    """
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as out:  # noqa: PTH123
        if group not in (None, os.fstat(descriptor).st_gid):
            os.fchown(descriptor, -1, group or 0)
        os.fchmod(descriptor, mode)
        out.write(text)
        out.flush()
        # Without this, a reset may leave an empty file, and no web server starts on one.
        os.fsync(out.fileno())
    new.replace(file)


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
