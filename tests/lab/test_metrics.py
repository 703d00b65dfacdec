"""Each host shows how it stands to the servers in the VPN, also while something of it hangs."""

import pytest

from controller.reach import is_open
from lab.command import wait_for
from lab.machines import Machine
from lab.vpn_client import in_vpn
from tests.lab.fleets import Fleet, VpnFleet, addresses, finish

pytestmark = pytest.mark.monitoring

PORT = 9100
# A host that is well answers at once, an emulated one within seconds.
SECONDS = 20
FETCH = (
    "from urllib.request import urlopen; "
    f"print(urlopen('http://{{}}:{PORT}/metrics', timeout={SECONDS}).read().decode())"
)


def shown(host: Machine, to: Machine) -> dict[str, float]:
    """What the host shows to another one in the VPN, by metric and labels."""
    page = to.sh(f'python3 -c "{FETCH.format(addresses(host.name)[0])}"')
    samples = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples if name}


def looked(host: Machine, to: Machine) -> dict[str, float]:
    """The same after a look of now."""
    finish(host, "coop-metrics", 120)
    return shown(host, to)


def test_servers_in_the_vpn_see_the_figures(vpn_fleet: VpnFleet) -> None:
    one, hub = vpn_fleet["bbb1"], vpn_fleet["vpn1"]
    assert shown(one, hub)["node_load1"] >= 0
    found = looked(one, hub)
    assert found['coop_tunnel_up{interface="wg0"}'] == 1
    assert found['coop_tunnel_received_bytes{peer="vpn1"}'] > 0
    assert found["coop_firewall_present"] == 1
    failing = {it for it, value in found.items() if "collector_success" in it and value != 1}
    assert {it for it in failing if it.startswith("coop_")} == set()
    assert found['node_textfile_mtime_seconds{file="/var/lib/coop-infra/metrics/coop-host.prom"}']
    assert found["node_textfile_scrape_error"] == 0


def test_nobody_else_sees_them(vpn_fleet: VpnFleet) -> None:
    for each in vpn_fleet.all:
        assert not is_open(each.address, PORT)
    with in_vpn("ops-hypha-1"):
        for each in vpn_fleet.all:
            assert not any(is_open(it, PORT) for it in addresses(each.name))


def test_the_timer_looks_by_itself(vpn_fleet: VpnFleet) -> None:
    one, hub = vpn_fleet["bbb2"], vpn_fleet["vpn1"]
    one.sh("rm -f /var/lib/coop-infra/metrics/coop-host.prom")
    wait_for(lambda: "coop_firewall_present" in shown(one, hub), "it has looked", 100, every=3)


def test_what_is_wrong_is_told_until_it_is_mended(vpn_fleet: VpnFleet) -> None:
    one, hub = vpn_fleet["bbb1"], vpn_fleet["vpn1"]
    one.try_sh("systemd-run --quiet --unit=broken false")
    wait_for(lambda: one.try_sh("systemctl is-failed broken").returncode == 0, "it has failed", 30)
    one.sh("nft delete table inet coop_infra")
    found = looked(one, hub)
    assert found['coop_unit_failed{unit="broken.service"}'] == 1
    assert found["coop_firewall_present"] == 0
    one.sh("systemctl reset-failed broken; systemctl restart coop-firewall")
    found = looked(one, hub)
    assert 'coop_unit_failed{unit="broken.service"}' not in found
    assert found["coop_firewall_present"] == 1


def test_while_the_package_comes_nothing_listens_outside_the_vpn(vpn_fleet: VpnFleet) -> None:
    """Debian's package starts its service at once, on all addresses."""
    one = vpn_fleet["bbb1"]
    one.sh(
        "apt-get -qq -y purge prometheus-node-exporter > /dev/null 2>&1; "
        "rm -r /etc/systemd/system/prometheus-node-exporter.service.d; systemctl daemon-reload"
    )
    watch = f"while sleep 0.05; do ss -Htln sport = :{PORT}; done > /run/listened"
    one.sh(f"systemd-run --quiet --unit=watch sh -c '{watch}'")
    vpn_fleet.converge()
    listened = one.sh("systemctl stop watch; sort -u /run/listened")
    listeners = {line.split()[3] for line in listened.splitlines()}
    assert listeners == {f"{addresses('bbb1')[0]}:{PORT}"}


def test_a_storage_that_is_away_is_told_and_hangs_nothing(fleet: Fleet) -> None:
    prod, staging = fleet.prod, fleet.staging
    assert looked(prod, staging)['coop_mount_answers{path="/media/ciphertext"}'] == 1
    fleet.storage.suspend()
    for _ in range(2):
        found = looked(prod, staging)
        assert found['coop_mount_present{path="/media/ciphertext"}'] == 1
        assert found['coop_mount_answers{path="/media/ciphertext"}'] == 0
        assert found["node_load1"] >= 0
    hanging = prod.sh("pgrep -xc stat || true")
    assert int(hanging) <= 2, "one a mount"
    fleet.storage.resume()
    wait_for(
        lambda: looked(prod, staging)['coop_mount_answers{path="/media/ciphertext"}'] == 1,
        "it answers again", 120, every=3,
    )  # fmt: skip


def test_a_storage_server_tells_of_its_pool(fleet: Fleet) -> None:
    storage, prod = fleet.storage, fleet.prod
    found = looked(storage, prod)
    assert found['coop_pool_state{pool="storage",state="online"}'] == 1
    free, size = (found[f'coop_pool_{it}_bytes{{pool="storage"}}'] for it in ("free", "size"))
    assert 0 < free < size
    assert found['coop_dataset_available_bytes{dataset="storage/prod/vision-prod1"}'] > 0
    exports = {it: value for it, value in found.items() if it.startswith("coop_export_present")}
    assert len(exports) > 1 and set(exports.values()) == {1}
    assert found["coop_nfs_threads"] > 0
    assert found["coop_kernels_without_module"] == 0
    assert found['coop_pool_scrub_timestamp_seconds{pool="storage"}'] == 0

    storage.sh("zpool scrub -w storage; zpool offline storage virtio-spare2")
    storage.sh("exportfs -u $(exportfs -s | sed -nE '1s/^(\\S+)\\s+([^(]+)\\(.*/\\2:\\1/p')")
    found = looked(storage, prod)
    ended = found['coop_pool_scrub_timestamp_seconds{pool="storage"}']
    assert abs(ended - float(storage.sh("date +%s"))) < 300
    assert found['coop_pool_state{pool="storage",state="degraded"}'] == 1
    exports = {it: value for it, value in found.items() if it.startswith("coop_export_present")}
    assert sorted(exports.values())[:2] == [0, 1]
    storage.sh("zpool online storage virtio-spare2; exportfs -r")
    assert looked(storage, prod)['coop_pool_state{pool="storage",state="online"}'] == 1
