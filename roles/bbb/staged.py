"""What a node should be, for its own program: staged where nothing that runs reads it.

The program changes the node in a window: programs/bbb/wanted.py says what each field means.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from fleet.bbb import Bbb
from fleet.derived.bbb import (
    line_of,
    node_of,
    packages_of_node,
    patches_of,
    sources_of,
    units_of,
)
from fleet.groups.bbb_lines import BbbFile, BbbUnit
from fleet.hosts import Host
from fleet.model import Fleet
from roles import recordings
from roles.bbb import held, texts

FORMAT = 1
STATE = "/var/lib/coop-infra/bbb"
WANTED, SECRET = f"{STATE}/wanted.json", f"{STATE}/secret"
BUNDLE = "/etc/haproxy/certbundle.pem"
TURN_MARK = "@TURN@"

# By path, what the file should say.
TEXTS: dict[str, Callable[[Bbb], str]] = {
    f"{texts.OVERRIDES}/bbb-web.properties": texts.web,
    f"{texts.OVERRIDES}/bbb-apps-akka.conf": texts.apps,
    f"{texts.OVERRIDES}/bbb-fsesl-akka.conf": texts.fsesl,
    f"{texts.OVERRIDES}/bbb-html5.yml": texts.html5,
    f"{texts.OVERRIDES}/bbb-webrtc-sfu/production.yml": texts.sfu,
    f"{texts.OVERRIDES}/bbb-webrtc-recorder.yml": texts.recorder,
    f"{texts.OVERRIDES}/bbb-webhooks/production.yml": texts.webhooks,
    f"{texts.OVERRIDES}/recording/recording.yml": texts.recording,
    f"{texts.OVERRIDES}/turn-stun-servers.xml": texts.turn_and_stun,
    f"{texts.OVERRIDES}/livekit.yaml": texts.livekit,
    f"{texts.OVERRIDES}/livekit-sip.yaml": texts.livekit_sip,
    "/etc/default/bbb-webrtc-recorder": texts.recorder_keys,
    "/etc/turnserver.conf": texts.turnserver,
}


def wanted_text(fleet: Fleet, host: Host, turn_secret: str | None = None) -> str:
    """wanted.json of the host.

    turn_secret: what the node shares with TURN servers elsewhere, if it uses any
    """
    return json.dumps(_wanted(fleet, host, turn_secret), indent=1) + "\n"


def digest(fleet: Fleet, host: Host, turn_secret: str | None = None) -> str:
    """SHA-256 in hex of wanted.json, by which the program tells what it has changed for."""
    return hashlib.sha256(wanted_text(fleet, host, turn_secret).encode()).hexdigest()


def _wanted(fleet: Fleet, host: Host, turn_secret: str | None) -> dict[str, Any]:
    node, line = node_of(host), line_of(fleet, host)
    packages = packages_of_node(fleet, host)
    own, *_ = sources_of(fleet, host)
    return {
        "format": FORMAT,
        "release": node.release,
        "hostname": node.hostname,
        "front": {"address": "127.0.0.1", "port": 443, "bundle": BUNDLE},
        "apt": {
            "source": own.line(held.keyring(own)),
            "pin": held.PIN,
            "packages": packages,
            "may_go": [it for it in line.may_go if it not in packages],
        },
        "files": [_file(it, node, turn_secret) for it in line.files if it.kind != "A"],
        "patches": list(patches_of(fleet, host)),
        "units": [
            {"name": it.name, "class": it.kind}
            for it in units_of(fleet, host)
            if not it.optional or _comes_with(it, packages)
        ],
        "noise": list(line.noise),
        "recordings": recordings.COMMAND if host.volume else None,
        "reboot": True,
        "limit": fleet.bbb.change,
    }


def _file(it: BbbFile, node: Bbb, turn_secret: str | None) -> dict[str, Any]:
    content = TEXTS[it.path](node)
    if turn_secret is not None:
        content = content.replace(TURN_MARK, turn_secret)
    return {
        "path": it.path,
        "owner": it.owner,
        "group": it.group,
        "mode": f"{it.mode:04o}",
        "class": it.kind,
        "units": list(it.units),
        "content": content,
    }


def _comes_with(unit: BbbUnit, packages: list[str]) -> bool:
    """Whether one of these packages has the unit, such as bbb-livekit livekit-server.service."""
    stem = unit.name.rpartition(".")[0]
    return not {stem, f"bbb-{stem}", f"bbb-{stem.partition('-')[0]}"}.isdisjoint(packages)
