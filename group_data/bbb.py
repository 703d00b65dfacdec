"""What a node of BigBlueButton should be, by the line of its release; balancers; times.

A change of class A nobody notices; with one of class B one feature hiccups; one of class C ends
meetings or their media, so that it waits until none runs. fleet/groups/bbb_lines.py says what each
field means.
"""

# What a node has before BigBlueButton's own packages come.
packages = ["ca-certificates", "needrestart", "python3", "unattended-upgrades"]

# SAMPLE DATA. driver: scalelite or bbblb. min_serving: how many of its nodes serve at any time.
balancers = {
    "meet": {"driver": "scalelite", "url": "https://meet.example.org", "min_serving": 1},
}

# How long a node may take until no meeting runs on it; then it serves again as before, and the next
# run tries anew. `--data patience=30m` changes it for one run.
patience = "4h"

# How long it is from one look at a node's meetings to the next.
look = "20s"

# How long an upgrade may take: with many recordings its packages take long (bigbluebutton #20184).
change = "90m"

# How often a balancer looks at its nodes: Scalelite's poller, every 60 s.
poll = "60s"

# For how many days a node keeps recordings that somebody has deleted. BigBlueButton itself keeps
# them for ever.
deleted_days = 14

# For how many days recordings may wait to be handed over before that is an alarm.
spool_max_days = 2

# How much of a node's disk the spool leaves free: without room nobody can record.
spool_room = "10G"

# Accounts that the packages would make with chance numbers, if they were not there before.
_BIGBLUEBUTTON = {"name": "bigbluebutton", "uid": 3000, "home": "/home/bigbluebutton"}
_FREESWITCH = {"name": "freeswitch", "uid": 3001, "home": "/opt/freeswitch"}
_ETHERPAD = {"name": "etherpad", "uid": 3002, "home": "/usr/share/etherpad-lite"}
# Their files are on the node before their packages come. These are Debian's, and share no files.
_TURNSERVER = {"name": "turnserver", "uid": None, "home": "/nonexistent"}
_HAPROXY = {"name": "haproxy", "uid": None, "home": "/var/lib/haproxy"}
_METEOR = {"name": "meteor", "uid": 3003, "home": "/usr/share/meteor"}

# The fingerprints were compared in public texts: the one of BigBlueButton's repository in the
# defaults of ebbba-org/ansible-role-bigbluebutton (bbb_apt_key), NodeSource's and Docker's in
# many installers, the one of ppa:rmescandon/yq in several. None: no public text shows more than the
# last 16 digits, which is no fingerprint. Compare the PPA's page on Launchpad, and write it here.
_BBB_KEY = "770C4267C5E63474D171B60937B5DD5EFAB46452"
_KEYSERVER = "https://keyserver.ubuntu.com/pks/lookup?op=get&search=0x{fingerprint}"


def _own(codename: str) -> dict[str, object]:
    """The release's own directory."""
    return {
        "name": "bigbluebutton",
        "url": "https://ubuntu.bigbluebutton.org/{repository}",
        "suite": f"bigbluebutton-{codename}",
        "components": ["main"],
        "key": "https://ubuntu.bigbluebutton.org/repo/bigbluebutton.asc",
        "fingerprint": _BBB_KEY,
    }


_NODE = {
    "name": "nodesource",
    "url": "https://deb.nodesource.com/node_22.x",
    "suite": "nodistro",
    "components": ["main"],
    "key": "https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key",
    "fingerprint": "6F71F525282841EEDAF851B42F59B5F99B1BE0B4",
    "replaces": ["nodesource.sources"],
}


def _docker(codename: str) -> dict[str, object]:
    return {
        "name": "docker",
        "url": "https://download.docker.com/linux/ubuntu",
        "suite": codename,
        "components": ["stable"],
        "key": "https://download.docker.com/linux/ubuntu/gpg",
        "fingerprint": "9DC858229FC7DD38854AE2D88D81803C0EBFCD88",
    }


def _ppa(name: str, of: str, fingerprint: str | None) -> dict[str, object]:
    """A PPA for 22.04. of: its owner and name on Launchpad"""
    return {
        "name": name,
        "url": f"https://ppa.launchpadcontent.net/{of}/ubuntu",
        "suite": "jammy",
        "components": ["main"],
        "key": _KEYSERVER,
        "fingerprint": fingerprint,
        # As add-apt-repository names it, by which the installer adds it.
        "replaces": [f"{of.replace('/', '-ubuntu-')}-jammy.list"],
    }


