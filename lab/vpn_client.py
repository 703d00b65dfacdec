"""The lab's people at their own machine, in the VPN or not. Their machine is the lab's namespace.

The namespace's kernel may lack WireGuard; then wg-quick(8) takes wireguard-go by itself.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.machines import INVENTORY, ROOT, STATE, python

_ANOTHER = """\
ip netns add another
ip link add another0 type veth peer name eth0 netns another
ip link set another0 master coop0 up
ip -n another address add 10.78.0.201/24 dev eth0
ip -n another link set lo up
ip -n another link set eth0 up
"""


@contextmanager
def another_machine() -> Iterator[list[str]]:
    """One more machine on the lab's network, for a block; gives words that run a command there."""
    # A test that was killed may have left the machine.
    subprocess.run(["ip", "netns", "del", "another"], capture_output=True, check=False)
    try:
        _run("sh", "-ec", _ANOTHER)
        yield ["ip", "netns", "exec", "another"]
    finally:
        _run("ip", "netns", "del", "another")


@contextmanager
def in_vpn(
    person: str, hub: str = "", directory: Path = ROOT, at: Sequence[str] = ()
) -> Iterator[None]:
    """The person's tunnel is up during the block.

    hub: which hub, if the person has several; directory: the project, or a changed copy of it
    at: the words of another_machine, if the tunnel is to be there
    """
    key = STATE / "people" / person / "wireguard.key"
    made = python(*("-m", "controller.vpn_config", INVENTORY, person, hub), directory=directory)
    assert made.returncode == 0, made.stderr
    text = "".join(
        f"PrivateKey = {key.read_text().strip()}\n" if line.startswith("PrivateKey") else line
        for line in made.stdout.splitlines(keepends=True)
    )
    file = STATE / "op0.conf"
    file.touch(mode=0o600)
    file.write_text(text)
    # A test that was killed may have left the tunnel.
    subprocess.run([*at, "ip", "link", "del", "op0"], capture_output=True, check=False)
    _run(*at, "wg-quick", "up", str(file))
    try:
        yield
    finally:
        _run(*at, "wg-quick", "down", str(file))


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
