"""Where API secrets lie on a node, and how an old one goes from there."""

import re
from collections.abc import Iterator
from pathlib import Path

from programs.bbb import files, secrets
from programs.bbb.failed import Failed
from programs.bbb.root import Root

# bbb-conf --setsecret knows the webhooks' default.yml and post_catcher.js besides BBB's own files,
# and people keep copies. Greenlight and LTI are on some nodes: bbb-install's directories.
PATTERNS = (
    "etc/bigbluebutton/**/*",
    "etc/default/bbb-*",
    "usr/share/bbb-web/WEB-INF/classes/*.properties*",
    "usr/share/bbb-apps-akka/conf/*",
    "usr/local/bigbluebutton/bbb-webhooks/config/*",
    "usr/local/bigbluebutton/bbb-webhooks/extra/*",
    "root/greenlight*/.env*",
    "home/*/greenlight*/.env*",
    "root/bbb-lti*/**/.env*",
    "home/*/bbb-lti*/**/.env*",
    "tmp/*.bak",
)
# Copies of what was there before an upgrade, which preinst of bbb-web and of bbb-freeswitch-core
# make and nobody takes away.
LEFT_BEHIND = (
    "/tmp/bigbluebutton.properties",
    "/tmp/turn-stun-servers.xml",
    "/tmp/event_socket.conf.xml",
    "/tmp/event_socket.conf.xml_",
)
PACKAGES = ("/usr/share/", "/usr/local/")
MOST_FILES = 2000
# What a secret is called: securitySalt, sharedSecret, shared_secret, BIGBLUEBUTTON_SECRET.
NAMED = re.compile(
    r"""(?:securitySalt|shared_?secret|BIGBLUEBUTTON_SECRET)["']?\s*[:=]\s*["']?([^\s"',;]+)""",
    re.IGNORECASE,
)
TOKEN = re.compile(r"[A-Za-z0-9]{20,256}")


def places(root: Root) -> Iterator[tuple[str, files.Found]]:
    """Each file that may have an API secret. Raises Failed: too many, or one that is too large."""
    seen: set[Path] = set()
    for pattern in PATTERNS:
        seen.update(it for it in root.top.glob(pattern) if it.is_file() and not it.is_symlink())
        if len(seen) > MOST_FILES:
            raise Failed(f"more than {MOST_FILES} files may have a secret: what is in /{pattern}?")
    seen.update(root.at(path) for path in LEFT_BEHIND if root.at(path).is_file())
    for file in sorted(seen):
        path = f"/{file.relative_to(root.top)}"
        try:
            found = files.read(root, path)
        except Failed:
            # There anybody may have put anything, such as a link.
            if path.startswith(("/tmp/", "/home/")):
                continue
            raise
        if found:
            yield path, found


def summary(root: Root, wanted: str | None) -> dict[str, str]:
    """By place: whether its secret is the `wanted` one, an `other`, or `none` that counts is there.

    wanted: None where nothing is staged
    """
    told = {}
    old = set(with_old(root)) if wanted else set()
    for path, found in places(root):
        values = set(NAMED.findall(found.text))
        if values == {wanted}:
            told[path] = "wanted"
        elif path in old or (values and not path.startswith(PACKAGES)):
            told[path] = "other"
        elif values:
            # Something random of the package's, which an override in /etc beats.
            told[path] = "none"
    return told


def with_old(root: Root) -> list[str]:
    """The places that have an API secret of before, also of an earlier rotation."""
    before = [it.encode() for it in secrets.before(root)]
    own = secrets.own(root)
    retired = set(own.retired) - {own.digest(secrets.wanted(root))} if own else set()

    def has_old(text: str) -> bool:
        return bool(own and retired.intersection(map(own.digest, set(TOKEN.findall(text)))))

    return [
        path
        for path, found in places(root)
        if any(it in found.data for it in before) or (retired and has_old(found.text))
    ]


def scrub(root: Root) -> list[str]:
    """Put the wanted secret in the place of each old one. Returns the places. Raises Failed.

    Files of other accounts are written with those accounts' powers.
    """
    for path in LEFT_BEHIND:
        files.remove(root, path)
    new, old = secrets.wanted(root).encode(), [it.encode() for it in secrets.before(root)]
    changed = []
    for path, found in places(root):
        data = found.data
        for it in old:
            data = data.replace(it, new)
        if data == found.data:
            continue
        if path.startswith("/tmp/"):
            files.remove(root, path)
        else:
            files.write(root, path, data, found.rights)
        changed.append(path)
    return changed