def _units(kind: str, *names: str, optional: bool = False) -> list[dict[str, object]]:
    return [{"name": f"{it}.service", "kind": kind, "optional": optional} for it in names]


# Those of bbb-conf --status, and what it does not list: haproxy, coturn, postgresql, docker.
_UNITS = [
    *_units("C", "nginx", "freeswitch", "redis-server", "bbb-web", "bbb-apps-akka"),
    *_units("C", "bbb-fsesl-akka", "bbb-webrtc-sfu", "bbb-webrtc-recorder"),
    *_units("B", "bbb-export-annotations"),
    *_units("A", "bbb-rap-resque-worker", "bbb-rap-starter"),
    *_units("A", "bbb-rap-caption-inbox", optional=True),
    *_units("B", "bbb-webhooks", "bbb-transcription-controller", optional=True),
]
_UNITS_SINCE_3 = [
    *_UNITS,
    *_units("C", "bbb-graphql-actions", "bbb-graphql-middleware", "bbb-graphql-server"),
    *_units("C", "postgresql", "docker", "haproxy"),
    *_units("B", "coturn"),
]

_ETC = "/etc/bigbluebutton"


def _private(kind: str, *paths: str, **more: object) -> list[dict[str, object]]:
    """Files with secrets, which BigBlueButton's account reads."""
    file = {"kind": kind, "group": "bigbluebutton", "mode": 0o640, **more}
    return [{"path": f"{_ETC}/{path}", **file} for path in paths]


def _plain(kind: str, *paths: str, **more: object) -> list[dict[str, object]]:
    return [{"path": path, "kind": kind, **more} for path in paths]


_FILES = [
    *_private("C", "bbb-web.properties", "turn-stun-servers.xml", "bbb-apps-akka.conf"),
    *_private("C", "bbb-fsesl-akka.conf", "bbb-html5.yml", "bbb-webrtc-sfu/production.yml"),
    *_private("C", "bbb-webrtc-recorder.yml"),
    *_private("B", "bbb-webhooks/production.yml", units=["bbb-webhooks.service"]),
    {
        "path": "/etc/turnserver.conf",
        "kind": "B",
        "group": "turnserver",
        "mode": 0o640,
        "units": ["coturn.service"],
    },
    # Not at once: a step whose format comes with a package of the window makes nothing, and fails
    # nowhere.
    *_plain("B", f"{_ETC}/recording/recording.yml"),
    *_plain("A", "/etc/nginx/sites-available/bigbluebutton"),
    *_plain("A", "/etc/default/bigbluebutton-cron-config", f"{_ETC}/nginx/coop-infra.nginx"),
    *_plain("A", f"{_ETC}/bbb-conf/apply-config.sh", mode=0o755),
    *_plain("A", "/etc/haproxy/haproxy.cfg"),
    *_plain("A", "/etc/haproxy/certbundle.pem", group="haproxy", mode=0o640),
]
_LIVEKIT = [
    *_private("C", "livekit.yaml", "livekit-sip.yaml"),
    *_plain("C", "/etc/default/bbb-webrtc-recorder", group="bigbluebutton", mode=0o640),
]

_FREESWITCH_ETC = "/opt/freeswitch/etc/freeswitch"
_VARS = f"{_FREESWITCH_ETC}/vars.xml"


def _variable(name: str, value: str) -> dict[str, object]:
    """A variable of FreeSWITCH."""
    where, data = {"data": f"{name}=.*"}, {"data": f"{name}={value}"}
    return {
        "kind": "xml",
        "path": _VARS,
        "element": "X-PRE-PROCESS",
        "where": where,
        "set": data,
    }


def _param(file: str, name: str, value: str) -> dict[str, object]:
    """A parameter in one of FreeSWITCH's files."""
    return {
        "kind": "xml",
        "path": f"{_FREESWITCH_ETC}/{file}",
        "element": "param",
        "where": {"name": name},
        "set": {"value": value},
    }


