"""What the data says, as series of Prometheus: alerts compare what hosts tell with these.

What Prometheus has never heard of has no series, and no alert. So whatever is expected has one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from fleet.derived.intervals import horizon
from fleet.derived.oncall import Span, cover
from fleet.derived.targets import Look, looks, watched
from fleet.model import Fleet

Rule = dict[str, Any]


def known(fleet: Fleet, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """The file of recording rules."""
    groups = {"looks": [*_ages([*looks(fleet)])], "data": [*_data(fleet, now)]}
    return {"groups": [{"name": name, "rules": its} for name, its in groups.items() if its]}


def _ages(expected: Sequence[Look]) -> Iterator[Rule]:
    """What each host has to tell, and how long ago it did."""
    for metric in dict.fromkeys(it.metric for it in expected):
        yield _rule("coop_look_age_seconds", f"time() - {metric}", {"metric": metric})
    for it in expected:
        labels = {"host": it.host, "metric": it.metric}
        yield _constant("coop_look_max_age_seconds", it.seconds, labels)


def _data(fleet: Fleet, now: datetime) -> Iterator[Rule]:
    for host in watched(fleet):
        # One that is over would only make a series more.
        if (its := host.maintenance) and its.until > now:
            labels = {"host": host.name, "why": its.why}
            yield _constant("coop_maintenance_end_timestamp_seconds", its.until, labels)
    if not (oncall := fleet.oncall):
        return
    since, until = horizon(now)
    yield _constant("coop_oncall_end_timestamp_seconds", until)
    yield from _gaps(cover(oncall, since, until))


def _gaps(spans: Iterable[Span]) -> Iterator[Rule]:
    for span in spans:
        if not span.teams:
            labels = {"until": f"{span.until:%Y-%m-%d %H:%M} UTC"}
            yield _constant("coop_oncall_gap_timestamp_seconds", span.since, labels)


def _constant(name: str, value: float | datetime, labels: Mapping[str, str] | None = None) -> Rule:
    number = value.timestamp() if isinstance(value, datetime) else value
    return _rule(name, f"vector({number:.0f})", labels or {})


def _rule(name: str, expr: str, labels: Mapping[str, str]) -> Rule:
    rule: Rule = {"record": name, "expr": expr}
    return {**rule, "labels": {**labels}} if labels else rule
