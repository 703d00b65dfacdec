"""A node in a directory: its files, commands that say what the test wants, and a bbb-web."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from programs.bbb import apt, gate, secrets, units, verify
from programs.bbb.root import STATE, Root

OLD, NEW = "Old0" * 10, "New0" * 10
PROPERTIES = "/etc/bigbluebutton/bbb-web.properties"
HOST = "bbb2.example.org"

# By name, a command. $NODE is the node's directory; each call is a line of $NODE/calls.
COMMANDS = {
    "systemctl": """
case "$1" in show)
    shift
    for unit; do case "$unit" in
        --*) ;;
        *) cat "$NODE/units/$unit" 2>/dev/null ||
            printf 'Id=%s\\nLoadState=not-found\\nActiveState=inactive\\nNRestarts=0\\n' "$unit"
           echo ;;
    esac; done ;;
esac
""",
    "systemd-run": "",
    "nginx": '[ ! -e "$NODE/nginx-is-broken" ] || { echo "unexpected }" >&2; exit 1; }',
    "dpkg-query": 'cat "$NODE/dpkg"',
    "dpkg": """
case "$1" in --compare-versions)
    [ "$2" != "$4" ] && [ "$(printf '%s\\n' "$2" "$4" | sort -V | tail -n 1)" = "$2" ] ;;
esac
""",
    "apt-get": """
case " $* " in
    *" indextargets "*) echo "$NODE/Packages" ;;
    *" -s install "*) cat "$NODE/simulated" ;;
    *" -d install "*) ;;
    *" install "*) . "$NODE/installing" ;;
