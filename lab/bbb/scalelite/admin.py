"""Stands for Scalelite's REST API for servers: app/controllers/api/servers_controller.rb."""

import json
from collections.abc import Callable
from typing import Any

from lab.bbb.scalelite.node import NodeError, ask
from lab.bbb.scalelite.records import Missing, Records, Server

Answer = tuple[int, Any]
"""The status, and what becomes JSON."""

STATES = {"enable": "enabled", "cordon": "cordoned", "disable": "disabled"}


class Admin:
    """Each action takes the body of the call, or its query, as a dictionary.

    timeout: seconds for `end`, which panicServer sends
    """

    def __init__(self, records: Records, timeout: float) -> None:
        self._records, self._timeout = records, timeout
        self.actions: dict[tuple[str, str], Callable[[dict[str, Any]], Answer]] = {
            ("GET", "getServers"): self._list,
            ("GET", "getServerInfo"): self._info,
            ("POST", "addServer"): self._add,
            ("POST", "updateServer"): self._update,
            ("POST", "deleteServer"): self._delete,
            ("POST", "panicServer"): self._panic,
        }

    def answer(self, method: str, action: str, body: dict[str, Any]) -> Answer:
        """Raises KeyError for no action of Scalelite's."""
        act = self.actions[method, action]
        try:
            with self._records.lock:
                return act(body)
        except Missing:
            return 404, {"error": f"Couldn't find server with id={body.get('id')}"}
        except ValueError as error:
            return 400, {"error": str(error)}
        finally:
            self._records.save()

    def _list(self, _: dict[str, Any]) -> Answer:
        if not self._records.servers:
            return 404, {"error": "No servers are configured"}
        return 200, [_shown(it) for it in self._records.servers.values()]

    def _info(self, query: dict[str, Any]) -> Answer:
        return 200, _shown(self._server(query))

    def _add(self, body: dict[str, Any]) -> Answer:
        given = body.get("server") or {}
        if not given.get("url") or not given.get("secret"):
            return 400, {"error": "Server needs a URL and a secret"}
        multiplier = float(given.get("load_multiplier") or 0) or 1.0
        tag = given.get("tag") or ""
        server = self._records.add_server(given["url"], given["secret"], multiplier, tag)
        return 201, _shown(server)

    def _update(self, body: dict[str, Any]) -> Answer:
        """app/services/server_update_service.rb"""
        server, changes = self._server(body), body.get("server") or {}
        if state := changes.get("state"):
            if state not in STATES:
                raise ValueError(f"Invalid state parameter: {state}")
            server.becomes(STATES[state])
        if changes.get("load_multiplier") is not None:
            if not float(changes["load_multiplier"]):
                raise ValueError("Load-multiplier must be a non-zero number")
            server.load_multiplier = float(changes["load_multiplier"])
        server.secret = changes.get("secret") or server.secret
        server.tag = changes.get("tag", server.tag)
        return 200, _shown(server)

    def _delete(self, body: dict[str, Any]) -> Answer:
        """Nothing looks for meetings, and their records stay: scalelite #290."""
        server = self._server(body)
        del self._records.servers[server.id]
        return 200, {"success": f"Server id={server.id} was destroyed"}

    def _panic(self, body: dict[str, Any]) -> Answer:
        server = self._server(body)
        for meeting in [it for it in self._records.meetings.values() if it.server_id == server.id]:
            del self._records.meetings[meeting.id]
            try:
                parameters = {"meetingID": meeting.id, "password": meeting.moderator_pw}
                ask(server, "end", parameters, self._timeout)
            except NodeError:
                return 400, {"error": f"Couldn't disable server id={server.id}"}
        if not body.get("keep_state"):
            server.becomes("disabled")
        return 200, {"success": f"Server id={server.id} has been disabled"}

    def _server(self, body: dict[str, Any]) -> Server:
        return self._records.server(str(body.get("id")))


def _shown(server: Server) -> dict[str, Any]:
    """server_to_json: the secret too. A multiplier is a BigDecimal, so JSON has it as a text."""
    return {
        "id": server.id,
        "url": server.url,
        "secret": server.secret,
        "tag": server.tag,
        "bbb_version": "",
        "state": server.state,
        "load": "unavailable" if server.load is None else server.load,
        "load_multiplier": str(server.load_multiplier),
        "online": "online" if server.online else "offline",
    }


def read_body(text: bytes) -> dict[str, Any]:
    """Raises ValueError for a body that is no JSON object."""
    body = json.loads(text or b"{}")
    if not isinstance(body, dict):
        raise ValueError("no object")
    return body
