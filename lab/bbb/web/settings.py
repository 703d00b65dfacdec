"""What the daemon reads as bbb-web does: once, at its start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties"
OVERRIDE = "etc/bigbluebutton/bbb-web.properties"
RELEASE = "etc/bigbluebutton/bigbluebutton-release"
# bbb-web's defaults, by bigbluebutton.properties.
DEFAULTS = {
    "supportedChecksumAlgorithms": "sha1,sha256,sha384,sha512",
    "allowRevealOfBBBVersion": "false",
    "meetingExpireIfNoUserJoinedInMinutes": "5",
    "meetingExpireWhenLastUserLeftInMinutes": "1",
    "defaultMaxUsers": "0",
    "defaultDialAccessNumber": "613-555-1234",
}


class NotConfigured(Exception):
    """There is no secret or no URL, so bbb-web would not start."""


@dataclass(frozen=True)
class Settings:
    """What counts until the next start.

    url: serverURL, without a slash at its end
    release: such as 3.0.35; empty if no file tells
    empty, left: minutes until a meeting goes that nobody joined, or that everybody left
    """

    secret: str
    url: str
    algorithms: frozenset[str]
    reveals_version: bool
    release: str
    empty: int
    left: int
    max_users: int
    dial_number: str

    @classmethod
    def read(cls, root: Path) -> "Settings":
        """From the files of the host whose root this is. Raises NotConfigured, OSError."""
        values = {**DEFAULTS, **_properties(root / PACKAGE), **_properties(root / OVERRIDE)}
        secret, url = values.get("securitySalt"), values.get("bigbluebutton.web.serverURL")
        if not secret or not url:
            raise NotConfigured("securitySalt or bigbluebutton.web.serverURL is not set")
        algorithms = values["supportedChecksumAlgorithms"].split(",")
        return cls(
            secret=secret,
            url=url.rstrip("/"),
            algorithms=frozenset(it.strip() for it in algorithms),
            reveals_version=values["allowRevealOfBBBVersion"] == "true",
            release=_properties(root / RELEASE).get("BIGBLUEBUTTON_RELEASE", ""),
            empty=int(values["meetingExpireIfNoUserJoinedInMinutes"]),
            left=int(values["meetingExpireWhenLastUserLeftInMinutes"]),
            max_users=int(values["defaultMaxUsers"]),
            dial_number=values["defaultDialAccessNumber"],
        )


def _properties(file: Path) -> Mapping[str, str]:
    """The keys of a Java properties file; the last of two lines with the same key counts."""
    if not file.exists():
        return {}
    lines = [it.strip() for it in file.read_text().splitlines()]
    pairs = (it.partition("=") for it in lines if "=" in it and not it.startswith(("#", "!")))
    return {key.strip(): value.strip() for key, _, value in pairs}
