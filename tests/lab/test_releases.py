"""Hosts of both releases of Debian share what one of them has made."""

from pathlib import Path

import pytest

from fleet.derived.pools import features_of
from fleet.load import load
from lab.machines import INVENTORY
from tests.lab.fleets import CopiesPair
from tests.lab.offsite import (
    COPY,
    OVERHEAD,
    SIZE,
    pull,
    received,
    snapshot,
    snapshots,
    wait_until_half,
    write,
)

pytestmark = pytest.mark.offsite

MAKE = """\
truncate -s 128M /var/moved.img
zpool create -o compatibility={features} -O recordsize=1M -O compression=lz4 moved /var/moved.img
head -c 20M /dev/urandom > /moved/file; sha256sum < /moved/file
zpool upgrade moved > /dev/null || true
zpool export moved"""
IMPORT = """\
cat > /var/moved.img.gz; gzip -d /var/moved.img.gz
zpool import -d /var/moved.img moved
sha256sum < /moved/file; touch /moved/more; zpool status -x moved"""


@pytest.mark.parametrize(("old", "new"), [("storage1", "offsite1"), ("offsite1", "storage1")])
def test_a_pool_of_one_release_is_imported_by_the_other(
    pair: CopiesPair, old: str, new: str
) -> None:
    """Even a `zpool upgrade` on the newer one enables nothing that the older does not know."""
    fleet = load(Path(INVENTORY))
    assert fleet.host("storage1").debian != fleet.host("offsite1").debian, "no test otherwise"
    digest = pair[old].sh(MAKE.format(features=features_of(fleet)), timeout=300)
    image = pair[old].try_sh("gzip -1 < /var/moved.img", timeout=300).stdout
    found = pair[new].sh(IMPORT, stdin=image, timeout=300).splitlines()
    assert found == [digest, "pool 'moved' is healthy"]


def test_the_syncoid_of_the_other_release_pulls(pair: CopiesPair) -> None:
    """A new dataset, the rest of a pull that was cut off, and what is newer than the copy."""
    version = "syncoid --version | awk '{print $NF; exit}'"
    own = pair.offsite.sh(version)
    pair.offsite.sh(
        "install -m 755 /dev/stdin /usr/local/sbin/syncoid",
        pair.storage.sh("cat /usr/sbin/syncoid").encode(),
    )
    assert pair.offsite.sh(version) == pair.storage.sh(version) != own
    write(pair, "large", SIZE)
    snapshot(pair)
    start = received(pair)
    pair.offsite.sh("systemctl start --no-block coop-offsite.service")
    wait_until_half(pair, start)
    pair.offsite.sh("systemctl stop coop-offsite.service")
    pull(pair)
    assert received(pair) - start < SIZE * 1.1 * OVERHEAD
    newest = snapshot(pair)
    pull(pair)
    assert snapshots(pair.offsite, COPY)[-1] == newest
