"""The whole program as root starts it, in a world with accounts of its own."""

import base64
import io
import json
import tarfile
from typing import Any

from operations.files import File
from roles.places import PROGRAMS, program_in_parts
from tests.unit.apart import in_a_world, needs_a_world
from tests.unit.programs.recordings.node import MEETING

pytestmark = needs_a_world
UID, OWNER = 5432, 20100
PROGRAM = f"{PROGRAMS}/recordings"
SETTINGS: dict[str, Any] = {
    "recordings": "/var/bigbluebutton",
    "account": "eve",
    "formats": ["presentation"],
    "spool": "/var/spool/coop-recordings",
    "state": "/var/lib/coop-recordings",
    "volume": {"at": "/media", "filesystem": "tmpfs", "uid": OWNER},
    "room": 0,
    "days": {"raw": 14, "published": None, "volume": None, "deleted": 14},
    "max_age": 9999,
    "metrics": "/var/lib/coop-recordings/metrics.prom",
}
KEPT = f"/media/recordings/{MEETING}-presentation.tar"


def program() -> str:
    """A line of shell that puts the program and its settings where a run has them, below /home."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        found = [it for it in program_in_parts(PROGRAM, "recordings") if isinstance(it, File)]
        texts = {it.path: it.content for it in found} | {"/settings.json": json.dumps(SETTINGS)}
        for path, text in texts.items():
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size, info.mode = len(text.encode()), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    text = base64.b64encode(out.getvalue()).decode()
    return f"mkdir -p /home/host; echo {text} | base64 -d | tar -x -C /home/host"


WORLD = f"""\
{program()}
mkdir -p /var/lib/coop-recordings /var/spool/coop-recordings
chown eve:eve /var/spool/coop-recordings; chmod 750 /var/spool/coop-recordings
mount -t tmpfs -o mode=755 none /media; chown {OWNER}:{OWNER} /media
of=/var/bigbluebutton/published/presentation/{MEETING}
status=/var/bigbluebutton/recording/status/published
mkdir -p $of $status; echo title > $of/metadata.xml; touch $status/{MEETING}-presentation.done
chown -R eve:eve /var/bigbluebutton
echo root-alone > /var/secret; chmod 600 /var/secret
recordings() {{ /usr/bin/python3 -I /home/host{PROGRAM} /home/host/settings.json "$@"; }}
"""


def run(script: str) -> str:
    done = in_a_world(WORLD + script)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_recording_comes_to_its_volume_in_the_name_of_the_volume_s_owner() -> None:
    told = run(
        f"recordings run; stat -c %u /media/recordings {KEPT}; ls /var/spool/coop-recordings"
    )
    first, *others = told.split("\n", 1)
    said = json.loads(first)
    assert (said["waiting"], said["copied"], said["volume"]) == (0, 1, "there")
    assert "".join(others).split() == [str(OWNER), str(OWNER)]


def test_a_link_in_the_spool_shows_nothing_of_root_s() -> None:
    name = f"{MEETING}-presentation.{'0' * 16}.tar"
    script = f"""\
ln -s /var/secret /var/spool/coop-recordings/{name}
recordings run > /dev/null 2>&1 && exit 1
[ ! -e {KEPT} ] || ! grep -q root-alone {KEPT}
"""
    run(script)


def test_a_link_on_the_volume_leads_its_owner_no_further_than_its_own_powers() -> None:
    script = f"""\
mkdir /media/recordings; ln -s /var/secret {KEPT}; chown -h -R {OWNER}:{OWNER} /media/recordings
recordings run > /dev/null
grep -q root-alone /var/secret; [ ! -L {KEPT} ]
"""
    run(script)


def test_a_volume_that_belongs_to_somebody_else_takes_nothing_and_is_told() -> None:
    script = "chown 0:0 /media; recordings run && exit 1; ls -A /media"
    assert "Permission denied" in run(script)


def test_a_part_that_waits_for_the_storage_keeps_the_lock_of_its_run() -> None:
    """Else each run would leave one more process that the kernel does not let go."""
    script = f"""\
mkfifo /home/wait; chmod 644 /home/wait
sed -i 's/^PUT_SECONDS = .*/PUT_SECONDS = 1/' /home/host{PROGRAMS}/programs/recordings/run.py
sed -i 's/child.kill()/pass/; s/^END_SECONDS = .*/END_SECONDS = 1/' \
  /home/host{PROGRAMS}/programs/recordings/child.py
sed -i 's/^def put(/def put(*_: object) -> None:\\n    open("\\/home\\/wait")\\n\\ndef _put(/' \
  /home/host{PROGRAMS}/programs/recordings/volume.py
recordings run > /home/first 2>&1 && exit 1
grep -q 'has not ended within 1 s' /home/first
recordings run > /home/second 2>&1 && exit 1
cat /home/second
"""
    assert "another run is at work, or waits for the storage" in run(script)
