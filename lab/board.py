"""The vision board as a visitor uses it: by HTTPS, with the trust of a browser in the lab's CA."""

import re
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from fleet.load import load
from lab.acme import CA_FILE
from lab.machines import INVENTORY, Machine


class _Named(HTTPAdapter):
    """Goes to an address, and wants a certificate for the name: as if DNS had led there."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(
            *arguments, server_hostname=self._name, assert_hostname=self._name, **options
        )


def _visit(machine: Machine) -> requests.Session:
    session = requests.Session()
    session.mount("https://", _Named(_site(machine)))
    session.headers["Host"] = _site(machine)
    session.verify = str(CA_FILE)
    # The lab's names and addresses are nobody else's.
    session.trust_env = False
    return session


def _site(machine: Machine) -> str:
    site = load(Path(INVENTORY)).host(machine.name).site
    assert site is not None
    return site.name


def upload(machine: Machine, name: str, content: bytes, timeout: float = 120) -> str:
    """Post a file, as a browser does; returns the name under which the board stored it."""
    with _visit(machine) as session:
        answer = session.post(
            f"https://{machine.address}/upload.php",
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
    with _visit(machine) as session:
        return session.get(f"https://{machine.address}{path}", timeout=timeout)


def works(machine: Machine) -> bool:
    """Whether the board shows its page now."""
    try:
        return get(machine, "/", 20).status_code == 200
    except requests.RequestException:
        return False
