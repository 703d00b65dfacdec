"""A fleet's pages as Debian's Prometheus fills them in; what hosts tell is as a test says."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from fleet.host_keys import HostKeys
from fleet.model import Fleet
from roles.monitor import alerts, pages
from roles.monitor.known import known
from tests.unit.fleet.oncall_samples import read
from tests.unit.fleet_samples import MONITOR, OFFSITE, fleet_of, sample

PROMETHEUS = shutil.which("prometheus") or ""
KNOWN = ("monitor1", "offsite1", "prod1", "storage1")
"""The hosts that had a run."""
PROBED = [it for it in KNOWN if it != "monitor1"]
PARTS = ("pool", "datasets", "exports", "mounts", "tunnel", "firewall", "units", "accounts", "boot")


def healthy() -> dict[str, dict[str, float]]:
    """By host, and by job of the prober, what it tells; {} for one that does not answer."""
    now = time.time()
    every = {
        'node_filesystem_avail_bytes{mountpoint="/",fstype="ext4"}': 50,
        'node_filesystem_size_bytes{mountpoint="/",fstype="ext4"}': 100,
        'node_scrape_collector_success{collector="filesystem"}': 1,
        "coop_units_failed": 0,
        'coop_tunnel_up{interface="wg0"}': 1,
        "coop_firewall_present": 1,
        "coop_reboot_required": 0,
        "coop_metrics_timestamp_seconds": now,
        **{f'coop_metrics_collector_success{{collector="{it}"}}': 1 for it in PARTS},
    }
    pool: dict[str, float] = {'coop_pool_state{pool="p",state="online"}': 1}
    copies: dict[str, float] = {
        'coop_copy_newest_snapshot_timestamp_seconds{dataset="a",place="offsite"}': now - 3600,
        'coop_copy_last_proof_timestamp_seconds{dataset="a"}': 0,
        "coop_copy_status_timestamp_seconds": now,
    }
    calls: dict[str, float] = {
        'coop_oncall{team="collocall"}': 1,
        'coop_oncall{team="hypha"}': 0,
        'coop_oncall_until_timestamp_seconds{team="collocall"}': now + 3600,
        "coop_handover_status_timestamp_seconds": now,
        "coop_taken_known": 1,
        "prometheus_config_last_reload_success_timestamp_seconds": now,
        'coop_taken_until_timestamp_seconds{alert="Taken",of="prod1",by="ops-meet-1"}': now + 3600,
    }
    client: dict[str, float] = {
        'coop_mount_present{path="/a"}': 1,
        'coop_mount_answers{path="/a"}': 1,
        'coop_certificate_end_timestamp_seconds{name="x"}': now + 9e6,
        "coop_certificate_status_timestamp_seconds": now,
    }
    volumes: dict[str, float] = {
        'coop_dataset_available_bytes{dataset="a"}': 5,
        'coop_dataset_used_bytes{dataset="a"}': 5,
    }
    return {
        "monitor1": every | calls,
        "storage1": every | pool | volumes,
        "offsite1": every | pool | copies,
        "prod1": every | client,
        "outside": {"probe_success": 0},
        "web": {"probe_success": 1},
    }


class Told(BaseHTTPRequestHandler):
    """Answers as those hosts."""

    all: dict[str, dict[str, float]] = {}

    def do_GET(self) -> None:
        told = self.all.get(self.path.strip("/"))
        self.send_response(200 if told else 500)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        lines = (f"{name} {value}\n" for name, value in (told or {}).items())
        self.wfile.write("".join(lines).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


def free_port() -> int:
    with socket.socket() as its:
        its.bind(("127.0.0.1", 0))
        return int(its.getsockname()[1])


def job(name: str, hosts: list[str], address: str, path: str = "") -> dict[str, Any]:
    targets = [
        {"targets": [address],
         "labels": {"host": it, "instance": it, "__metrics_path__": f"/{path or it}"}}
        for it in hosts
    ]  # fmt: skip
    return {"job_name": name, "static_configs": targets}


@contextmanager
def filled_in(place: Path) -> Iterator[str]:
    """The URL of the pages. Two alerts fire on prod1, of which somebody has taken one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HostKeys, "load", lambda self: dict.fromkeys(KNOWN, "key"))
        fleet: Fleet = fleet_of(place, sample(offsite1=OFFSITE, monitor1=MONITOR))
        called = fleet.model_copy(update={"oncall": read(place)})
        texts = pages.pages(called, called.host("monitor1"))
        rules = {
            "known.yml": known(called, datetime.now(UTC)),
            "alerts.yml": alerts.rules("x/", 15),
        }
    labels = {"host": "prod1", "severity": "warning"}
    fire = [
        {"alert": it, "expr": "vector(1)", "labels": labels} for it in ("Taken", "Other")
    ]  # fmt: skip
    rules["fire.yml"] = {"groups": [{"name": "fire", "rules": fire}]}
    (place / pages.PLACE).mkdir()
    for name, text in texts.items():
        (place / name).write_text(text)
    with ThreadingHTTPServer(("127.0.0.1", 0), Told) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"127.0.0.1:{server.server_port}"
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s",
                       "evaluation_interval": "1s", "external_labels": {"monitor": "monitor1"}},
            "rule_files": [*rules],
            "scrape_configs": [
                job("node", [*KNOWN], at),
                job("outside", PROBED, at, "outside"),
                job("web", ["prod1"], at, "web"),
            ],
        }  # fmt: skip
        for name, content in {"prometheus.yml": config, **rules}.items():
            (place / name).write_text(yaml.safe_dump(content))
        address = f"127.0.0.1:{free_port()}"
        words = [
            PROMETHEUS, f"--config.file={place}/prometheus.yml", f"--storage.tsdb.path={place}/d",
            f"--web.listen-address={address}", f"--web.console.templates={place}/consoles",
            f"--web.console.libraries={place}/consoles",
        ]  # fmt: skip
        with (place / "log").open("wb") as log, subprocess.Popen(words, stderr=log) as process:
            try:
                yield f"http://{address}/consoles"
            finally:
                process.terminate()
        server.shutdown()


class Page(HTMLParser):
    """rows: by host, the class and the text of each cell by title; parts: texts by class"""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, tuple[str, str]]] = {}
        self.alerts: dict[str, dict[str, tuple[str, str]]] = {}
        self.bad: list[str] = []
        self.text = text
        self._row: dict[str, tuple[str, str]] = {}
        self._title: str | None = None
        self._kind = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "tr":
            self._row = {}
        elif tag == "td":
            self._title = values.get("data-title") or ""
            self._row[self._title] = (values.get("class") or "", "")
        elif tag in {"p", "span"}:
            self._kind = values.get("class") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._title = None
        elif tag in {"p", "span"}:
            self._kind = ""
        elif tag == "tr" and "Severity" in self._row:
            self.alerts[self._row["What"][1]] = self._row
        elif tag == "tr" and "Host" in self._row:
            self.rows.setdefault(self._row["Host"][1], {}).update(self._row)

    def handle_data(self, data: str) -> None:
        if self._title is not None:
            kind, text = self._row[self._title]
            self._row[self._title] = (kind, (text + data).strip())
        elif self._kind == "bad":
            self.bad.append(data.strip())


def page(base: str, name: str = "fleet.html") -> Page:
    with urlopen(f"{base}/{name}", timeout=10) as answer:
        return Page(answer.read().decode())


def unwell(found: Page) -> set[tuple[str, str]]:
    """The cells that are red, by host and title."""
    return {
        (host, title)
        for host, row in found.rows.items()
        for title, (kind, _) in row.items()
        if kind == "bad"
    }
