"""Scalelite, by its REST API for servers (Scalelite 1.8: docs/api-README.md).

A call is signed as for BBB: the digest of action, query and LOADBALANCER_SECRET. The body is not
signed. Every change is seen in a new list afterwards: what a POST answers is not believed.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.balancers.driver import Driver, Forbidden, same
from controller.balancers.interface import BalancerError, Server, State, host_of
from controller.balancers.web import Answer, ask, checked_base

_STATES: Mapping[str, State] = {"enabled": "serving", "cordoned": "cordoned", "disabled": "off"}

# All that this driver can send. Not among them: panicServer, which ends meetings; the state
# "disable", after which people cannot join again; and the BBB API, with `end`.
_ACTIONS = {
    ("GET", "getServers"): frozenset[str](),
    ("POST", "addServer"): frozenset({"server"}),
    ("POST", "updateServer"): frozenset({"id", "server"}),
    ("POST", "deleteServer"): frozenset({"id"}),
}
_CHANGES = frozenset({"url", "secret", "load_multiplier", "tag", "state"})
_WANTED_STATES = frozenset({"enable", "cordon"})

# Scalelite answers so, with status 404, if it has no server (servers_controller.rb).
_NONE = "No servers are configured"

_LOOK = "look at the log of its API, then run again"


@dataclass(frozen=True)
class _Record:
    """A server in Scalelite: load is None if Scalelite knows none."""

    id: str
    secret: str = field(repr=False)
    load: float | None
    server: Server


class Scalelite(Driver):
    """The driver for Scalelite; see controller.balancers.interface.Balancer.

    url: "https://lb.example.org"; secret: LOADBALANCER_SECRET
    """

    def __init__(self, name: str, url: str, secret: str) -> None:
        super().__init__(name, _LOOK)
        self._base = checked_base(url)
        self._secret = secret

    def list(self) -> dict[str, Server]:
        return {host: record.server for host, record in self._records().items()}

    def add(self, host: str, secret: str, *, weight: float = 1.0, tag: str = "") -> Server:
        url = f"https://{host_of(host)}/bigbluebutton/api"
        there = self._records().get(host)
        wanted = {"secret": secret, "load_multiplier": _multiplier(weight), "tag": tag}
        if there is None:
            self._call("POST", "addServer", {"server": {"url": url, **wanted}})
        elif not _is(there, secret, weight, tag):
            self._call("POST", "updateServer", {"id": there.id, "server": wanted})
        record = self._record(host)
        if not _is(record, secret, weight, tag):
            raise self.not_taken(host, "its secret, weight or tag")
        return record.server

    def cordon(self, host: str) -> Server:
        record = self._record(host)
        if record.server.state != "cordoned":
            self._update(record, {"state": "cordon"})
            record = self._record(host)
        # The poller switches a cordoned server off as soon as it counts no people there.
        if record.server.state == "serving":
            raise self.not_taken(host, "that it is cordoned")
        return record.server

    def restore(self, host: str, state: State) -> Server:
        record = self._record(host)
        if state != "serving":
            return record.server if record.server.state == state else self.cordon(host)
        if record.server.state != "serving":
            self._update(record, {"state": "enable"})
            record = self._record(host)
        if record.server.state != "serving":
            raise self.not_taken(host, "that it serves")
        return record.server

    def knows(self, host: str, secret: str) -> bool:
        return same(self._record(host).secret, secret)

    def set_secret(self, host: str, secret: str) -> None:
        record = self._record(host)
        if same(record.secret, secret):
            return
        self._update(record, {"secret": secret})
        if not same(self._record(host).secret, secret):
            raise self.not_taken(host, "its secret")

    def remove_if_empty(self, host: str, empty: Callable[[], bool]) -> bool:
        record = self._records().get(host)
        if record is None:
            return True
        # deleteServer does not look for meetings.
        self.check_empty(record.server, empty, people=record.load or 0)
        self._call("POST", "deleteServer", {"id": record.id})
        if host in self._records():
            raise self.not_taken(host, "that it is gone")
        return True

    def _update(self, record: _Record, changes: dict[str, Any]) -> None:
        self._call("POST", "updateServer", {"id": record.id, "server": changes})

    def _record(self, host: str) -> _Record:
        try:
            return self._records()[host]
        except KeyError:
            raise self.unknown(host) from None

    def _records(self) -> dict[str, _Record]:
        answer = self._call("GET", "getServers")
        items = self._json(answer)
        if answer.status == 404 and items == {"error": _NONE}:
            return {}
        if answer.status != 200 or not isinstance(items, list) or not items:
            raise self.not_whole()
        records: dict[str, _Record] = {}
        for item in items:
            try:
                record = _read(item)
            except (KeyError, TypeError, ValueError):
                raise self.not_whole() from None
            if record.server.host in records:
                raise BalancerError(
                    f"{self.name} has {record.server.host} twice",
                    "take the record that is not used away: rake servers:remove[ID]",
                )
            records[record.server.host] = record
        return records

    def _call(self, method: str, action: str, body: Mapping[str, Any] | None = None) -> Answer:
        body = body or {}
        _refuse_what_is_not_allowed(method, action, body)
        checksum = hashlib.sha256(f"{action}{self._secret}".encode()).hexdigest()
        path = f"/scalelite/api/{action}?checksum={checksum}"
        answer = ask(self._base, method, path, body=json.dumps(body) if body else "")
        # Scalelite answers so in XML, also where JSON is the rule.
        if answer.text.lstrip().startswith("<") and "checksumError" in answer.text:
            raise BalancerError(
                f"{self.name} refuses the secret",
                "put its LOADBALANCER_SECRET into .env, and see that it takes SHA256",
            )
        if method == "POST" and answer.status not in (200, 201):
            raise BalancerError(f"{self.name} refuses {action} ({answer.status})", _LOOK)
        return answer

    def _json(self, answer: Answer) -> Any:
        try:
            return json.loads(answer.text)
        except ValueError:
            raise self.not_whole() from None


def _refuse_what_is_not_allowed(method: str, action: str, body: Mapping[str, Any]) -> None:
    allowed = _ACTIONS.get((method, action))
    if allowed is None or set(body) != allowed:
        raise Forbidden(f"{method} {action}")
    changes = body.get("server", {})
    if not set(changes) <= _CHANGES or changes.get("state", "enable") not in _WANTED_STATES:
        raise Forbidden(f"{method} {action}")


def _read(item: dict[str, Any]) -> _Record:
    """Raises KeyError, TypeError or ValueError for what is no server of Scalelite's."""
    url, multiplier = item["url"], float(item["load_multiplier"])
    # Scalelite writes "unavailable" for a server of which it knows no load.
    load = None if item["load"] == "unavailable" else float(item["load"])
    if not 0 < multiplier < 1e6 or not isinstance(item["secret"], str):
        raise ValueError
    state = _STATES[item["state"]]
    online = {"online": True, "offline": False}[item["online"]]
    server = Server(
        host=host_of(url),
        url=url,
        state=state,
        # An enabled server gets meetings once the poller has written its load.
        online=online and (state != "serving" or load is not None),
        tag=str(item.get("tag") or ""),
        weight=_weight(multiplier),
    )
    return _Record(str(item["id"]), item["secret"], load, server)


def _multiplier(weight: float) -> float:
    """Scalelite multiplies the people on a server by this, so that more means fewer meetings."""
    return round(1 / weight, 4)


def _weight(multiplier: float) -> float:
    """The weight for which the multiplier stands: a whole one, if one has this multiplier."""
    weight = 1 / multiplier
    whole = max(1, round(weight))
    return whole if _multiplier(whole) == round(multiplier, 4) else round(weight, 3)


def _is(record: _Record, secret: str, weight: float, tag: str) -> bool:
    same_weight = abs(record.server.weight - weight) < 0.01 * weight
    return same(record.secret, secret) and same_weight and record.server.tag == tag
