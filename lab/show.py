"""Shows what works in the lab after a run, by using it: python -m lab.show, inside the lab."""

import secrets
from pathlib import Path

from fleet.derived.datasets import dataset_name
from fleet.hosts import Host
from fleet.load import load
from lab import board
from lab.machines import INVENTORY, machine, running


def main() -> None:
    fleet = load(Path(INVENTORY))
    print("\nWhat now works\n")
    for guest in running():
        host = fleet.host(guest.name)
        if host.site:
            _show(host)
    print("Further\n")
    print(
        "  look at it         lab/enter curl --cacert lab/.state/acme-ca.pem "
        "--resolve vision.lab.test:443:10.78.0.22 https://vision.lab.test/"
    )
    print(
        "  what would change  lab/enter .venv/bin/pyinfra inventories/lab.py deploy.py --dry --diff"
    )
    print("  end it             make lab-down\n")


def _show(host: Host) -> None:
    assert host.site and host.volume
    fleet = load(Path(INVENTORY))
    client, server = machine(host.name), machine(fleet.storage_host.name)
    dataset = dataset_name(fleet, host)
    content = f"a vision for {host.name}: {secrets.token_hex(16)}\n".encode()
    stored = board.upload(client, "vision.txt", content)
    assert stored in board.listing(client)
    mount = client.sh(f"findmnt -n -o SOURCE,FSTYPE -M {fleet.clients.mountpoint}").split()
    newest = (
        f"find /{dataset} -type f ! -name 'gocryptfs.*' -printf '%T@ %p\\n' | sort -n | tail -n 1"
    )
    files = server.sh(newest).split(" ", 1)[1]
    readable = (
        server.try_sh(
            # grep -r would not wait for a client that holds a delegation of the file.
            f"find /{dataset} -type f -exec cat {{}} + | grep -q -a '{content.decode().strip()}'"
        ).returncode
        == 0
    )
    print(f"  {host.name}  https://{host.site.name}/  (at {client.address}, by the lab's CA)")
    print(f"    uploaded     {stored}, and the page lists it")
    print(f"    mounted      {fleet.clients.mountpoint} from {mount[0]} ({mount[1]})")
    print(f"    its bytes    {server.name}:{files}")
    print(f"    the server   {'can read them' if readable else 'holds ciphertext only'}\n")


if __name__ == "__main__":
    main()
