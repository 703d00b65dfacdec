"""Stands for the BBB API that front-ends see: app/controllers/bigbluebutton_api_controller.rb."""

import secrets
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from lab.bbb.scalelite.node import NodeError, ask, signed
from lab.bbb.scalelite.records import Meeting, Missing, Records, Server

NOT_FOUND = "We could not find a meeting with that meeting ID"


class Front:
    """Each action takes the parameters of a call without its checksum, and gives XML or a URL."""

    def __init__(self, records: Records, timeout: float) -> None:
        self._records, self._timeout = records, timeout
        self.actions: dict[str, Callable[[Mapping[str, str]], Element | str]] = {
            "create": self._create,
            "join": self._join,
            "getMeetings": self._meetings,
            "getMeetingInfo": self._info,
            "isMeetingRunning": self._running,
            "end": self._end,
        }

    def answer(self, action: str, parameters: Mapping[str, str]) -> Element | str:
        """The element of the answer; for join the URL to which the browser is led.

        Raises NodeError for what is answered with FAILED.
        """
        try:
            return self.actions[action](parameters)
        except Missing:
            raise NodeError("notFound", NOT_FOUND) from None
        finally:
            self._records.save()

    def _create(self, parameters: Mapping[str, str]) -> Element:
        password = parameters.get("moderatorPW") or secrets.token_hex(4)
        server = self._server_for(parameters, password)
        if server.state == "enabled" and server.load is not None:
            server.load += server.load_multiplier
        passed = {it: value for it, value in parameters.items() if it != "meta_server-tag"}
        try:
            return ask(server, "create", {**passed, "moderatorPW": password}, self._timeout)
        except NodeError as error:
            # The record stays, also if the server refused: the next create goes there again.
            raise self._passed(error, "Unable to create meeting on server.") from None

    def _server_for(self, parameters: Mapping[str, str], password: str) -> Server:
        """The old server of a known meetingID, even if that is disabled (scalelite #525, #202).

        Since 1.8.4 a meeting that has ended on a cordoned server is made anew on another one.
        """
        with self._records.lock:
            known = self._records.meetings.get(parameters["meetingID"])
            old = self._records.servers.get(known.server_id) if known else None
        if old is not None and (old.state != "cordoned" or self._lives(old, parameters)):
            return old
        with self._records.lock:
            try:
                server = self._records.available(parameters.get("meta_server-tag", ""))
            except Missing:
                message = "Could not find any available servers."
                raise NodeError("internalError", message) from None
            meeting = Meeting(parameters["meetingID"], server.id, password)
            self._records.meetings[meeting.id] = meeting
        return server

    def _lives(self, server: Server, parameters: Mapping[str, str]) -> bool:
        try:
            ask(server, "getMeetingInfo", _id(parameters), self._timeout)
        except NodeError as error:
            return error.key != "notFound"
        return True

    def _join(self, parameters: Mapping[str, str]) -> str:
        server = self._of(parameters)
        if not server.online or server.state == "disabled":
            # scalelite #620: people of a meeting that runs cannot come back.
            raise NodeError("serverDisabled", "The server for this meeting is not available")
        return signed(server, "join", parameters)

    def _meetings(self, _: Mapping[str, str]) -> Element:
        answer = Element("response")
        SubElement(answer, "returncode").text = "SUCCESS"
        found = SubElement(answer, "meetings")
        for server in list(self._records.servers.values()):
            if not server.online or server.state == "disabled":
                continue
            try:
                found.extend(ask(server, "getMeetings", {}, self._timeout).iterfind("meetings/*"))
            except NodeError as error:
                raise self._passed(error, "Unable to access server.") from None
        if not len(found):
            SubElement(answer, "messageKey").text = "noMeetings"
            SubElement(answer, "message").text = "No meetings were found on this server."
        return answer

    def _info(self, parameters: Mapping[str, str]) -> Element:
        return self._ask("getMeetingInfo", parameters)

    def _running(self, parameters: Mapping[str, str]) -> Element:
        return self._ask("isMeetingRunning", parameters)

    def _end(self, parameters: Mapping[str, str]) -> Element:
        server = self._of(parameters)
        del self._records.meetings[parameters["meetingID"]]
        password = {"password": parameters.get("password", "")}
        return ask(server, "end", {**_id(parameters), **password}, self._timeout)

    def _ask(self, action: str, parameters: Mapping[str, str]) -> Element:
        server = self._of(parameters)
        try:
            return ask(server, action, _id(parameters), self._timeout)
        except NodeError as error:
            raise self._passed(error, "Unable to access meeting on server.") from None

    def _of(self, parameters: Mapping[str, str]) -> Server:
        with self._records.lock:
            return self._records.server(self._records.meeting(parameters["meetingID"]).server_id)

    @staticmethod
    def _passed(error: NodeError, message: str) -> NodeError:
        return error if error.key else NodeError("internalError", message)


def _id(parameters: Mapping[str, str]) -> dict[str, str]:
    return {"meetingID": parameters["meetingID"]}


def failed(error: NodeError) -> Element:
    """An error as front-ends get it, with status 200."""
    answer = Element("response")
    SubElement(answer, "returncode").text = "FAILED"
    SubElement(answer, "messageKey").text = error.key
    SubElement(answer, "message").text = error.message
    return answer


def as_text(element: Element) -> bytes:
    return bytes(tostring(element, encoding="utf-8"))
