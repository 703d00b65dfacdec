"""The vision board as a visitor uses it."""

import re
from pathlib import Path

import requests

from fleet.load import load
from lab.machines import INVENTORY, Machine


def _site(machine: Machine) -> str:
    site = load(Path(INVENTORY)).host(machine.name).site
    assert site is not None
    return site.name


def upload(machine: Machine, name: str, content: bytes, timeout: float = 120) -> str:
    """Post a file, as a browser does; returns the name under which the board stored it."""
    answer = requests.post(
        f"http://{machine.address}/upload.php",
        headers={"Host": _site(machine)},
        files={"vision": (name, content)},
        timeout=timeout,
    )
    stored = re.fullmatch(r"stored files/(\S+)\n", answer.text)
    assert answer.status_code == 200 and stored, f"{answer.status_code}: {answer.text[:500]}"
    return stored.group(1)


def listing(machine: Machine, timeout: float = 60) -> list[str]:
    """The names that the board's page lists."""
    answer = get(machine, "/", timeout)
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
    return re.findall(r'href="files/([^"]+)"', answer.text)


def fetch(machine: Machine, name: str, timeout: float = 60) -> bytes:
    """The content of an uploaded file, as the board sends it."""
    answer = get(machine, f"/files/{name}", timeout)
    assert answer.status_code == 200, f"{name}: {answer.status_code}"
    return answer.content


def get(machine: Machine, path: str, timeout: float = 60) -> requests.Response:
    """Any page of the board."""
    return requests.get(
        f"http://{machine.address}{path}", headers={"Host": _site(machine)}, timeout=timeout
    )


def works(machine: Machine) -> bool:
    """Whether the board shows its page now."""
    try:
        return get(machine, "/", 20).status_code == 200
    except requests.RequestException:
        return False
