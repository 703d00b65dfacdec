"""HTTP: BigBlueButton's API, and what the lab's participants hold in the place of its client.

    GET, POST /bigbluebutton/api/CALL             the API
    GET /bigbluebutton/lab/media?sessionToken=T   {"udp": PORT} of the meeting's media
    GET /bigbluebutton/lab/signals?sessionToken=T a line with a number ten times a second, for ever

The last two are below /bigbluebutton, because nginx passes that to bbb-web.
"""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import urlsplit

from lab.bbb.web.answers import failed, written
from lab.bbb.web.api import Api, Redirect
from lab.bbb.web.checksum import parameters
from lab.bbb.web.meetings import Meeting
from lab.bbb.web.people import Flow, User

API = "/bigbluebutton/api"
MEDIA = "/bigbluebutton/lab/media"
SIGNALS = "/bigbluebutton/lab/signals"
LINE_EVERY = 0.1
# A switch that hangs answers ends after this, so that no thread stays for ever.
HANGS_AT_MOST = 600.0
PROXY_PAGE = (
    "<html><head><title>502 Bad Gateway</title></head>"
    "<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>"
)


class Host(Protocol):
    """What holds the meetings' flows."""

    def media_port(self, meeting: Meeting) -> int | None: ...

    def arrive(self, token: str) -> tuple[Meeting, User, Flow] | None: ...

    def leave(self, meeting: Meeting, user: User, flow: Flow) -> None: ...


class Server:
    """The API's port, which a switch may close for a while."""

    def __init__(self, address: tuple[str, int], api: Api, host: Host) -> None:
        self._address, self._api, self._host = address, api, host
        self._http: _Http | None = None

    @property
    def port(self) -> int:
        return self._address[1]

    def open(self) -> None:
        """Raises OSError."""
        self._http = _Http(self._address, self._api, self._host)
        # Whoever opens again takes the same port.
        self._address = (self._address[0], int(self._http.server_address[1]))
        serve = self._http.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stop listening. What is being answered goes on."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def is_open(self, wanted: bool) -> None:
        """Open or close, if the port is not as it is wanted."""
        if wanted and self._http is None:
            self.open()
        elif not wanted and self._http is not None:
            self.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Ten joins at a time, each with two connections.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: Api, host: Host) -> None:
        self.api, self.host = api, host
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == MEDIA:
            self._media(url.query)
        elif url.path == SIGNALS:
            self._signals(url.query)
        else:
            self._api(url.path, url.query, "")

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_form = self.headers.get("Content-Type", "").startswith(
            "application/x-www-form-urlencoded"
        )
        self._api(url.path, url.query, body.decode(errors="replace") if is_form else "")

    def _api(self, path: str, query: str, body: str) -> None:
        if path != API and not path.startswith(f"{API}/"):
            self.send_error(404)
            return
        switches = self.server.api.switches
        time.sleep(switches.seconds("slow", 0.0))
        end = time.monotonic() + HANGS_AT_MOST
        while switches.value("hang") is not None and time.monotonic() < end:
            time.sleep(LINE_EVERY)
        if (status := switches.value("proxy")) is not None:
            self._send(int(status or 502), "text/html", PROXY_PAGE.encode())
            return
        call = path.removeprefix(API).strip("/")
        answer = self.server.api.answer(call, query, body)
        if isinstance(answer, Redirect):
            self.send_response(302)
            self.send_header("Location", answer.url)
            self.end_headers()
            return
        if answer is None:
            answer = failed("unsupportedRequest", "This request is not supported.")
        self._send(200, "text/xml;charset=utf-8", written(answer))

    def _media(self, query: str) -> None:
        api = self.server.api
        with api.lock:
            found = api.meetings.user(parameters(query).get("sessionToken", ""))
            port = None if found is None else self.server.host.media_port(found[0])
        if port is None:
            self.send_error(401)
            return
        self._send(200, "application/json", json.dumps({"udp": port}).encode())

    def _signals(self, query: str) -> None:
        held = self.server.host.arrive(parameters(query).get("sessionToken", ""))
        if held is None:
            self.send_error(401)
            return
        meeting, user, flow = held
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        # nginx keeps nothing back then: ngx_http_proxy_module, proxy_buffering.
        self.send_header("X-Accel-Buffering", "no")
        self.end_headers()
        number = 0
        with suppress(OSError):
            while flow.broken is None:
                self.wfile.write(f"{number}\n".encode())
                number += 1
                time.sleep(LINE_EVERY)
        self.server.host.leave(meeting, user, flow)

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a query holds a checksum."""
