"""The node's secrets: the wanted one, the live one, those before, and those of its own."""

import hashlib
import hmac
import json
import re
import secrets as random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from programs.bbb import files
from programs.bbb.failed import Failed
from programs.bbb.keys import properties
from programs.bbb.root import Root

# bbb-conf puts secrets into files by sed: other characters would end its command.
SECRET = r"[A-Za-z0-9]{32,256}"
LIVE = "/etc/bigbluebutton/bbb-web.properties"
PACKAGE = "/usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties"
OWN: dict[str, Callable[[], str]] = {
    "ESL": lambda: random.token_hex(24),
    "TURN": lambda: random.token_hex(24),
    "LIVEKIT_KEY": lambda: f"API{random.token_hex(8)}",
    "LIVEKIT_SECRET": lambda: random.token_hex(24),
}
KEEP_RETIRED = 50


def wanted(root: Root) -> str:
    """The wanted API secret. Raises Failed."""
    found = files.read(root, root.own("secret"))
    value = found.text.strip() if found else ""
    if not re.fullmatch(SECRET, value):
        raise Failed("the wanted API secret is not staged on the node: run deploy.py for the node")
    return value


def setting(root: Root, key: str) -> str | None:
    """What bbb-web goes by: its file in /etc, or its package's."""
    for path in (LIVE, PACKAGE):
        found = files.read(root, path)
        if found and (value := properties(found.text).get(key)):
            return value
    return None


def live(root: Root) -> str | None:
    """The API secret that bbb-web started with, if nobody has changed its file since."""
    return setting(root, "securitySalt")


@dataclass(frozen=True)
class Own:
    """What own.json holds.

    values: by mark
    salt: of the digests
    retired: digests of earlier API secrets
    """

    values: dict[str, str]
    salt: str
    retired: tuple[str, ...]

    def digest(self, secret: str) -> str:
        return hmac.new(self.salt.encode(), secret.encode(), hashlib.sha256).hexdigest()


def own(root: Root) -> Own | None:
    """What the node has made for itself; None if it has made nothing yet. Raises Failed."""
    found = files.read(root, root.own("own.json"))
    if not found:
        return None
    try:
        it = json.loads(found.data)
        made = Own({mark: it["values"][mark] for mark in OWN}, it["salt"], tuple(it["retired"]))
        if all(re.fullmatch(r"[A-Za-z0-9]{16,}", value) for value in made.values.values()):
            return made
    except (ValueError, KeyError, TypeError):
        pass
    raise Failed(
        f"{root.own('own.json')} is damaged. To make new secrets of the node: move the file aside"
    )


def made(root: Root) -> Own:
    """The node's own secrets, made now if there are none. Raises Failed."""
    it = own(root)
    if it is None:
        it = Own({mark: make() for mark, make in OWN.items()}, random.token_hex(16), ())
        _keep(root, it)
    return it


def before(root: Root) -> list[str]:
    """The API secrets before a change that nobody has found to be without fault yet.

    The wanted one is none of them: a rotation may go back to it.
    """
    new = wanted(root)
    return [it for it in _noted(root) if it != new]


def _noted(root: Root) -> list[str]:
    found = files.read(root, root.own("old"))
    # What is shorter would be found everywhere.
    return [it for it in found.text.split() if len(it) >= 8] if found else []


def remember(root: Root, old: str) -> None:
    """Note an API secret that a change is about to take away, before it goes from any file."""
    known = _noted(root)
    if old not in known:
        put(root, "old", "".join(f"{it}\n" for it in [*known, old]))
    it = made(root)
    if (digest := it.digest(old)) not in it.retired:
        _keep(root, Own(it.values, it.salt, (*it.retired, digest)[-KEEP_RETIRED:]))


def forget(root: Root) -> None:
    """The old secrets are in no place and refused: their digests stay, to find them again."""
    files.remove(root, root.own("old"))


def put(root: Root, name: str, text: str) -> None:
    """Write one of the program's own files, for root alone."""
    files.write(root, root.own(name), text.encode(), files.Rights(root.uid, -1, 0o600))


def mask(root: Root, text: str) -> str:
    """The text without any secret that the node knows."""
    known: set[str | None] = set()
    asked: list[Callable[[Root], Iterable[str | None]]] = [
        lambda it: [wanted(it)],
        _own_values,
        _noted,
        lambda it: [live(it)],
    ]
    for ask in asked:
        # What cannot be read is not known, and hides nothing else.
        with suppress(Failed):
            known |= {*ask(root)}
    for secret in sorted(filter(None, known), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _own_values(root: Root) -> list[str]:
    it = own(root)
    return [*it.values.values()] if it else []


def _keep(root: Root, it: Own) -> None:
    text = json.dumps({"values": it.values, "salt": it.salt, "retired": it.retired})
    put(root, "own.json", text)
