"""The files and units that bbb-conf knows, and how it reads and writes them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(os.environ.get("BBB_STANDIN_ROOT", "/"))
ETC = ROOT / "etc/bigbluebutton"
RELEASE = ETC / "bigbluebutton-release"
WEB = ROOT / "usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties"
WEB_ETC = ETC / "bbb-web.properties"
SFU_ETC = ETC / "bbb-webrtc-sfu/production.yml"
APPS = ETC / "bbb-apps-akka.conf"
FSESL = ETC / "bbb-fsesl-akka.conf"
APPLY = ETC / "bbb-conf/apply-config.sh"
WEBHOOKS = ROOT / "usr/local/bigbluebutton/bbb-webhooks/config/default.yml"
CATCHER = ROOT / "usr/local/bigbluebutton/bbb-webhooks/extra/post_catcher.js"
RECORDING = ROOT / "usr/local/bigbluebutton/core/scripts/bigbluebutton.yml"
HTML5 = ROOT / "usr/share/bigbluebutton/html5-client/private/config/settings.yml"
FREESWITCH = ROOT / "opt/freeswitch"
EVENT_SOCKET = FREESWITCH / "etc/freeswitch/autoload_configs/event_socket.conf.xml"
FREESWITCH_LOG = FREESWITCH / "var/log/freeswitch/freeswitch.log"
SITE = ROOT / "etc/nginx/sites-available/bigbluebutton"
SITE_ENABLED = ROOT / "etc/nginx/sites-enabled/bigbluebutton"
UNITS = ROOT / "usr/lib/systemd/system"
# Those that --status names without a look at their files, and those with one; in its order.
ALWAYS = ("nginx", "freeswitch", "redis-server", "bbb-apps-akka", "bbb-fsesl-akka")
IF_THERE = (
    *("bbb-graphql-actions", "bbb-graphql-middleware", "bbb-graphql-server", "bbb-webrtc-sfu"),
    *("bbb-webrtc-recorder", "etherpad", "bbb-web", "bbb-webhooks", "bbb-pads"),
    *("bbb-export-annotations", "bbb-rap-caption-inbox", "bbb-rap-resque-worker"),
    *("bbb-rap-starter", "bbb-transcription-controller"),
)


def read(file: Path) -> str:
    """As cat, whose complaint about a file that is not there nobody minds."""
    return file.read_text() if file.exists() else ""


def first(pattern: str, file: Path) -> str:
    """The first group of the pattern's first match, or nothing."""
    return next(iter(re.findall(pattern, read(file), re.M)), "")


def values(key: str, file: Path) -> str:
    """As `grep ^KEY FILE | cut -d = -f 2-`: a line for each, also of longer keys."""
    lines = read(file).splitlines()
    return "\n".join(it.partition("=")[2] for it in lines if it.startswith(key))


def web(key: str) -> str:
    return values(key, WEB_ETC) or values(key, WEB)


def need_root() -> None:
    """Below another root the caller's own rights are enough."""
    if os.geteuid() != 0 and Path("/") == ROOT:
        print("Need to be root to run this option")
        sys.exit(1)


def need_value(name: str, file: Path, value: str) -> None:
    if not value:
        print(f"# Tried to check {name} in\n#    {file}\n# but value is empty.")
        sys.exit(1)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, text=True, capture_output=True, check=False)


def substitute(file: Path, pattern: str, text: str) -> None:
    """As sed -i: where the pattern or the file is not found, nothing changes."""
    if file.exists():
        file.write_text(re.sub(pattern, lambda _: text, file.read_text(), flags=re.M))


def append(file: Path, line: str) -> None:
    with file.open("a") as stream:
        stream.write(f"{line}\n")


def states() -> Iterator[tuple[str, str]]:
    """Each unit that --status names, in its order, with what systemd says of it."""
    there = [it for it in IF_THERE if (UNITS / f"{it}.service").exists()]
    for unit in (*ALWAYS, *there):
        yield unit, run("systemctl", "is-active", unit).stdout.strip()
