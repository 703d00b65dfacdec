"""NFS goes through the tunnel of the VPN, and never by another way."""

from functools import partial

import pytest

from controller.reach import is_open
from lab import board
from lab.command import wait_for
from lab.machines import Machine
from tests.lab.fleets import Fleet, counts
from tests.lab.network import ipv6_on_the_link
from tests.lab.state import bare_entries

pytestmark = pytest.mark.storage

NFS, SSH = 2049, 22
SERVER, CLIENT = "10.66.0.11", "10.66.0.21"
SOURCE = "findmnt --noheadings --output SOURCE --types nfs4 /media/storage"


def test_nfs_is_open_within_the_vpn_alone(fleet: Fleet) -> None:
    assert is_open(fleet.storage.address, SSH)
    assert not is_open(fleet.storage.address, NFS)
    with ipv6_on_the_link(fleet.storage) as address:
        assert is_open(address, SSH), "no test of IPv6 otherwise"
        assert not is_open(address, NFS)
    # A client asks from its own public address, outside of the tunnel.
    assert not reaches(fleet.staging, fleet.storage.address, NFS)
    for each in fleet.boards:
        peers = each.sh(f"ss -Htn state established dport = :{NFS}").splitlines()
        assert peers and all(f"{SERVER}:{NFS}" in peer for peer in peers), peers


def reaches(machine: Machine, address: str, port: int) -> bool:
    code = f"import socket; socket.create_connection(('{address}', {port}), 5)"
    return machine.try_sh(f'python3 -c "{code}"').returncode == 0


def test_a_client_from_before_is_led_into_the_vpn_and_not_cut_off(fleet: Fleet) -> None:
    """This project takes over a server whose client has mounted by public addresses."""
    server, client = fleet.storage, fleet.staging
    name = board.upload(client, "kept.txt", b"kept" * 1000)
    server.sh(
        f"nft delete table inet coop_infra; sed -i s/{CLIENT}/{client.address}/ /etc/exports; "
        "exportfs -ra"
    )
    client.sh(
        f"sed -i s/{SERVER}/{server.address}/ /etc/systemd/system/media-storage.mount; "
        "systemctl daemon-reload; systemctl restart media-storage.mount; "
        "systemctl start coop-storage-retry.service"
    )
    assert server.address in client.sh(SOURCE)

    said = fleet.converge()
    assert f"NFS: left as it is now, as {client.address} has something mounted" in said
    assert client.sh(SOURCE).startswith(f"{SERVER}:")
    assert is_open(server.address, NFS)
    wait_for(partial(board.works, client), "the board is back", 60)

    said = fleet.converge()
    assert f"no longer exported to {client.address}" in said
    assert not is_open(server.address, NFS)
    assert board.fetch(client, name) == b"kept" * 1000
    assert counts(fleet.converge())[:2] == (0, 0)


# Counts packets for the storage server's address in the VPN that do not come by the tunnel.
COUNTER = f"""\
nft add table ip probe
nft add chain ip probe in '{{ type filter hook prerouting priority -300; }}'
nft add rule ip probe in iifname eth0 ip daddr {SERVER} counter
"""


def test_nothing_leaves_beside_a_tunnel_that_is_down(fleet: Fleet) -> None:
    """The default route would take packets away in clear: here to the server, which counts them."""
    server, one = fleet.storage, fleet.staging
    server.sh(COUNTER)
    one.sh(f"systemctl stop wg-quick@wg0; ip route add {SERVER} via {server.address}")
    write = "cd /media/storage/persistent_* && echo late > late.txt && sync late.txt"
    one.sh(f"systemd-run -q --unit=writer sh -c '{write}'")
    assert not reaches(one, SERVER, SSH)
    assert "counter packets 0 " in server.sh("nft list table ip probe")
    one.sh("nft delete chain inet coop_infra output")
    assert not reaches(one, SERVER, SSH), "what claims to come from the VPN is dropped as well"
    assert "counter packets 0 " not in server.sh("nft list table ip probe"), "no test otherwise"
    one.sh(f"systemctl restart coop-firewall; ip route del {SERVER}")
    one.sh("systemctl start wg-quick@wg0")
    wait_for(partial(is_over, one, "writer"), "what waited has been written", 120)
    assert server.sh("cat /storage/staging/vision-stg1/persistent_*/late.txt") == "late"
    assert board.works(one)


def is_over(machine: Machine, unit: str) -> bool:
    return machine.try_sh(f"systemctl is-active -q {unit}").returncode != 0


def test_without_the_tunnel_at_boot_nothing_is_mounted_until_it_is_up(fleet: Fleet) -> None:
    one = fleet.staging
    name = board.upload(one, "kept.txt", b"kept" * 1000)
    one.sh("systemctl mask --now -q wg-quick@wg0.service")
    one.reboot()
    wait_for(partial(has_failed, one), "the mount has failed", 200)
    assert not board.works(one)
    assert bare_entries(one, "/media/storage") == 0
    one.sh("systemctl unmask -q wg-quick@wg0.service; systemctl start wg-quick@wg0.service")
    wait_for(partial(board.works, one), "the board is back", 120)
    assert board.fetch(one, name) == b"kept" * 1000


def has_failed(machine: Machine) -> bool:
    return machine.try_sh("systemctl is-failed -q media-storage.mount").returncode == 0


def test_what_is_unwritten_at_a_shutdown_leaves_before_the_tunnel_goes(fleet: Fleet) -> None:
    for each in fleet.boards:
        each.sh(
            "cd /media/storage/persistent_*; head -c 8M /dev/urandom > late.bin; "
            "sha256sum late.bin > /root/late"
        )
        each.try_sh("systemctl reboot --no-block")
        each.disconnect()
    for each in fleet.boards:
        wait_for(partial(board.works, each), f"{each.name} is back", 300)
        each.sh("cd /media/storage/persistent_*; sha256sum --check --status /root/late")
