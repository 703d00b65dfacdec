"""Rolls on the lab's nodes of BigBlueButton: their data, their balancer, a roll that is killed.

The balancer is a stand-in for Scalelite (lab/bbb/scalelite), beside the tests, whose seconds are
short.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.balancers.interface import Server
from controller.balancers.scalelite import Scalelite
from lab.acme import CA_FILE
from lab.command import wait_for
from lab.machines import ROOT, STATE, Machine
from tests.lab.fleets import BbbNodes, Data, changed_project
from tests.lab.meetings import step

PORT = 3099
URL = f"http://127.0.0.1:{PORT}"
HERE = STATE / "rolls"
# A second of the balancer takes so long here: its poll of 60 s comes each 6 s.
SECOND = 0.1
# What the data has, and what it has here. A poll may be late where a machine emulates others.
QUICK = {
    '"https://meet.example.org"': f'"{URL}"',
    'look = "20s"': 'look = "3s"',
    'poll = "60s"': 'poll = "20s"',
}
OWN = "/etc/coop-infra/own-certificate"
BUNDLE = "/etc/haproxy/certbundle.pem"


def hostname(name: str) -> str:
    return f"{name}.lab.test"


def project_at(directory: Path, release: str, **bbb: Any) -> Path:
    """A copy of the project whose nodes have this release, without storage, at our balancer.

    bbb: by node, further fields of its record: meet2={"wanted": "drained"}
    """

    def change(hosts: Data) -> None:
        for name in BbbNodes.names:
            hosts[name].pop("volume", None)
            fields = {"release": release, "balancer": "meet", **bbb.get(name, {})}
            hosts[name]["bbb"].update(fields)

    project = changed_project(directory, change)
    data = project / "group_data/bbb.py"
    text = data.read_text()
    for old, new in QUICK.items():
        assert old in text, old
        text = text.replace(old, new)
    data.write_text(text)
    return project


def rotate(project: Path, *names: str) -> None:
    """New secrets for these nodes, in the project's own file."""
    file = project / "lab/.state/env"
    lines = file.read_text().splitlines()
    wanted = [f"BBB_SECRET_{it.upper()}=" for it in names]
    new = [
        f"{it.partition('=')[0]}={secrets.token_hex(20)}" if it.startswith(tuple(wanted)) else it
        for it in lines
    ]
    assert sum(a != b for a, b in zip(lines, new, strict=True)) == len(names)
    file.write_text("\n".join(new) + "\n")


def secret_of(project: Path, variable: str) -> str:
    lines = (project / "lab/.state/env").read_text().splitlines()
    return dict(it.split("=", 1) for it in lines)[variable].strip("'")


def certify(nodes: BbbNodes) -> None:
    """A certificate for each node, as a person puts it there; and all of them for whoever asks."""
    HERE.mkdir(exist_ok=True)
    for node in nodes.all:
        name, pair = hostname(node.name), [HERE / f"{node.name}.{it}" for it in ("key", "crt")]
        if not pair[1].exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                 "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                 "-keyout", pair[0], "-out", pair[1]],
                check=True, capture_output=True,
            )  # fmt: skip
        key, certificate = (it.read_bytes() for it in pair)
        node.sh(f"install -d -m 700 {OWN} && install -d /etc/haproxy")
        for path, data in (
            (f"{OWN}/fullchain.pem", certificate),
            (f"{OWN}/privkey.pem", key),
            (BUNDLE, certificate + key),
        ):
            node.sh(f"umask 077; cat > {path}", data)
    # A run gets others for the nodes, of the lab's ACME server.
    trusted = [CA_FILE, *(HERE / f"{it.name}.crt" for it in nodes.all)]
    authorities().write_bytes(b"".join(it.read_bytes() for it in trusted))


def authorities() -> Path:
    """What signs the nodes' certificates, for whoever asks them."""
    return HERE / "authorities.pem"


class Balancer:
    """Our Scalelite. It knows the nodes by name, without a name server in the lab."""

    def __init__(self, nodes: BbbNodes, secret: str) -> None:
        HERE.mkdir(exist_ok=True)
        self._records = HERE / "records.json"
        self._secret = HERE / "balancer-secret"
        self._secret.write_text(secret)
        self._secret.chmod(0o600)
        names = "".join(f"{it.address} {hostname(it.name)}\n" for it in nodes.all)
        (HERE / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = Scalelite("meet", URL, secret)

    def begin(self) -> None:
        """Start, with the records that it had."""
        words = [sys.executable, "-m", "lab.bbb.scalelite", "--listen", f"127.0.0.1:{PORT}"]
        words += ["--secret", str(self._secret), "--records", str(self._records)]
        words += ["--second", str(SECOND), "--unhealthy", "5"]
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        with (HERE / "balancer.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script, str(HERE / "hosts"), *words],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "SSL_CERT_FILE": str(authorities())},
            )  # fmt: skip
        wait_for(self._answers, "the balancer answers", 30)

    def end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def keep(self) -> None:
        """The records of now come back with `go_back`."""
        (HERE / "kept.json").write_bytes(self._records.read_bytes())

    def go_back(self) -> None:
        self.end()
        self._records.write_bytes((HERE / "kept.json").read_bytes())
        self.begin()

    def __getitem__(self, name: str) -> Server:
        return self._asked.list()[hostname(name)]

    def knows(self, name: str) -> bool:
        return hostname(name) in self._asked.list()

    def signs_with(self, name: str, secret: str) -> bool:
        return self._asked.knows(hostname(name), secret)

    def _answers(self) -> bool:
        try:
            self._asked.list()
        except Exception:
            return False
        return True


def look(node: Machine) -> dict[str, Any]:
    """What the node's own program says."""
    return dict(json.loads(node.sh("coop-bbb look", timeout=300)))


@contextmanager
def rolling(project: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A roll that runs meanwhile; it is killed at the end of the block."""
    words = [str(ROOT / ".venv/bin/pyinfra"), "inventories/lab.py", "bbb_roll.py", "-y"]
    with subprocess.Popen(
        [*words, *arguments], cwd=project, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PYINFRA_PROGRESS": "off"},
    ) as run:  # fmt: skip
        try:
            yield run
        finally:
            run.kill()


def killed_at(project: Path, node: Machine, wanted: str) -> None:
    """A roll of this node that is killed as soon as the node's window names the step."""
    with rolling(project, "--limit", node.name) as run:
        wait_for(
            lambda: step(node) == wanted or run.poll() is not None, f"the roll is at {wanted}", 900
        )
        assert run.poll() is None, run.stdout and run.stdout.read()