# What has no file of its own below /etc/bigbluebutton. Without IPv6 FreeSWITCH's event socket and
# profiles for IPv6 keep it from starting (bigbluebutton #12578).
_PATCHES = [
    _variable("local_ip_v4", "{local_ipv4}"),
    _variable("external_rtp_ip", "{public_ipv4}"),
    _variable("external_sip_ip", "{public_ipv4}"),
    _param("sip_profiles/external.xml", "ws-binding", "{local_ipv4}:5066"),
    _param("sip_profiles/external.xml", "wss-binding", "{local_ipv4}:7443"),
    _param("autoload_configs/event_socket.conf.xml", "listen-ip", "127.0.0.1"),
    _param("autoload_configs/event_socket.conf.xml", "password", "@ESL@"),
    {
        "kind": "off",
        "path": f"{_FREESWITCH_ETC}/sip_profiles/internal-ipv6.xml",
        "without": "ipv6",
    },
    {
        "kind": "off",
        "path": f"{_FREESWITCH_ETC}/sip_profiles/external-ipv6.xml",
        "without": "ipv6",
    },
    {
        "kind": "line",
        "path": "/usr/share/bigbluebutton/nginx/sip.nginx",
        "match": r"\s*proxy_pass .*;",
        "line": "    proxy_pass https://{local_ipv4}:7443;",
    },
    {
        "kind": "yaml",
        "path": "/usr/local/bigbluebutton/core/scripts/bigbluebutton.yml",
        "key": ["playback_host"],
        "value": "{hostname}",
    },
]

_FORMATS = {
    "presentation": ["bbb-playback-presentation"],
    "video": ["bbb-playback-video"],
    "notes": ["bbb-playback-notes"],
    "podcast": ["bbb-playback-podcast"],
    "screenshare": ["bbb-playback-screenshare"],
}
_SETTINGS = "/usr/share/bigbluebutton/html5-client/private/config/settings.yml"

# bbb-conf compares the package's default with the API secret, also where the proper file has that
# secret; and a node without ufw has a firewall all the same.
_NOISE = ["bbb-webhooks/config/default.yml", "# Warning: No firewall detected"]

lines = {
    # No longer supported: its nodes are read and retired, and nothing on them is changed.
    "2.7": {
        "ubuntu": "20.04",
        "codename": "focal",
        "state": "retire-only",
        "repository": "focal-270-{release}",
        "formats": _FORMATS,
        "notes": {"etherpad": []},
        "units": [
            *_UNITS,
            *_units("C", "mongod", "bbb-html5"),
            *_units("B", "etherpad", "bbb-pads"),
        ],
        "settings": "/usr/share/meteor/bundle/programs/server/assets/app/config/settings.yml",
        "accounts": [_BIGBLUEBUTTON, _FREESWITCH, _ETHERPAD, _METEOR],
    },
    "3.0": {
        "ubuntu": "22.04",
        "codename": "jammy",
        "state": "production",
        "repository": "jammy-300-{release}",
        "sources": [
            _own("jammy"),
            _NODE,
            _docker("jammy"),
            _ppa("bbb-support", "bigbluebutton/support", None),
            _ppa("yq", "rmescandon/yq", "9A2D61F6BB03CED7522B8E7D6657DBE0CC86BB64"),
            _ppa("coturn", "martin-uni-mainz/coturn", None),
        ],
        "packages": ["bigbluebutton", "coturn", "docker-ce", "haproxy"],
        "may_go": ["bbb-etherpad", "bbb-pads"],
        "formats": _FORMATS,
        "notes": {
            "blocknote": ["bbb-shared-notes-server"],
            "etherpad": ["bbb-etherpad", "bbb-pads"],
        },
        "units": [
            *_UNITS_SINCE_3,
            *_units("B", "bbb-shared-notes-server", "etherpad", "bbb-pads", optional=True),
            *_units("C", "livekit-server", "livekit-sip", optional=True),
        ],
        "settings": _SETTINGS,
        "files": _FILES,
        "patches": _PATCHES,
        "accounts": [_BIGBLUEBUTTON, _FREESWITCH, _ETHERPAD, _TURNSERVER, _HAPROXY],
        "noise": _NOISE,
    },
    # Not stable yet. Whether each release has a directory of its own is not known either.
    "4.0": {
        "ubuntu": "24.04",
        "codename": "noble",
        "state": "candidate",
        "repository": "noble-400-{release}",
        "sources": [_own("noble"), _NODE, _docker("noble")],
        "packages": ["bigbluebutton", "bbb-coturn", "bbb-livekit", "docker-ce", "haproxy"],
        "formats": _FORMATS,
        "notes": {"blocknote": ["bbb-shared-notes-server"]},
        "units": [
            *_UNITS_SINCE_3,
            *_units("B", "bbb-shared-notes-server", "bbb-file-upload"),
            *_units("C", "livekit-server", "livekit-sip"),
        ],
        "settings": _SETTINGS,
        "files": [*_FILES, *_LIVEKIT],
        "patches": _PATCHES,
        "accounts": [_BIGBLUEBUTTON, _FREESWITCH, _TURNSERVER, _HAPROXY],
        "noise": _NOISE,
    },
}