esac
""",
    "apt-cache": "",
    "openssl": 'echo "Hostname $8 does match certificate"',
    "bbb-conf": 'cat "$NODE/checked"',
}


class Web(BaseHTTPRequestHandler):
    """bbb-web as far as the program asks it, and nginx with the gate before it."""

    server: "Server"

    def do_GET(self) -> None:
        node = self.server.node
        if node.mode == "slow":
            time.sleep(2)
        if node.mode == "page":
            return self._say(b"<html>Bad Gateway</html>", 502)
        if node.mode == "html":
            return self._say(b"<html><body>Hello</body></html>")
        it = urlsplit(self.path)
        call = it.path.rpartition("/")[2]
        query, _, checksum = it.query.rpartition("checksum=")
        if not checksum and call == "create":
            closed = node.root.at(gate.FILE).exists()
            return self._say(_failed("maintenance" if closed else "checksumError"))
        text = f"{call}{query.removesuffix('&')}{node.secret}".encode()
        if checksum not in [hashlib.new(name, text).hexdigest() for name in ("sha256", "sha512")]:
            return self._say(_failed("checksumError"))
        return self._say(node.answers(call, {k: v[0] for k, v in parse_qs(query).items()}))

    def _say(self, data: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    node: "Node"


def _failed(key: str) -> bytes:
    return (
        f"<response><returncode>FAILED</returncode><messageKey>{key}</messageKey>"
        "<message>No.</message></response>"
    ).encode()


def meeting(name: str = "m1", **values: Any) -> dict[str, Any]:
    return {
        "meetingID": name, "meetingName": f"Room {name}", "createTime": 1790000000123,
        "running": "true", "hasUserJoined": "true", "hasBeenForciblyEnded": "false",
        "endTime": 0, "participantCount": 3, **values,
    }  # fmt: skip


class Node:
    """secret: what bbb-web goes by; live: its meetings; mode: "", slow, page, html

    A test of `slow` sets meetings.SECONDS, as a busy machine is slow by itself.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self.secret, self.mode = NEW, ""
        self.live: list[dict[str, Any]] = []
        self.raw: bytes | None = None
        self.server = Server(("127.0.0.1", 0), Web)
        self.server.node = self
        self.port = self.server.server_address[1]
        self.root = Root(
            top, f"http://127.0.0.1:{self.port}", os.getuid(),
            {"root": os.getuid(), "bigbluebutton": os.getuid()},
            {"root": os.getgid(), "bigbluebutton": os.getgid()},
        )  # fmt: skip

    def answers(self, call: str, values: dict[str, str]) -> bytes:
        if self.raw is not None:
            return self.raw
        if call == "create":
            self.live.append(meeting(values["meetingID"], participantCount=0))
        if call == "end":
            self.live = [it for it in self.live if it["meetingID"] != values["meetingID"]]
        key = "<messageKey>noMeetings</messageKey>" if not self.live else ""
        listed = "".join(
            f"<meeting>{''.join(f'<{k}>{v}</{k}>' for k, v in it.items())}</meeting>"
            for it in self.live
        )
        return (
            f"<response><returncode>SUCCESS</returncode>{key}<meetings>{listed}</meetings>"
            "</response>"
        ).encode()

    def put(self, path: str, text: str, mode: int = 0o644) -> Path:
        file = self.root.at(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def text(self, path: str) -> str:
        return self.root.at(path).read_text()

    def unit(self, name: str, active: str = "active", restarts: int = 0, **more: str) -> None:
        lines = {"Id": name, "LoadState": "loaded", "ActiveState": active, "NRestarts": restarts}
        self.put(f"/units/{name}", "".join(f"{it}={to}\n" for it, to in {**lines, **more}.items()))

    def want(self, **changes: Any) -> dict[str, Any]:
        """Stage what is wanted: the sample with these changes."""
        it = {**wanted(self.port), **changes}
        self.put(f"{STATE}/wanted.json", json.dumps(it), 0o600)
        return it

    def calls(self, command: str = "") -> list[str]:
        file = self.top / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [it for it in lines if it.startswith(command)]


def wanted(port: int = 443) -> dict[str, Any]:
    return {
        "format": 1,
        "release": "3.0.35",
        "hostname": HOST,
        "front": {"address": "127.0.0.1", "port": port, "bundle": None},
        "apt": {
            "source": "deb [signed-by=/etc/apt/keyrings/b.asc] https://m.example.org/d s main",
            "pin": "/etc/apt/preferences.d/coop-bbb",
            "packages": ["bigbluebutton"],
            "may_go": [],
        },
        "files": [
            {
                "path": PROPERTIES, "owner": "root", "group": "bigbluebutton", "mode": "0640",
                "class": "C", "units": [],
                "content": f"bigbluebutton.web.serverURL=https://{HOST}\nsecuritySalt=@SECRET@\n",
            },
            {
                "path": "/etc/turnserver.conf", "owner": "root", "group": "root", "mode": "0640",
                "class": "B", "units": ["coturn.service"],
                "content": "static-auth-secret=@TURN@\n",
            },
        ],
        "patches": [
            {
                "kind": "line", "path": "/usr/share/bigbluebutton/nginx/sip.nginx", "class": "C",
                "match": r"\s*proxy_pass .*;", "line": "  proxy_pass https://203.0.113.5:7443;",
            },
        ],
        "units": [{"name": "bbb-web.service", "class": "C"}],
        "noise": ["known to mean nothing"],
        "recordings": None,
        "reboot": False,
        "limit": 3600,
    }  # fmt: skip


@contextmanager
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """A node whose packages are of 3.0.35, and whose files are those of `wanted` and of NEW."""
    it = Node(tmp_path / "node")
    it.top.mkdir()
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, does in COMMANDS.items():
        (commands / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "$NODE/calls"\n{does}\n')
        (commands / name).chmod(0o755)
    (commands / "apt-helper").write_text('#!/bin/sh\ncat "$2"\n')
    (commands / "apt-helper").chmod(0o755)
    monkeypatch.setenv("NODE", str(it.top))
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setattr(apt, "HELPER", str(commands / "apt-helper"))
    for module, name in (
        (gate, "WORKERS_SECONDS"), (gate, "SEEN_SECONDS"), (units, "SETTLE_SECONDS"),
        (verify, "SETTLED_SECONDS"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, 0.5)
    _fill(it)
    thread = threading.Thread(target=it.server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield it
    finally:
        it.server.shutdown()
        it.server.server_close()


def _fill(it: Node) -> None:
    (it.top / STATE.lstrip("/")).mkdir(parents=True, mode=0o700)
    (it.top / STATE.lstrip("/")).chmod(0o700)
    (it.top / "run").mkdir()
    it.put(f"{STATE}/secret", f"{NEW}\n", 0o600)
    it.want()
    it.put("/etc/bigbluebutton/bigbluebutton-release", "BIGBLUEBUTTON_RELEASE=3.0.35\n")
    it.put(PROPERTIES, f"bigbluebutton.web.serverURL=https://{HOST}\nsecuritySalt={NEW}\n", 0o640)
    it.put(
        "/usr/share/bigbluebutton/nginx/sip.nginx", "{\n  proxy_pass https://203.0.113.5:7443;\n}"
    )
    turn = secrets.made(it.root).values["TURN"]
    it.put("/etc/turnserver.conf", f"static-auth-secret={turn}\n", 0o640)
    it.put("/dpkg", "bigbluebutton\t1:3.0-48\tii \nbbb-web\t1:3.0-48\tii \nredis\t7\tii \n")
    it.put(
        "/Packages",
        "Package: bigbluebutton\nVersion: 1:3.0-48\n\nPackage: bbb-web\nVersion: 1:3.0-48\n\n"
        "Package: bbb-webhooks\nVersion: 1:3.0-48\n",
    )
    it.put("/simulated", "")
    it.put("/installing", "")
    it.put("/checked", "")
    for name in (
        "bbb-web.service",
        "nginx.service",
        "bigbluebutton.target",
        "coturn.service",
        "redis-server.service",
    ):
        it.unit(name)
    it.put("/run/nginx.pid", "100\n")
    it.put("/proc/101/stat", "101 (nginx) S 100 0" + " 0" * 16 + " 555 0")
