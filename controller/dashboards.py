"""Dashboards for Grafana, from the metrics of this project.

    python -m controller.dashboards DIRECTORY

Writes a file each, in the classic model: Grafana provisions no other from files, and imports it as
it is (https://github.com/grafana/grafana/issues/106381). People choose the data source on the
dashboard itself.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableRefresh, VariableSort

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG = "coop-infra"


@dataclass(frozen=True)
class Panel:
    """expr: PromQL, in which $host is what somebody chose; legend: of a series

    unit: one of Grafana's, such as s, percentunit, short; now: only the last value, as a figure
    """

    title: str
    expr: str
    legend: str = "{{host}}"
    unit: str = "short"
    now: bool = False


@dataclass(frozen=True)
class Board:
    """title: what people read; hosts: the metric that each host to choose from has, "" for none"""

    title: str
    panels: Sequence[Panel]
    hosts: str = ""


HOST = 'host=~"$host"'

BOARDS = {
    "coop-fleet": Board(
        "Co-op: the fleet",
        (
            Panel("On call", "max by (team) (coop_oncall) == 1", "{{team}}", now=True),
            Panel("Hosts that tell nothing", 'sum(up{job="node"} == bool 0)', "", now=True),
            Panel(
                "Alerts",
                'count(ALERTS{alertstate="firing",severity!="none"}) or vector(0)',
                "",
                now=True,
            ),
            Panel("Units that have failed", "sum(coop_units_failed)", "", now=True),
            Panel("SSH open to the network", 'probe_success{job="outside"}'),
            Panel("Pages and nodes answer", 'probe_success{job="web"}', "{{host}} {{name}}"),
            Panel("They took", 'probe_duration_seconds{job="web"}', "{{host}} {{name}}", "s"),
            Panel("Tells how it stands", 'up{job="node"}'),
            Panel("Reboot is due", "coop_reboot_required"),
            Panel(
                "Storage is mounted", "coop_mount_present * coop_mount_answers", "{{host}} {{path}}"
            ),
            Panel(
                "Certificates end in",
                "coop_certificate_end_timestamp_seconds - time()",
                "{{name}}",
                "s",
            ),
            Panel(
                "A watcher heard of the monitor", "coop_watcher_silence_seconds", "{{host}}", "s"
            ),
        ),
    ),
    "coop-host": Board(
        "Co-op: a host",
        (
            Panel(
                "Processor in use",
                f'1 - avg by (host) (rate(node_cpu_seconds_total{{{HOST},mode="idle"}}[5m]))',
                unit="percentunit",
            ),
            Panel(
                "Memory in use",
                f"1 - node_memory_MemAvailable_bytes{{{HOST}}} / node_memory_MemTotal_bytes",
                unit="percentunit",
            ),
            Panel(
                "Disk in use",
                f'1 - node_filesystem_avail_bytes{{{HOST},fstype!~"zfs|vfat"}}'
                " / node_filesystem_size_bytes",
                "{{host}} {{mountpoint}}",
                "percentunit",
            ),
            Panel("Load", f"node_load5{{{HOST}}}"),
            Panel(
                "Through the tunnel, received",
                f"rate(coop_tunnel_received_bytes{{{HOST}}}[5m])",
                "{{host}} from {{peer}}",
                "Bps",
            ),
            Panel(
                "Through the tunnel, sent",
                f"rate(coop_tunnel_sent_bytes{{{HOST}}}[5m])",
                "{{host}} to {{peer}}",
                "Bps",
            ),
            Panel("Units that have failed", f"coop_unit_failed{{{HOST}}}", "{{host}} {{unit}}"),
            Panel(
                "Parts that cannot be looked at",
                f"coop_metrics_collector_success{{{HOST}}} == 0",
                "{{host}} {{collector}}",
            ),
        ),
        "coop_firewall_present",
    ),
    "coop-bbb": Board(
        "Co-op: BigBlueButton",
        (
            Panel("People in meetings", f"sum(bbb_meetings_participants{{{HOST}}})", "", now=True),
            Panel("Meetings", f"sum(bbb_meetings{{{HOST}}})", "", now=True),
            Panel("Nodes whose API answers", f"sum(bbb_api_up{{{HOST}}})", "", now=True),
            Panel("Cameras", f"sum(bbb_meetings_video_participants{{{HOST}}})", "", now=True),
            Panel("People", f"bbb_meetings_participants{{{HOST}}}"),
            Panel("Who can speak", f"bbb_meetings_voice_participants{{{HOST}}}"),
            Panel("Who listens", f"bbb_meetings_listeners{{{HOST}}}"),
            Panel("The API took", f"coop_bbb_api_seconds{{{HOST}}}", unit="s"),
            Panel("The API answers", f"coop_bbb_api_answer{{{HOST}}} == 1", "{{host}} {{answer}}"),
            Panel("A change is at work", f"coop_bbb_changing{{{HOST}}}"),
            Panel("Recordings still to be made", f"coop_recording_queue{{{HOST}}}"),
            Panel("Recordings without a copy", f"coop_recording_waiting{{{HOST}}}"),
        ),
        "coop_bbb_changing",
    ),
    "coop-data": Board(
        "Co-op: storage and copies",
        (
            Panel(
                "Pools that are not online",
                'sum(coop_pool_state{state="online"} == bool 0)',
                "",
                now=True,
            ),
            Panel("Problems of copies", "sum(coop_copy_problem)", "", now=True),
            Panel("Problems of sets", "sum(coop_set_problem)", "", now=True),
            Panel("Damaged files", "sum(coop_pool_damaged_files)", "", now=True),
            Panel(
                "Pool in use",
                "1 - coop_pool_free_bytes / coop_pool_size_bytes",
                "{{host}} {{pool}}",
                "percentunit",
            ),
            Panel(
                "Quota in use",
                "coop_dataset_used_bytes"
                " / (coop_dataset_used_bytes + coop_dataset_available_bytes)",
                "{{dataset}}",
                "percentunit",
            ),
            Panel(
                "Age of the newest snapshot",
                "time() - coop_copy_newest_snapshot_timestamp_seconds",
                "{{dataset}} {{place}}",
                "s",
            ),
            Panel(
                "Since the last restore on trial",
                "time() - coop_copy_last_proof_timestamp_seconds",
                "{{dataset}}",
                "s",
            ),
            Panel("Age of the newest set", "time() - coop_set_newest_timestamp_seconds", unit="s"),
            Panel(
                "Since the last scrub",
                "time() - coop_pool_scrub_timestamp_seconds > 0",
                "{{host}} {{pool}}",
                "s",
            ),
        ),
    ),
}


def texts() -> dict[str, str]:
    """By name, the JSON of each dashboard."""
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {f"{name}.json": f"{encoder.encode(_made(name))}\n" for name in BOARDS}


def _made(name: str) -> object:
    board = BOARDS[name]
    made = (
        dashboard.Dashboard(board.title)
        .uid(name)
        .tags([TAG])
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .link(dashboard.DashboardLink("Co-op").tags([TAG]).as_dropdown(True).keep_time(True))
    )
    if board.hosts:
        made = made.with_variable(_hosts(board.hosts))
    for panel in board.panels:
        made = made.with_panel(_figure(panel) if panel.now else _graph(panel))
    return made.build()


def _hosts(metric: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("host")
        .label("Host")
        .datasource(SOURCE)
        .query(f"label_values({metric}, host)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".+")
    )


def _graph(panel: Panel) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .title(panel.title)
        .datasource(SOURCE)
        .unit(panel.unit)
        .with_target(prometheus.Dataquery().expr(panel.expr).legend_format(panel.legend))
    )


def _figure(panel: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .title(panel.title)
        .datasource(SOURCE)
        .unit(panel.unit)
        .span(6)
        .height(4)
        .with_target(prometheus.Dataquery().expr(panel.expr).legend_format(panel.legend).instant())
    )


def expressions() -> Iterator[str]:
    """Each query of all dashboards."""
    yield from (panel.expr for board in BOARDS.values() for panel in board.panels)


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (directory / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
