"""The public keys of apt repositories: kept in git, and compared with the data in each run.

A key that is not there yet comes from its repository, to the operator's machine and not to a host.
Nothing keeps it before its fingerprint is the one that the data pins. From then on the key lies in
group_data/keys, for a person to see and for git to keep: no run trusts what a repository answers
that day, and a repository that is away keeps no run.
"""

from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from fleet import ROOT
from fleet.bbb import Mirror
from fleet.derived.bbb import AptSource
from fleet.reading.problems import Invalid
from fleet.values.openpgp import fingerprint

KEYS = ROOT / "group_data" / "keys"
SECONDS = 30
MOST_BYTES = 2**20


class Unfit(Exception):
    """Says what is wrong with a key, and what to do."""


def key_of(
    source: AptSource,
    mirror: Mirror | None = None,
    keys: Path = KEYS,
    fetch: Callable[[str], str] | None = None,
) -> str:
    """The text of the source's key; of a mirror's own key, where a mirror stands in.

    fetch: gets the text at an address; None for a run that only reads
    Raises Unfit unless the text is the one key that the data names.
    """
    if mirror:
        return _one_key(Path(mirror.key), None)
    if source.fingerprint is None:
        raise Unfit(f"{source.name}: the data has no fingerprint; write it into group_data/bbb.py")
    file = keys / f"{source.fingerprint}.asc"
    if file.exists():
        return _one_key(file, source.fingerprint)
    if fetch is None:
        raise Unfit(f"{file.name} is not there yet: the next run fetches it from {source.key}")
    text = _compared(fetch(source.key), source.fingerprint, source.key)
    keys.mkdir(exist_ok=True)
    file.write_text(text)
    return text


def fetched(address: str) -> str:
    """What is at the address. Raises Unfit if nothing is."""
    try:
        with urlopen(address, timeout=SECONDS) as answer:
            data: bytes = answer.read(MOST_BYTES)
    except OSError as error:
        raise Unfit(f"{address} gives no key ({error}); try again, or put it there") from None
    return data.decode("ascii", errors="replace")


def _one_key(file: Path, pinned: str | None) -> str:
    """pinned: the fingerprint; None for any, because whoever has the file has chosen the key"""
    path = ROOT / file.expanduser()
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise Unfit(f"{file} cannot be read: {type(error).__name__}") from None
    return _compared(text, pinned, str(file))


def _compared(text: str, pinned: str | None, where: str) -> str:
    try:
        found = fingerprint(text)
    except Invalid as error:
        raise Unfit(f"{where} {error}") from None
    if pinned not in (None, found):
        message = f"{where} is the key {found}, and the data pins {pinned}"
        raise Unfit(f"{message}; find out who is right before you change either")
    return text
