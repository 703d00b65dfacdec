"""What a secret looks like: a person may paste one where something public belongs.

The data is in git, and what is wrong with the data is printed. So a secret is refused wherever it
stands, and no message shows it.
"""

import base64
import re

MAKE_NEW = (
    "make a new one, as this one is known now to all who can read the file, and write only what is "
    "public here (of a key the public half)"
)

_NAMED = r"""['"]?\s*(?:[=:]\s*\S|\s['"]?[A-Za-z0-9+/]{43}=)"""
# The first pattern that is found counts.
_KINDS = {
    "this is a private key": (
        "PRIVATE KEY"
        r"|PuTTY-User-Key-File-|Private-(?:Lines|MAC|key-format):"
        "|AGE-(?:SECRET-KEY|PLUGIN)-"
        # OpenSSH's and minisign's keys without the line above them.
        "|b3BlbnNzaC1rZXktdjEA|RWRTY0Iy"
        rf"|(?i:private[ _-]?key){_NAMED}"
    ),
    "this may be a private key": (
        # Of any label, such as OpenVPN's static keys.
        "-{2,} ?BEGIN (?![^-\n]*(?:PUBLIC|CERTIFICATE|SIGNATURE))[^-\n]+-{2,}"
    ),
    "this is a preshared key": rf"(?i:pre-?shared[ _-]?key){_NAMED}",
    # gocryptfs prints it on two lines; half of it is half of the secret.
    "this is a master key of gocryptfs": (
        r"(?i:(?<![0-9a-f])(?:[0-9a-f]{8}-(?:\s|\\n)*){3,}[0-9a-f]{8})"
    ),
    # RFC 3986, 3.2.1. A port is no password, and neither is a part of an IPv6 address.
    "this address holds a password": (
        r"://(?!\[)[^\s/?#@]*(?::(?!\d{1,5}(?:/|$))[^\s@]*|%3[Aa][^\s/@]*)@"
        r"|(?<![\w/:@.+-])(?!mailto:)[\w.+-]+:[^\s:/@]+@[A-Za-z0-9-]+\."
    ),
    "this holds a token": (
        # As a word of its own, also behind a character that an address writes as %3A.
        "(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))(?:"
        "gh[oprsu]_[A-Za-z0-9]{16}|github_pat_[A-Za-z0-9]"
        r"|gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct|wt)-[\w-]{16}"
        r"|xox[a-z]-[\w-]{10}|sk-(?:[a-z]{3,4}-)?[A-Za-z0-9_]{20}|tskey-[a-z]+-\w"
        r"|npm_[A-Za-z0-9]{30}|pypi-\w{16}|dop_v1_\w{30}|hv[bs]\.\w{20}"
        r"|(?:AKIA|ASIA)[0-9A-Z]{16}\b|AT(?:BB|ATT|CTT)[\w-]{20}"
        # Of Matrix: synapse's, and a macaroon.
        r"|sy[tr]_[A-Za-z0-9]{4,}_\w{10}|MDAxY2xvY2F0aW9u|mct_\w{20}"
        r"|(?:sk|rk)_(?:live|test)_\w{10}|sk-ant-[\w-]{10}|hf_\w{20}|dckr_pat_[\w-]{10}"
        r"|SG\.[\w-]{10}|ya29\.[\w-]{6}"
        r"|eyJ[\w-]{10,}\.eyJ[\w-]{10})"
    ),
    "this holds a password": (
        r"(?i:password|passwd|passphrase|secret|token|psk)\w*['\"]?\s*[=:]\s*\S"
        r"|\b(?i:pass|pwd)\s*=\s*\S"
        # A line of netrc(5).
        r"|\bmachine\s+\S+\s+login\s+\S+\s+password\s+\S"
        r"|[?&;#][\w.-]*(?i:key|auth|sig|signature|credential)[\w.-]*=\S"
    ),
}
_PATTERNS = {what: re.compile(pattern) for what, pattern in _KINDS.items()}
# A private key without the lines around it is base64 of a sequence that begins with a small number,
# the version (PKCS #1, #8, #12, SEC 1), or that names PBES2, the encryption of keys (RFC 8018).
_DER = re.compile(
    rb"0(?:[\x00-\x7f]|\x81.|\x82..)(?:\x02\x01[\x00\x01\x03]"
    rb"|.{0,6}\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d)",
    re.DOTALL,
)


def secret_in(text: str) -> str | None:
    """What of a secret the text surely holds, as a sentence for a message; None for nothing."""
    for what, pattern in _PATTERNS.items():
        if pattern.search(text):
            return what
    if any(
        _DER.match(base64.b64decode(it)) for it in re.findall(r"(?:[A-Za-z0-9+/]{4}){10,}", text)
    ):
        return "this is a private key"
    return None


def may_be_secret(text: str) -> bool:
    """Whether a message must not show the text: it holds a secret, or what looks like chance.

    Who stands before the @ of a URL may be a token, but for the account of most git servers.
    """
    runs = re.findall(r"[A-Za-z0-9+/]{32,}", text)
    return (
        secret_in(text) is not None
        or any(map(_looks_random, runs))
        or re.search(r"://(?!git@)[^\s/?#@]+@", text) is not None
    )


def _looks_random(run: str) -> bool:
    kinds = [bool(re.search(kind, run)) for kind in ("[0-9]", "[a-z]", "[A-Z]")]
    # A path has slashes too, and seldom all three.
    return all(kinds) or ("/" not in run and kinds[0] and any(kinds[1:]))
