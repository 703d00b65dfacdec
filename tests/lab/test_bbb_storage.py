"""A node hands its recordings over to the storage, and does without the storage meanwhile."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.command import wait_for
from lab.machines import Machine, pyinfra
from tests.lab.fleets import StoredNode, changed_project, finish
from tests.lab.rolls import look

pytestmark = pytest.mark.bbb

NODE = StoredNode.names[1]
VOLUME = f"/storage/prod/{NODE}"
# As bbb-web names a meeting: SHA-1 of its ID, and when it began.
MEETINGS = [f"{hashlib.sha1(it.encode()).hexdigest()}-1764200000000" for it in ("one", "two")]
# What bbb-record-core leaves behind a recording; see docs/bbb-stand-ins.md.
PUBLISH = """\
cd /var/bigbluebutton
at=published/presentation/{meeting}
install -d -o bigbluebutton -g bigbluebutton published/presentation $at recording/status/published
cat > $at/metadata.xml
chown bigbluebutton: $at/metadata.xml
echo Published > recording/status/published/{meeting}-presentation.done
chown bigbluebutton: recording/status/published/{meeting}-presentation.done
"""


@pytest.fixture(scope="module")
def stored() -> StoredNode:
    """One run makes the storage server and, from bare, the node."""
    machines = StoredNode()
    machines.restore("fresh")
    machines.converge()
    return machines


def publish(node: Machine, meeting: str) -> None:
    """Make a recording whose metadata are its own name."""
    node.sh(PUBLISH.format(meeting=meeting), meeting.encode())


def recordings(node: Machine) -> dict[str, Any]:
    """What the node's program says of its recordings, whatever waits."""
    return dict(json.loads(node.try_sh("coop-recordings look").stdout))


def copy(machines: StoredNode, meeting: str) -> str:
    """The metadata in the copy, as they lie on the storage server. Raises CommandFailed."""
    at = f"{VOLUME}/recordings/{meeting}-presentation.tar"
    # Bytes as they are: sh would take them for text.
    done = machines.storage.try_sh(f"cat {at}")
    assert done.returncode == 0, done.stderr
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        name = next(it for it in tar.getnames() if it.endswith("metadata.xml"))
        file = tar.extractfile(name)
        assert file is not None
        return file.read().decode()


@contextmanager
def away(storage: Machine) -> Iterator[None]:
    """The storage server answers nothing during the block."""
    storage.suspend()
    try:
        yield
    finally:
        storage.resume()


def test_a_recording_is_on_the_volume_of_its_node(stored: StoredNode) -> None:
    publish(stored.node, MEETINGS[0])
    assert recordings(stored.node)["waiting"] == 1
    finish(stored.node, "coop-recordings", 300)
    assert copy(stored, MEETINGS[0]) == MEETINGS[0]
    found = recordings(stored.node)
    assert (found["waiting"], found["spooled"], found["problems"]) == (0, 0, [])
    assert stored.storage.sh(f"stat -c %u {VOLUME}/recordings/*.tar") == "20008"


def test_an_upgrade_does_without_the_storage(stored: StoredNode, tmp_path: Path) -> None:
    """What is published meanwhile waits on the node, and is handed over afterwards."""
    node = stored.node

    def upgrade(hosts: dict[str, dict[str, Any]]) -> None:
        hosts[NODE]["bbb"]["release"] = "3.0.35"

    newer = changed_project(tmp_path / "newer", upgrade)
    done = pyinfra("deploy.py", "-y", "--limit", NODE, timeout=1800, directory=newer)
    assert done.returncode == 0, done.stderr[-6000:]
    with away(stored.storage):
        publish(node, MEETINGS[1])
        node.sh("systemctl start --no-block coop-recordings.service")
        done = pyinfra("bbb_roll.py", "-y", "--limit", NODE, timeout=2400, directory=newer)
        assert done.returncode == 0, done.stderr[-6000:]
        found = look(node)
        assert (found["release"], found["waiting"], found["gate"]) == ("3.0.35", [], "open")
        assert found["dpkg"] == []
        assert recordings(node)["waiting"] == 1

    def is_handed_over() -> bool:
        node.try_sh("systemctl start coop-recordings.service", timeout=600)
        return bool(recordings(node)["waiting"] == 0)

    wait_for(is_handed_over, "the recording is handed over", 900)
    assert copy(stored, MEETINGS[1]) == MEETINGS[1]
