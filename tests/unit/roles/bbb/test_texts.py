"""What the files of BigBlueButton say."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from fleet.bbb import Bbb
from fleet.derived.bbb import node_of
from roles.bbb import texts
from tests.unit.roles.bbb.nodes import BEHIND_NAT, fleet_with


@pytest.fixture
def bbb(tmp_path: Path) -> Any:
    """Makes the node with these fields."""

    def made(**changes: Any) -> Bbb:
        return node_of(fleet_with(tmp_path, **changes).host("bbb1"))

    return made


def properties(text: str) -> dict[str, str]:
    lines = [it for it in text.splitlines() if not it.startswith("#")]
    found = dict(it.split("=", 1) for it in lines)
    assert len(found) == len(lines), "a key is there twice"
    return found


def test_bbb_conf_finds_each_key_that_it_looks_for_once(bbb: Any) -> None:
    """It takes `grep ^key`, and adds a line for a logoutURL that it does not find."""
    text = texts.web(bbb(overrides={"web": {"disabledFeatures": "polls"}}))
    for key in ("bigbluebutton.web.serverURL", "securitySalt", "bigbluebutton.web.logoutURL"):
        assert len(re.findall(f"^{re.escape(key)}", text, re.MULTILINE)) == 1
    found = properties(text)
    assert found["bigbluebutton.web.serverURL"] == "https://bbb1.example.org"
    assert found["securitySalt"] == "@SECRET@"
    assert found["bigbluebutton.web.logoutURL"] == "default"
    assert found["sharedNotesEditor"] == "blockNote"
    assert found["disabledFeatures"] == "polls"


def test_the_data_may_lead_people_elsewhere_after_a_meeting(bbb: Any) -> None:
    key = "bigbluebutton.web.logoutURL"
    text = texts.web(bbb(overrides={"web": {key: "https://example.org/"}}))
    assert properties(text)[key] == "https://example.org/"
    assert text.count(key) == 1 + text.count(f"# {key}")


def test_a_setting_with_other_letters_reaches_java_whole(bbb: Any) -> None:
    text = texts.web(bbb(overrides={"web": {"defaultWelcomeMessage": "Grüße \\o/", "x": True}}))
    found = properties(text)
    assert found["defaultWelcomeMessage"] == "Gr\\u00fc\\u00dfe \\\\o/"
    assert found["x"] == "true"
    assert text.isascii()


def test_breakout_rooms_are_signed_by_what_bbb_web_takes(bbb: Any) -> None:
    takes = properties(texts.web(bbb()))["supportedChecksumAlgorithms"].split(",")
    found = re.search(r'checkSumAlgorithmForBreakouts = "(\w+)"', texts.apps(bbb()))
    assert found and found[1] in takes


def test_the_packages_settings_stay_below_ours(bbb: Any) -> None:
    apps, fsesl = texts.apps(bbb()), texts.fsesl(bbb())
    assert 'include "/usr/share/bbb-apps-akka/conf/application.conf"' in apps
    assert 'sharedSecret = "@SECRET@"' in apps and '"https://bbb1.example.org/big' in apps
    assert 'include "/usr/share/bbb-fsesl-akka/conf/application.conf"' in fsesl
    assert 'password = "@ESL@"' in fsesl


def test_media_is_heard_at_the_node_and_announced_in_public(bbb: Any) -> None:
    found = yaml.safe_load(texts.sfu(bbb()))
    both = [{"ip": "203.0.113.41", "announcedIp": "203.0.113.41"}, {"ip": "2001:db8::41"}]
    assert found["mediasoup"]["webrtc"]["listenIps"] == both
    assert found["freeswitch"]["esl_password"] == "@ESL@"
    assert found["livekit"] == {"key": "@LIVEKIT_KEY@", "secret": "@LIVEKIT_SECRET@"}


def test_behind_nat_what_stays_within_the_node_needs_no_way_back_in(bbb: Any) -> None:
    found = yaml.safe_load(texts.sfu(bbb(**BEHIND_NAT)))
    announced = [{"ip": "10.1.2.3", "announcedIp": "203.0.113.41"}]
    assert found["mediasoup"]["webrtc"]["listenIps"] == announced
    assert found["mediasoup"]["plainRtp"]["listenIp"]["announcedIp"] == "10.1.2.3"
    assert found["freeswitch"]["ip"] == found["freeswitch"]["sip_ip"] == "10.1.2.3"


def test_overrides_come_beside_what_the_role_writes(bbb: Any) -> None:
    overrides = {
        "html5": {"public": {"kurento": {"enableVideoPin": True}, "app": {"appName": "Meet"}}},
        "sfu": {"mediasoup": {"worker": {"rtcMaxPort": 32000}}},
        "recording": {"notes_formats": ["pdf"]},
    }
    node = bbb(overrides=overrides)
    html5 = yaml.safe_load(texts.html5(node))["public"]
    assert html5["kurento"] == {
        "wsUrl": "wss://bbb1.example.org/bbb-webrtc-sfu",
        "enableVideoPin": True,
    }
    assert html5["app"] == {"appName": "Meet"}
    sfu = yaml.safe_load(texts.sfu(node))["mediasoup"]
    assert sfu["worker"] == {"rtcMaxPort": 32000} and "webrtc" in sfu
    assert yaml.safe_load(texts.recording(node))["notes_formats"] == ["pdf"]


@pytest.mark.parametrize("hides", [{"a": 1}, {"a": {"b": 1}}])
def test_an_override_never_hides_what_the_role_writes(hides: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the role writes"):
        texts.merged({"a": {"b": {"c": 1}}}, hides)


def test_a_relay_leads_to_the_node_alone(bbb: Any) -> None:
    lines = texts.turnserver(bbb()).splitlines()
    assert "denied-peer-ip=0.0.0.0-255.255.255.255" in lines
    assert "denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" in lines
    allowed = [it for it in lines if it.startswith("allowed-peer-ip=")]
    assert allowed == ["allowed-peer-ip=203.0.113.41", "allowed-peer-ip=2001:db8::41"]
    assert "static-auth-secret=@TURN@" in lines and "use-auth-secret" in lines
    behind = texts.turnserver(bbb(**BEHIND_NAT))
    assert "\nlistening-ip=10.1.2.3\n" in behind and "\nallowed-peer-ip=10.1.2.3\n" in behind


def turns(text: str) -> list[list[str]]:
    """The arguments of each TURN server, in the order in which the service names them."""
    space = "{http://www.springframework.org/schema/beans}"
    beans = {it.get("id"): it for it in ElementTree.fromstring(text).iter(f"{space}bean")}
    service = beans["stunTurnService"]
    named = service.findall(f"{space}property[@name='turnServers']//{space}ref")
    return [
        [str(arg.get("value")) for arg in beans[it.get("bean")].iter(f"{space}constructor-arg")]
        for it in named
    ]


def test_people_are_told_of_the_nodes_own_relay_by_tls_first(bbb: Any) -> None:
    assert turns(texts.turn_and_stun(bbb())) == [
        ["@TURN@", "turns:bbb1.example.org:443?transport=tcp", "86400"],
        ["@TURN@", "turn:bbb1.example.org:3478", "86400"],
    ]


def test_people_are_told_of_relays_elsewhere(bbb: Any) -> None:
    other = ["turns:turn.example.org:443?transport=tcp", "turn:turn.example.org:3478"]
    assert [it[1] for it in turns(texts.turn_and_stun(bbb(turn=other)))] == other


def test_livekit_has_the_keys_that_its_clients_have(bbb: Any) -> None:
    found = yaml.safe_load(texts.livekit(bbb()))
    assert found["keys"] == {"@LIVEKIT_KEY@": "@LIVEKIT_SECRET@"}
    assert found["webhook"] == {"api_key": "@LIVEKIT_KEY@"}
    assert "203.0.113.41/32" in found["rtc"]["ips"]["includes"]
    sip = yaml.safe_load(texts.livekit_sip(bbb()))
    assert sip == {"api_key": "@LIVEKIT_KEY@", "api_secret": "@LIVEKIT_SECRET@"}
    assert "APIKEY=@LIVEKIT_KEY@\n" in texts.recorder_keys(bbb())


def test_each_format_is_processed_and_published(bbb: Any) -> None:
    formats = {"recordings": {"formats": ["presentation", "video"]}}
    found = yaml.safe_load(texts.recording(bbb(**formats)))
    assert found["playback_host"] == "bbb1.example.org"
    assert found["steps"]["captions"] == ["process:presentation", "process:video"]
    assert found["steps"]["process:video"] == "publish:video"
