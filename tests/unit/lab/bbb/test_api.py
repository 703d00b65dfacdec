"""The API that the lab's nodes answer with is the documented one (BigBlueButton, api.md)."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
import requests

from lab.bbb.door import Door, Refused
from lab.bbb.web.api import Redirect
from lab.bbb.web.checksum import unsigned
from lab.bbb.web.settings import OVERRIDE, NotConfigured, Settings
from tests.unit.lab.bbb.called import Called, texts
from tests.unit.lab.bbb.node import SECRET, Node

IDS = ["sha1", "sha256", "sha384", "sha512"]


def test_the_root_of_the_api_needs_no_checksum_and_tells_no_version(call: Called) -> None:
    answer = call.api.answer("", "")
    assert isinstance(answer, ET.Element)
    told = texts(answer)
    assert told["returncode"] == "SUCCESS"
    assert (told["version"], told["apiVersion"], told["bbbVersion"]) == ("2.0", "2.0", "")


def test_the_version_is_told_if_the_host_reveals_it(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with (tmp_path / OVERRIDE).open("a") as stream:
        stream.write("allowRevealOfBBBVersion=true\n")
    answer = Called(node).api.answer("", "")
    assert isinstance(answer, ET.Element)
    assert answer.findtext("bbbVersion") == "3.0.35"


@pytest.mark.parametrize("algorithm", IDS)
def test_each_documented_algorithm_signs_a_call(call: Called, algorithm: str) -> None:
    assert call("getMeetings", algorithm).findtext("returncode") == "SUCCESS"


def test_an_algorithm_that_the_host_does_not_support_is_a_checksum_error(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with (tmp_path / OVERRIDE).open("a") as stream:
        stream.write("supportedChecksumAlgorithms=sha512\n")
    call = Called(node)
    assert call("getMeetings", "sha512").findtext("returncode") == "SUCCESS"
    assert call("getMeetings", "sha1").findtext("messageKey") == "checksumError"


def test_the_example_of_the_documentation_has_its_checksum(call: Called) -> None:
    query = "name=Test+Meeting&meetingID=abc123&attendeePW=111222&moderatorPW=333444"
    secret = "639259d4-9dd8-4b25-bf01-95f9567eaf4b"
    signed = f"{query}&checksum=1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17"
    text = f"create{unsigned(signed)}{secret}"
    assert hashlib.sha1(text.encode()).hexdigest() == "1fcbb0c4fc1f039f73aa6d697d2db9ba7f803f17"


@pytest.mark.parametrize(
    "query", ["a=1&b=2&checksum=X", "checksum=X&a=1&b=2", "a=1&checksum=X&b=2"]
)
def test_what_is_signed_is_the_raw_query_wherever_the_checksum_is(query: str) -> None:
    assert unsigned(query) == "a=1&b=2"


@pytest.mark.parametrize("query", ["checksum=abc", "", "checksum=" + "0" * 64])
def test_a_wrong_or_missing_checksum_is_an_error_in_xml(call: Called, query: str) -> None:
    answer = call.api.answer("getMeetings", query)
    assert isinstance(answer, ET.Element)
    assert texts(answer)["returncode"] == "FAILED"
    assert texts(answer)["messageKey"] == "checksumError"


def test_no_meetings_is_a_success_with_a_key_of_its_own(call: Called) -> None:
    told = texts(call("getMeetings"))
    assert told["returncode"] == "SUCCESS"
    assert told["messageKey"] == "noMeetings"
    assert told["meetings"] == ""


def test_no_recordings_is_a_success(call: Called) -> None:
    told = texts(call("getRecordings"))
    assert (told["returncode"], told["messageKey"]) == ("SUCCESS", "noRecordings")


@pytest.mark.parametrize(
    ("name", "parameters", "key"),
    [
        ("create", {"name": "x"}, "missingParamMeetingID"),
        ("create", {"name": "x", "meetingID": "a,b"}, "validationError"),
        ("create", {"name": "x", "meetingID": "a"}, "sizeError"),
        ("create", {"meetingID": "room2"}, "validationError"),
        ("create", {"name": "x", "meetingID": "room2", "voiceBridge": "7"}, "nonUniqueVoiceBridge"),
        (
            "create",
            {"name": "x", "meetingID": "room2", "isBreakout": "true", "parentMeetingID": "none"},
            "parentMeetingDoesNotExist",
        ),
        ("join", {"meetingID": "none", "fullName": "ada"}, "notFound"),
        ("join", {"meetingID": "room1", "role": "VIEWER"}, "missingParamFullName"),
        ("join", {"meetingID": "room1", "fullName": "ada", "password": "x"}, "invalidPassword"),
        ("getMeetingInfo", {"meetingID": "none"}, "notFound"),
        ("end", {"meetingID": "none"}, "notFound"),
        ("end", {"meetingID": "room1", "password": "x"}, "invalidPassword"),
    ],
)
def test_errors_have_the_documented_keys(
    call: Called, name: str, parameters: dict[str, str], key: str
) -> None:
    call.create("room1", voiceBridge="7")
    told = texts(call(name, **parameters))
    assert (told["returncode"], told["messageKey"]) == ("FAILED", key)
    assert told["message"]


def test_join_sends_a_browser_to_the_host_s_public_name(call: Called) -> None:
    created = call.create("room1")
    query = urlencode(
        {"meetingID": "room1", "fullName": "a", "password": created.findtext("attendeePW", "")}
    )
    checksum = hashlib.sha1(f"join{query}{SECRET}".encode()).hexdigest()
    answer = call.api.answer("join", f"{query}&checksum={checksum}")
    assert isinstance(answer, Redirect)
    assert answer.url.startswith("http://127.0.0.1/html5client/?sessionToken=")


def test_secret_and_url_come_from_etc_at_the_start_alone(tmp_path: Path) -> None:
    with Node(tmp_path).runs() as node:
        node.write(OVERRIDE, "securitySalt=other\nbigbluebutton.web.serverURL=http://127.0.0.1\n")
        node.door.call("getMeetings")
    with node.runs(), pytest.raises(Refused) as refused:
        node.door.call("getMeetings")
    assert refused.value.key == "checksumError"


def test_without_the_file_in_etc_the_package_s_random_secret_counts(tmp_path: Path) -> None:
    node = Node(tmp_path)
    (tmp_path / OVERRIDE).unlink()
    with node.runs():
        Door(node.url, "random").call("getMeetings")


def test_a_host_without_a_secret_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured):
        Settings.read(tmp_path)


def post(node: Node, query: str, data: Any) -> ET.Element:
    answer = requests.post(f"{node.url}/create{query}", data=data, timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/xml")
    return ET.fromstring(answer.text)


def test_a_post_is_signed_by_the_url_s_query(node: Node) -> None:
    checksum = hashlib.sha1(f"create{SECRET}".encode()).hexdigest()
    body = {"meetingID": "room1", "name": "Room"}
    assert post(node, "", {**body, "checksum": checksum}).findtext("meetingID") == "room1"
    signed = hashlib.sha1(f"createmeetingID=room2{SECRET}".encode()).hexdigest()
    answer = post(node, f"?meetingID=room2&checksum={signed}", {"name": "Room"})
    assert answer.findtext("meetingID") == "room2"
    assert post(node, "", body).findtext("messageKey") == "checksumError"


def test_posted_slides_are_no_parameters(node: Node) -> None:
    query = "meetingID=room1&name=Room"
    checksum = hashlib.sha1(f"create{query}{SECRET}".encode()).hexdigest()
    url = f"{node.url}/create?{query}&checksum={checksum}"
    headers = {"Content-Type": "application/xml"}
    answer = requests.post(url, data="<modules>&name=x</modules>", headers=headers, timeout=10)
    assert ET.fromstring(answer.text).findtext("returncode") == "SUCCESS"


def test_what_is_no_call_fails_as_xml_and_what_is_no_api_is_not_there(node: Node) -> None:
    assert "unsupportedRequest" in requests.get(f"{node.url}/publish", timeout=10).text
    assert requests.get(node.url.replace("/api", "/other"), timeout=10).status_code == 404
