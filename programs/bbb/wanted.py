"""What a run of pyinfra wants the node to be: wanted.json, staged by roles/bbb.

Example, with every key; all are required, and no other is allowed:

    {
      "format": 1,
      "release": "3.0.35",
      "hostname": "bbb2.example.org",
      "front": {"address": "127.0.0.1", "port": 443, "bundle": "/etc/haproxy/certbundle.pem"},
      "apt": {
        "source": "deb [signed-by=/etc/apt/keyrings/bbb.asc] https://HOST/jammy-300-3.0.35 S main",
        "pin": "/etc/apt/preferences.d/coop-bbb",
        "packages": ["bigbluebutton", "bbb-webhooks"],
        "may_go": ["bbb-etherpad", "bbb-pads"]
      },
      "files": [
        {"path": "/etc/bigbluebutton/bbb-web.properties", "owner": "root",
         "group": "bigbluebutton", "mode": "0640", "class": "C", "units": [],
         "content": "securitySalt=@SECRET@\\n"},
        {"path": "/etc/turnserver.conf", "owner": "root", "group": "turnserver", "mode": "0640",
         "class": "B", "units": ["coturn.service"], "content": "static-auth-secret=@TURN@\\n"}
      ],
      "patches": [
        {"kind": "xml", "path": "/opt/freeswitch/etc/freeswitch/vars.xml", "class": "C",
         "element": "X-PRE-PROCESS", "where": {"data": "local_ip_v4=.*"},
         "set": {"data": "local_ip_v4=203.0.113.5"}},
        {"kind": "line", "path": "/usr/share/bigbluebutton/nginx/sip.nginx", "class": "C",
         "match": "\\\\s*proxy_pass .*;", "line": "    proxy_pass https://203.0.113.5:7443;"},
        {"kind": "yaml", "path": "/usr/local/bigbluebutton/core/scripts/bigbluebutton.yml",
         "class": "C", "key": ["playback_host"], "value": "bbb2.example.org"},
        {"kind": "properties", "path": "/etc/example.properties", "class": "C",
         "key": "name", "value": "text"},
        {"kind": "off", "path": "/opt/freeswitch/etc/freeswitch/sip_profiles/external-ipv6.xml",
         "class": "C", "off": true}
      ],
      "units": [{"name": "bbb-web.service", "class": "C"}],
      "noise": ["# Warning: The API secret of webhooks"],
      "recordings": "/usr/local/sbin/coop-recordings",
      "reboot": true,
      "limit": 5400
    }

release   what BIGBLUEBUTTON_RELEASE in /etc/bigbluebutton/bigbluebutton-release should say
front     where the node's own public side answers: the address and port on the node; bundle: the
          PEM file that is served there, its certificate first, or null for plain HTTP
apt       source: one line of sources.list(5), of the release's own directory; pin: the file that
          keeps BBB's packages back, which a change alone does not see; packages: what is installed
          by name (every installed package that the directory has is upgraded too); may_go: what
          apt may remove
files     whole files. units: those outside bigbluebutton.target that restart after the file has
          changed. A directory above that is not there is made (root, 0755). Files of class A are
          the run's, and not here.
patches   for package files that have no override, after each installation:
          xml: the one element outside comments whose attributes match `where` (regular
          expressions, as a whole) gets the attributes of `set`;
          line: the one line that matches as a whole becomes `line`, which has to match too;
          yaml: the one scalar at this path of keys becomes `value`, a text, number or boolean;
          properties: the one line of the key;
          off: the file is renamed to PATH.off, or back.
          A place that is not found, or found twice, is a fault.
units     what has to be active after a change, inside and outside the target
noise     texts of `bbb-conf --check` that mean nothing here: a part of the line is enough
recordings  the program that hands recordings over, or null if they stay on the node
reboot    whether a change reboots a node that waits for a reboot
limit     seconds until a change is ended

Marks in contents and in what patches set: @SECRET@ (the wanted API secret), @ESL@, @TURN@,
@LIVEKIT_KEY@, @LIVEKIT_SECRET@ (the node's own). All have letters and digits alone, so that no
file needs quotes for them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

MARKS = ("SECRET", "ESL", "TURN", "LIVEKIT_KEY", "LIVEKIT_SECRET")
MARK = re.compile("@(" + "|".join(MARKS) + ")@")


@dataclass(frozen=True)
class Front:
    """The node's public side, as the node reaches it; bundle: None for plain HTTP."""

    address: str
    port: int
    bundle: str | None


@dataclass(frozen=True)
class Apt:
    source: str
    pin: str
    packages: tuple[str, ...]
    may_go: tuple[str, ...]


@dataclass(frozen=True)
class File:
    """`kind` is the class, B or C; `content` has marks."""

    path: str
    owner: str
    group: str
    mode: int
    kind: str
    units: tuple[str, ...]
    content: str


@dataclass(frozen=True)
class Xml:
    path: str
    kind: str
    element: str
    where: Mapping[str, str]
    set: Mapping[str, str]


@dataclass(frozen=True)
class Line:
    path: str
    kind: str
    match: str
    line: str


@dataclass(frozen=True)
class Yaml:
    path: str
    kind: str
    key: tuple[str, ...]
    value: str | int | bool


@dataclass(frozen=True)
class Properties:
    path: str
    kind: str
    key: str
    value: str


@dataclass(frozen=True)
class Off:
    path: str
    kind: str
    off: bool


Patch = Xml | Line | Yaml | Properties | Off


@dataclass(frozen=True)
class Unit:
    name: str
    kind: str


@dataclass(frozen=True)
class Wanted:
    """digest: of the file, to see whether a change was for this or for an earlier one."""

    digest: str
    release: str
    hostname: str
    front: Front
    apt: Apt
    files: tuple[File, ...]
    patches: tuple[Patch, ...]
    units: tuple[Unit, ...]
    noise: tuple[str, ...]
    recordings: str | None
    reboot: bool
    limit: int
