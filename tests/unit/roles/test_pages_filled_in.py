"""Debian's Prometheus fills in the pages: what is old, absent or untold is never well."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
from tests.unit.roles.test_pages import KNOWN

PROMETHEUS = shutil.which("prometheus") or ""
pytestmark = pytest.mark.skipif(not PROMETHEUS, reason="needs Debian's prometheus")

PROBED = [it for it in KNOWN if it != "monitor1"]
PARTS = ("pool", "datasets", "exports", "mounts", "tunnel", "firewall", "units", "accounts", "boot")
Change = Callable[[dict[str, dict[str, float]]], object]


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


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the pages. Two alerts fire on prod1, of which somebody has taken one."""
    place = tmp_path_factory.mktemp("prometheus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HostKeys, "load", lambda self: dict.fromkeys(KNOWN, "key"))
        fleet: Fleet = fleet_of(place, sample(offsite1=OFFSITE, monitor1=MONITOR))
        called = fleet.model_copy(update={"oncall": read(place)})
        texts = pages.pages(called, called.host("monitor1"))
        rules = {"known.yml": known(called, datetime.now(UTC)), "alerts.yml": alerts.rules("x/")}
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


def seen(base: str, told: Change, wanted: Callable[[Page], bool]) -> Page:
    """The page once it is as wanted, or after a while as it is, with what hosts tell so changed."""
    Told.all = healthy()
    told(Told.all)
    end = time.monotonic() + 30
    while True:
        try:
            found = page(base)
        except OSError:
            found = Page("")
        if (found.rows and wanted(found)) or time.monotonic() > end:
            return found
        time.sleep(0.3)


def all_well(found: Page) -> bool:
    return bool(found.rows) and not unwell(found) and not found.bad


def changed(base: str, told: Change) -> Page:
    """From a page that is well, what the change makes red."""
    assert all_well(it := seen(base, lambda _: None, all_well)), (unwell(it), it.bad)
    now = seen(base, told, lambda it: not all_well(it))
    # What is scraped last may show a moment later.
    time.sleep(2.5)
    return page(base) if now.rows else now


def test_a_healthy_fleet_is_well_and_the_new_host_is_new(base: str) -> None:
    found = seen(base, lambda _: None, all_well)
    assert (unwell(found), found.bad) == (set(), [])
    assert found.rows.keys() == {*KNOWN, "stg1"}
    assert found.rows["stg1"]["Tells"] == ("new", "new: it had no run yet")
    assert found.rows["prod1"]["Units"] == ("well", "0 failed")
    assert found.rows["prod1"]["Web"] == ("well", "answers")
    assert found.rows["prod1"]["Pool"] == ("none", "\N{EN DASH}")
    assert found.rows["offsite1"]["Restored"] == ("well", "never")
    assert "<b>collocall</b>, until 20" in found.text


def test_what_somebody_has_taken_says_by_whom(base: str) -> None:
    found = seen(base, lambda _: None, lambda it: "Taken" in it.alerts and all_well(it))
    kind, text = found.alerts["Taken"]["Taken"]
    assert kind == "well" and text.startswith("by ops-meet-1 until 20")
    assert found.alerts["Other"]["Taken"] == ("", "by nobody")
    unknown = seen(
        base,
        lambda it: it["monitor1"].update(coop_taken_known=0),
        lambda it: it.alerts["Taken"]["Taken"][0] == "bad",
    )
    assert {it["Taken"] for it in unknown.alerts.values()} == {("bad", "unknown")}


OLD = time.time() - 7200


@pytest.mark.parametrize(
    ("told", "red"),
    [
        (
            lambda it: it["prod1"].update({'coop_metrics_collector_success{collector="units"}': 0}),
            {("prod1", "Tells"), ("prod1", "Units")},
        ),
        (
            lambda it: it["prod1"].update({'coop_metrics_collector_success{collector="boot"}': 0}),
            {("prod1", "Tells"), ("prod1", "Reboot")},
        ),
        (
            lambda it: it["prod1"].update(coop_metrics_timestamp_seconds=OLD),
            {("prod1", it) for it in ("Tells", "Units", "Tunnel", "Firewall", "Storage", "Reboot")},
        ),
        (
            lambda it: it["prod1"].update(coop_certificate_status_timestamp_seconds=OLD * 0.99),
            {("prod1", "Tells"), ("prod1", "Certificate")},
        ),
        (
            lambda it: it["offsite1"].update(coop_copy_status_timestamp_seconds=OLD),
            {("offsite1", "Tells"), ("offsite1", "Copies"), ("offsite1", "Restored")},
        ),
        (
            lambda it: it["offsite1"].pop("coop_copy_status_timestamp_seconds"),
            {("offsite1", "Tells"), ("offsite1", "Copies"), ("offsite1", "Restored")},
        ),
        (lambda it: it.update(outside={}), {(it, "SSH from outside") for it in PROBED}),
        (lambda it: it.update(web={}), {("prod1", "Web")}),
        (lambda it: it["prod1"].pop("coop_firewall_present"), {("prod1", "Firewall")}),
        (
            lambda it: it["storage1"].pop('coop_pool_state{pool="p",state="online"}'),
            {("storage1", "Pool")},
        ),
        (
            lambda it: it["prod1"].pop(
                'node_filesystem_avail_bytes{mountpoint="/",fstype="ext4"}'
            ),
            {("prod1", "Disk")},
        ),
        (
            lambda it: it.update(storage1={}),
            {
                ("storage1", it)
                for it in (
                    "Tells", "Disk", "Units", "Tunnel", "Firewall", "Pool", "Volumes", "Reboot",
                )
            },
        ),
    ],
)  # fmt: skip
def test_what_is_old_absent_or_untold_is_unknown_and_red(
    base: str, told: Change, red: set[tuple[str, str]]
) -> None:
    found = changed(base, told)
    assert unwell(found) == red
    texts = {found.rows[host][title][1] for host, title in red if title != "Tells"}
    assert texts == {"unknown"}
    first = {found.rows[host][title][1] for host, title in red if title == "Tells"}
    assert not first or first == {"no"} or first.pop().startswith("in part, without ")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (
            {"coop_handover_status_timestamp_seconds": OLD},
            "unknown: no monitor has looked of late who is on call",
        ),
        ({'coop_oncall{team="collocall"}': 0}, "nobody: the redundancy gets everything"),
    ],
)
def test_who_is_on_call_is_of_just_now_or_unknown(
    base: str, told: dict[str, float], says: str
) -> None:
    found = changed(base, lambda it: it["monitor1"].update(told))
    assert found.bad == [says]
    assert "<b>" not in found.text


def test_a_page_of_a_host_says_what_does_not_look(base: str) -> None:
    one = 'coop_metrics_collector_success{collector="units"}'
    changed(base, lambda it: it["prod1"].update({one: 0}))
    told = page(base, "host.html?host=prod1").bad
    assert told == ["What follows from these is old or unknown: units"]
    assert page(base, "host.html?host=storage1").bad == []
    assert "nobody asks this host: it is new" in page(base, "host.html?host=stg1").text
    assert "unknown" in page(base, "host.html?host=nobody").bad
