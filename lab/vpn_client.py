"""The lab's people at their own machine, which is the lab's namespace: in the VPN, or not.

The namespace's kernel may lack WireGuard; wg-quick(8) then takes wireguard-go by itself.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.machines import INVENTORY, ROOT, STATE, python


@contextmanager
def in_vpn(person: str, hub: str = "", directory: Path = ROOT) -> Iterator[None]:
    """While the person's tunnel is up.

    hub: which, if the person has several; directory: the project, or a changed copy of it
    """
    key = STATE / "people" / person / "wireguard.key"
    made = python(*("-m", "fleet.vpn_config", INVENTORY, person, hub), directory=directory)
    assert made.returncode == 0, made.stderr
    text = "".join(
        f"PrivateKey = {key.read_text().strip()}\n" if line.startswith("PrivateKey") else line
        for line in made.stdout.splitlines(keepends=True)
    )
    file = STATE / "op0.conf"
    file.touch(mode=0o600)
    file.write_text(text)
    # A test that was killed may have left it.
    subprocess.run(["ip", "link", "del", "op0"], capture_output=True, check=False)
    _wg_quick("up", str(file))
    try:
        yield
    finally:
        _wg_quick("down", str(file))


def _wg_quick(*arguments: str) -> None:
    done = subprocess.run(["wg-quick", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
