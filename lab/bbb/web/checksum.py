"""How a call of the API is signed: api.md, "API Security Model"."""

import hashlib
import hmac
import re
from urllib.parse import parse_qsl

# Hex digits, by algorithm: a checksum's length tells the algorithm.
LENGTHS = {40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}
_CHECKSUM = re.compile(r"&checksum=[^&]*|^checksum=[^&]*&?")


def parameters(query: str) -> dict[str, str]:
    """What a query says. The first of two parameters of a name counts."""
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, value)
    return values


def unsigned(query: str) -> str:
    """The raw query without its checksum, wherever in the query that is."""
    return _CHECKSUM.sub("", query)


def is_right(call: str, query: str, checksum: str, secret: str, algorithms: frozenset[str]) -> bool:
    """Whether the checksum is that of the call, by one of the algorithms."""
    algorithm = LENGTHS.get(len(checksum))
    if algorithm is None or algorithm not in algorithms:
        return False
    right = hashlib.new(algorithm, f"{call}{unsigned(query)}{secret}".encode()).hexdigest()
    return hmac.compare_digest(right, checksum.lower())
