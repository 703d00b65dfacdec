"""What Prometheus and Alertmanager know: what fires, who has it, and what has ended."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

SECONDS = 20
LARGEST = 1 << 24
# An alert that has not fired for two of these has ended. Times that are asked for are whole ones of
# these, so that two notes see the same end of an alert, and one of them alone tells of it.
STEP_SECONDS = 60
# Prometheus gives at most so many points a series: 11,000.
LONGEST_SECONDS = 7 * 86400


class Unknown(Exception):
    """Why somebody could not be asked."""


@dataclass(frozen=True)
class Alert:
    """What fires. since: in seconds since 1970

    taken: by whom, until when and why, or ''
    by, until: by whom, and until when in seconds since 1970, or '' and 0
    """

    severity: str
    name: str
    host: str
    summary: str
    since: float
    taken: str = ""
    by: str = ""
    until: float = 0


@dataclass(frozen=True)
class Ended:
    """What fired and does no more. since, until: in seconds since 1970, to the minute"""

    name: str
    host: str
    since: float
    until: float


def firing(url: str) -> list[Alert]:
    """The alerts of Alertmanager, the oldest first. Raises Unknown."""
    alerts = _get(f"{url}/api/v2/alerts?active=true&silenced=true&inhibited=false")
    silences = {it["id"]: it for it in _get(f"{url}/api/v2/silences")}
    found = [_alert(it, silences) for it in alerts if it["labels"].get("severity") != "none"]
    return sorted(found, key=lambda it: it.since)


def _alert(it: Mapping[str, Any], silences: Mapping[str, Any]) -> Alert:
    named = it["labels"]
    its = [silences[each] for each in it["status"]["silencedBy"] if each in silences]
    last = max(its, key=lambda silence: _time(silence["endsAt"]), default=None)
    return Alert(
        named.get("severity", ""),
        named["alertname"],
        named.get("host", ""),
        it["annotations"].get("summary", ""),
        _time(it["startsAt"]),
        "; ".join(map(_taken, its)),
        last["createdBy"] if last else "",
        _time(last["endsAt"]) if last else 0,
    )


def _taken(silence: Mapping[str, Any]) -> str:
    until = f"{silence['endsAt'][:16].replace('T', ' ')} UTC"
    return f"{silence['createdBy']} until {until}: {silence['comment']}"


def taken(url: str) -> dict[tuple[str, str], Alert]:
    """What somebody has taken, by name and host; what one of several alerts lacks is not.

    Of several it is the one that is told again first. Raises Unknown.
    """
    every: dict[tuple[str, str], list[Alert]] = {}
    for it in firing(url):
        every.setdefault((it.name, it.host), []).append(it)
    found = {key: min(its, key=lambda it: it.until) for key, its in every.items()}
    return {key: it for key, it in found.items() if it.until}


def ended(url: str, since: float, now: float) -> list[Ended]:
    """What was known to have ended now, and not yet at the time since. Raises Unknown."""
    first, last = _known_at(since), _known_at(now)
    begin = max(first, last - LONGEST_SECONDS)
    query = 'ALERTS{alertstate="firing",severity!="none"}'
    values = {"query": query, "start": begin, "end": now, "step": STEP_SECONDS}
    answer = _get(f"{url}/api/v1/query_range?{urlencode(values)}")
    found = [
        Ended(named["alertname"], named.get("host", ""), points[0], points[-1])
        for named, points in _series(answer["data"]["result"])
    ]
    return sorted((it for it in found if first <= it.until < last), key=lambda it: it.until)


def _known_at(moment: float) -> int:
    """What fired last before this had ended at that moment, as far as anybody could know."""
    return (int(moment) // STEP_SECONDS - 2) * STEP_SECONDS


def told(url: str, hosts: Sequence[str]) -> float:
    """Up to when these hosts have told of hand-overs, in seconds since 1970. Raises Unknown."""
    named = "|".join(hosts)
    query = f'max(coop_handover_told_timestamp_seconds{{host=~"{named}"}})'
    answer = _get(f"{url}/api/v1/query?{urlencode({'query': query})}")
    return max((float(it["value"][1]) for it in answer["data"]["result"]), default=0)


def _series(result: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, str], list[float]]]:
    for it in result:
        yield it["metric"], [float(at) for at, _ in it["values"]]


def _get(url: str) -> Any:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=SECONDS) as answer:
            return json.loads(answer.read(LARGEST))
    except HTTPError as error:
        raise Unknown(f"HTTP status {error.code}") from None
    except (OSError, ValueError, HTTPException) as error:
        raise Unknown(str(error) or type(error).__name__) from None


def _time(text: str) -> float:
    """RFC 3339; fractions of a second may have nine digits."""
    return datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()
