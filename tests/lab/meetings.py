"""Meetings on the lab's nodes of BigBlueButton, held by participants while a roll works.

The tests run within the lab, so participants reach a node as people do: by the public name, through
haproxy and nginx, and by UDP.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dotenv import dotenv_values

from fleet.load import load
from fleet.secret_kinds.bbb import BBB
from lab.bbb.door import Door
from lab.container import CONTAINERS, is_container
from lab.machines import INVENTORY, STATE, Machine

API = "/bigbluebutton/api"
SWITCHES = "/var/lib/bbb-standin/switches"
WINDOW = "/var/lib/coop-infra/bbb/window.json"
# A machine that emulates others beside the test looks at its files this often.
LOOK_EVERY = 0.01


def door(node: Machine, authority: Path, secret: str = "") -> Door:
    """The node's own API, by its public name.

    authority: the certificate that the node's is signed by, or the node's own
    secret: the one in force on the node; without it the wanted one of the lab's secrets
    """
    hosts = load(Path(INVENTORY)).hosts
    names = {it.bbb.hostname: str(it.address) for it in hosts.values() if it.bbb}
    record = hosts[node.name].bbb
    assert record is not None
    wanted = dotenv_values(STATE / "env", interpolate=False).get(BBB.of(node.name))
    return Door(f"https://{record.hostname}{API}", secret or wanted or "", names, authority)


def switch(node: Machine, name: str, value: str = "") -> None:
    """Switch a fault of the stand-in on (lab/bbb/web/switches.py)."""
    node.sh(f"install -d {SWITCHES} && cat > {SWITCHES}/{name}", value.encode())


def switch_off(node: Machine, name: str) -> None:
    node.sh(f"rm -f {SWITCHES}/{name}")


def step(node: Machine) -> str:
    """The step that the roll has noted on the node; empty if no window is open."""
    if is_container(node.name):
        # A look by SSH takes longer than the gate takes to close.
        file = CONTAINERS / node.name / "root" / WINDOW.lstrip("/")
        try:
            text = file.read_text()
        except FileNotFoundError:
            return ""
    else:
        text = node.sh(f"cat {WINDOW} 2>/dev/null || true")
    return str(json.loads(text)["step"]) if text else ""


@contextmanager
def at_step(node: Machine, wanted: str, action: Callable[[], object]) -> Iterator[None]:
    """Do something as soon as the roll notes this step on the node, if it does within the block.

    Raises what the action raises, at the end of the block.
    """
    over = threading.Event()
    failed: list[BaseException] = []

    def watch() -> None:
        try:
            while not over.wait(LOOK_EVERY):
                if step(node) == wanted:
                    action()
                    return
        except BaseException as error:
            failed.append(error)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    if failed:
        raise failed[0]
