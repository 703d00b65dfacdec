"""Pages of the fleet for people, which Prometheus itself fills in and serves.

https://prometheus.io/docs/visualization/consoles/: Go's html/template with queries in it. There is
no script, and nothing from elsewhere. Words say what colours say.

Which rows and cells there are is what the data says, and not what answers: else a host that tells
nothing would have no row, and what is absent would be blank.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fleet.derived.targets import watched
from fleet.hosts import Host
from fleet.model import Fleet
from roles.monitor.pages.columns import (
    HANDOVER,
    HOST,
    HOSTS,
    METRICS,
    NODES,
    TELLS,
    UP,
    Column,
    looked,
)

PLACE = "consoles"
"""Their directory, below that of Prometheus' configuration."""

FLEET, ITS_HOST = f"{PLACE}/fleet.html", f"{PLACE}/host.html"
ALL = (FLEET, ITS_HOST)

NEW = "new: it had no run yet"
APART = "not watched: it is not in the VPN"

# $host is the row's host, and $has are the columns of which it has something, as |Disk|Units|.
_CELL = """\
{{ if not (match "[|]TITLE[|]" $has) }}<td data-title="TITLE" class="none">&ndash;</td>
{{ else if not (query (printf `LOOK` $host)) }}<td data-title="TITLE" class="bad">unknown</td>
{{ else }}{{ with query (printf `QUERY` $host) }}<td data-title="TITLE" class="\
{{ if query (printf `ALERTS{host="%[1]s",alertstate="firing",alertname=~"NAMES"}` $host) }}bad\
{{ else }}well{{ end }}">{{ with first . }}WORDS{{ end }}</td>
{{ else }}<td data-title="TITLE" class="bad">unknown</td>{{ end }}{{ end }}
"""
_OLD = (
    'max by (host, metric) (coop_look_max_age_seconds{host="HOST"}) unless on (host, metric)'
    ' (abs(max by (host, metric) (coop_look_age_seconds{host="HOST"}))'
    ' <= on (host, metric) max by (host, metric) (coop_look_max_age_seconds{host="HOST"}))'
)


def pages(fleet: Fleet, here: Host) -> dict[str, str]:
    """By name, the text of each page. here: the monitor that shows them"""
    rows, nodes = _rows(fleet, here), _nodes(fleet, here)
    values = {
        "@STYLE@": (Path(__file__).parent / "style.css").read_text(),
        "@RUNBOOKS@": fleet.monitor.runbooks,
        "@UP@": _printed(UP),
        "@OLD@": _printed(_OLD),
        "@METRICS@": METRICS,
        "@TELLS@": "|".join(TELLS),
        "@ON_CALL_LOOKED@": looked(HANDOVER, "{"),
        "@HOST_TITLES@": _titles(HOSTS),
        "@HOST_CELLS@": _cells(HOSTS),
        "@HOST_ROWS@": "\n".join(rows),
        "@NODE_TITLES@": _titles(NODES),
        "@NODE_CELLS@": _cells(NODES),
        "@NODE_ROWS@": "\n".join(nodes),
        "@NODES_BEGIN@": "" if nodes else "{{ if false }}",
        "@NODES_END@": "" if nodes else "{{ end }}",
        "@WATCHERS@": "\n".join(_watchers(fleet)) or "No watcher listens for this monitor.",
        "@UNWATCHED@": "|".join(name for name, _ in _unwatched(fleet)),
    }
    found = {}
    for name in ALL:
        text = (Path(__file__).parent / Path(name).name).read_text()
        for mark, value in values.items():
            text = text.replace(mark, value)
        found[name] = text
    return found


def _rows(fleet: Fleet, here: Host) -> list[str]:
    """A row for each host of the fleet, in the order of names."""
    rows = {host.name: _row("host", fleet, host, here, HOSTS) for host in watched(fleet)}
    for name, why in _unwatched(fleet):
        rows[name] = f'{{{{ template "unwatched" (args "{name}" "{why}") }}}}'
    return [rows[name] for name in sorted(rows)]


def _nodes(fleet: Fleet, here: Host) -> list[str]:
    return [_row("node", fleet, it, here, NODES) for it in watched(fleet) if it.bbb]


def _row(template: str, fleet: Fleet, host: Host, here: Host, columns: Sequence[Column]) -> str:
    has = "|".join(it.title for it in columns if it.expected(fleet, host, here))
    return f'{{{{ template "{template}" (args "{host.name}" "|{has}|") }}}}'


def _unwatched(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """The hosts that nobody asks, by name, and why."""
    known = {it.name for it in watched(fleet)}
    for host in fleet.hosts.values():
        if host.name not in known:
            yield host.name, NEW if host.vpn else APART


def _watchers(fleet: Fleet) -> Iterator[str]:
    for host in watched(fleet, "watcher"):
        yield f'{{{{ template "watcher" "{host.name}" }}}}'


def _titles(columns: Sequence[Column]) -> str:
    return "".join(f"<th>{it.title}</th>" for it in columns)


def _cells(columns: Sequence[Column]) -> str:
    return "".join(
        _CELL.replace("TITLE", it.title)
        .replace("LOOK", _printed(it.look))
        .replace("QUERY", _printed(it.query))
        .replace("NAMES", "|".join(it.alerts))
        .replace("WORDS", it.words)
        for it in columns
    )


def _printed(query: str) -> str:
    """The query as the first argument of printf, whose second one is the host's name."""
    return query.replace(HOST, "%[1]s")
