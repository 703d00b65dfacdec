"""Stand-in packages of BigBlueButton on a machine of the lab, by apt alone and no run."""

import hashlib
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

from fleet.load import load
from lab.bbb.build import PUBLIC_KEY
from lab.machines import INVENTORY, Machine

KEY = "/etc/apt/keyrings/bbb.asc"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Options::=--force-confold"
# Ubuntu has the first two from the start, and they are on there.
PACKAGES = (
    *("needrestart", "unattended-upgrades", "bigbluebutton", "haproxy", "coturn", "docker-ce"),
    *("bbb-webhooks", "bbb-livekit", "bbb-shared-notes-server"),
)


def use(machine: Machine, release: str) -> None:
    """Let apt take the packages of that release, and those of third parties, from the lab."""
    fleet = load(Path(INVENTORY))
    line = fleet.bbb.lines[".".join(release.split(".")[:2])]
    node = fleet.host("meet1").bbb
    assert node is not None and node.mirror is not None
    repository = line.repository.format(release=release)
    lines = [
        f"deb [signed-by={KEY}] {node.mirror.url}/{url.netloc}{url.path} {source.suite} "
        f"{' '.join(source.components)}\n"
        for source in line.sources
        for url in [urlsplit(source.url.format(repository=repository))]
    ]
    machine.sh(f"install -d {Path(KEY).parent} && cat > {KEY}", PUBLIC_KEY.read_bytes())
    machine.sh("cat > /etc/apt/sources.list.d/bbb.list", "".join(lines).encode())
    machine.sh("apt-get -q update", timeout=300)


def install(machine: Machine, *packages: str) -> None:
    machine.sh(f"{APT} install --no-install-recommends {' '.join(packages)}", timeout=900)
    # The image has nginx already, and disabled: what a package installs there is not started. An
    # `enable` would take bbb-config's drop-in for nginx's own [Install], as no upgrade does.
    machine.sh("systemctl add-wants multi-user.target nginx.service && systemctl restart nginx")


def upgrade(machine: Machine, release: str) -> None:
    """As somebody does who knows nothing of meetings."""
    use(machine, release)
    machine.sh(f"{APT} dist-upgrade", timeout=600)


def start_again(machine: Machine, package: str) -> None:
    """Let apt install the package once more, as the unit `again`, and wait for nothing."""
    again = "systemd-run --quiet --collect --unit again"
    machine.sh(f"{again} env {APT} install --reinstall {package}")


def end_again(machine: Machine) -> None:
    """Kill that apt, with the scripts that it has started."""
    ended = "while systemctl --quiet is-active again; do sleep 0.1; done"
    machine.sh(f"systemctl kill --signal KILL again || true; {ended}")


def has_said(machine: Machine, text: str, times: int = 1) -> bool:
    """Whether that apt has said the text so often until now."""
    said = machine.sh("journalctl --sync && journalctl -u again --no-pager -o cat")
    return said.count(text) >= times


def not_whole(machine: Machine) -> list[str]:
    """The packages that dpkg has not configured, in its order."""
    listed = machine.sh("dpkg-query -W -f '${Package} ${db:Status-Status}\\n'").splitlines()
    return [name for name, status in map(str.split, listed) if status.startswith("half")]


def setting(machine: Machine, key: str, file: str) -> str:
    return machine.sh(f"sed -n 's|^{key}=||p' {file}")


def call(machine: Machine, what: str, secret: str, **parameters: str) -> ET.Element:
    """A call of the API on the machine itself."""
    query = urlencode(parameters)
    checksum = hashlib.sha256(f"{what}{query}{secret}".encode()).hexdigest()
    joined = f"{query}{'&' if query else ''}checksum={checksum}"
    url = f"http://127.0.0.1:8090/bigbluebutton/api/{what}?{joined}"
    return ET.fromstring(machine.sh(f"curl -sS --retry 20 --retry-connrefused '{url}'"))


def meetings(machine: Machine, secret: str) -> list[str]:
    """The IDs of the meetings that run. Raises AssertionError if the secret is refused."""
    answer = call(machine, "getMeetings", secret)
    assert answer.findtext("returncode") == "SUCCESS", ET.tostring(answer)
    return [
        it.findtext("meetingID", "")
        for it in answer.iter("meeting")
        if it.findtext("endTime") == "0"
    ]


def invocations(machine: Machine, *units: str) -> list[str]:
    """What changes with each start of a unit."""
    return [machine.sh(f"systemctl show -P InvocationID {unit}") for unit in units]
