"""The files of BigBlueButton that only a window may change: what each should say.

The secrets are marks, which the host's own program puts in: programs/bbb/wanted.py. Sources are
BigBlueButton's docs/administration/configuration-files.md, and the packages' after-install.sh.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from fleet.bbb import Bbb
from roles.templates import render

OVERRIDES = "/etc/bigbluebutton"
# The first is for breakout rooms too, which bbb-apps-akka asks bbb-web for: bigbluebutton #19736.
# Scalelite signs by SHA-1 if nobody tells it otherwise.
CHECKSUMS = ("sha256", "sha1", "sha384", "sha512")
# What bbb-conf writes itself if nobody has said it.
LOGOUT = "bigbluebutton.web.logoutURL"
HEADER = "# Written as a whole by pyinfra: an edit here is lost.\n"
# As bbb-web.properties names the editors of shared notes.
EDITORS = {"blocknote": "blockNote", "etherpad": "etherpad"}
STUN_PORT = 3478
# As fleet.groups.bbb opens it: FreeSWITCH, the SFU and the recorder share it.
MEDIA = (16384, 32768)


def web(bbb: Bbb) -> str:
    """bbb-web.properties"""
    rest = {key: value for key, value in bbb.overrides.web.items() if key != LOGOUT}
    return render(
        __file__,
        "bbb-web.properties.j2",
        hostname=bbb.hostname,
        logout=_property(bbb.overrides.web.get(LOGOUT, "default")),
        checksums=CHECKSUMS,
        notes=EDITORS[bbb.notes],
        overrides=[(key, _property(value)) for key, value in sorted(rest.items())],
    )


def apps(bbb: Bbb) -> str:
    """bbb-apps-akka.conf"""
    return render(__file__, "bbb-apps-akka.conf.j2", hostname=bbb.hostname, checksum=CHECKSUMS[0])


def fsesl(_: Bbb) -> str:
    """bbb-fsesl-akka.conf"""
    return render(__file__, "bbb-fsesl-akka.conf.j2")


def html5(bbb: Bbb) -> str:
    """bbb-html5.yml. A key twice would stop BigBlueButton, so the file is made from a map."""
    own = {
        "public": {
            "kurento": {"wsUrl": f"wss://{bbb.hostname}/bbb-webrtc-sfu"},
            "media": {"sipjsHackViaWs": True},
            "pads": {"url": f"https://{bbb.hostname}/pad"},
        }
    }
    return _yaml(merged(own, bbb.overrides.html5))


def sfu(bbb: Bbb) -> str:
    """bbb-webrtc-sfu/production.yml, whole: without LiveKit's keys media would break.

    bbb-livekit writes the keys there if they are missing. So they are there also on a line where
    LiveKit is a choice, and nothing uses them until somebody installs it.
    """
    local, public = bbb.local_ipv4, bbb.public
    listen = [_heard_at(local, public.ipv4)]
    if public.ipv6:
        listen.append({"ip": public.ipv6})
    own: dict[str, Any] = {
        # What talks to FreeSWITCH is on this host. So behind NAT nothing has to come back in from
        # outside: bbb-install #133.
        "freeswitch": {"ip": local, "sip_ip": local, "esl_password": "@ESL@"},
        "mediasoup": {
            "webrtc": {"listenIps": listen},
            "plainRtp": {"listenIp": {"ip": local, "announcedIp": local}},
        },
        "livekit": {"key": "@LIVEKIT_KEY@", "secret": "@LIVEKIT_SECRET@"},
    }
    return _yaml(merged(own, bbb.overrides.sfu))


def recorder(_: Bbb) -> str:
    """bbb-webrtc-recorder.yml"""
    return _yaml({"webrtc": {"rtcMinPort": MEDIA[0], "rtcMaxPort": MEDIA[1]}})


def recorder_keys(_: Bbb) -> str:
    """/etc/default/bbb-webrtc-recorder"""
    return render(__file__, "bbb-webrtc-recorder.default.j2")


def turn_and_stun(bbb: Bbb) -> str:
    """turn-stun-servers.xml, which takes the place of the package's."""
    if bbb.turn == "local":
        stun = [f"stun:{bbb.hostname}:{STUN_PORT}"]
        turn = [
            f"turns:{bbb.hostname}:443?transport=tcp",
            f"turn:{bbb.hostname}:{STUN_PORT}",
        ]
    else:
        stun, turn = [], list(bbb.turn)
    return render(__file__, "turn-stun-servers.xml.j2", stun=stun, turn=turn)


def turnserver(bbb: Bbb) -> str:
    """/etc/turnserver.conf"""
    addresses = (bbb.public.ipv4, bbb.bind, bbb.public.ipv6)
    return render(
        __file__,
        "turnserver.conf.j2",
        hostname=bbb.hostname,
        local=bbb.local_ipv4,
        own=[address for address in addresses if address],
    )


def webhooks(bbb: Bbb) -> str:
    """bbb-webhooks/production.yml"""
    return _yaml({"bbb": {"serverDomain": bbb.hostname, "sharedSecret": "@SECRET@"}})


def livekit(bbb: Bbb) -> str:
    """livekit.yaml"""
    addresses = dict.fromkeys([bbb.public.ipv4, bbb.local_ipv4])
    includes = [f"{address}/32" for address in addresses]
    if bbb.public.ipv6:
        includes.append(f"{bbb.public.ipv6}/128")
    return _yaml(
        {
            "keys": {"@LIVEKIT_KEY@": "@LIVEKIT_SECRET@"},
            "rtc": {"ips": {"includes": includes}},
            "webhook": {"api_key": "@LIVEKIT_KEY@"},
        }
    )


def livekit_sip(_: Bbb) -> str:
    """livekit-sip.yaml"""
    return _yaml({"api_key": "@LIVEKIT_KEY@", "api_secret": "@LIVEKIT_SECRET@"})


def recording(bbb: Bbb) -> str:
    """recording/recording.yml: what makes recordings reads it anew each time."""
    formats = bbb.recordings.formats
    steps: dict[str, Any] = {
        "archive": "sanity",
        "sanity": "captions",
        "captions": [f"process:{it}" for it in formats],
        **{f"process:{it}": f"publish:{it}" for it in formats},
    }
    own = {"playback_host": bbb.hostname, "playback_protocol": "https", "steps": steps}
    return _yaml(merged(own, bbb.overrides.recording))


def merged(own: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Both maps as one. The data has no override for what the role writes: fleet.bbb.OWNED.

    Raises ValueError if an override would hide what the role writes all the same.
    """
    found = dict(own)
    for key, value in overrides.items():
        if key not in found:
            found[key] = value
        elif isinstance(found[key], Mapping) and isinstance(value, Mapping):
            found[key] = merged(found[key], value)
        else:
            raise ValueError(f"the role writes {key}, and an override has it too")
    return found


def _heard_at(local: str, public: str) -> dict[str, str]:
    return {"ip": local, "announcedIp": public}


def _property(value: str | int | bool) -> str:
    # ISO 8859-1 alone, as Java reads it: java.util.Properties.
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).replace("\\", "\\\\")
    return "".join(it if ord(it) < 128 else f"\\u{ord(it):04x}" for it in text)


def _yaml(values: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=False, width=100)
    return HEADER + text
