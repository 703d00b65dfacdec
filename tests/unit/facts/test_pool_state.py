from pathlib import Path

import pytest

from facts.pool_state import Pool, PoolState
from tests.unit.host_here import ask
from tests.unit.operation_harness import Shell

# As zpool(8) prints them of an imported pool, shortened.
PROPERTIES = """\
tank\tsize\t1.5G
health\tONLINE
cachefile\t-
compatibility\toff
comment\tfeature@blake3\tactive
feature@async_destroy\tenabled
feature@head_errlog\tactive
feature@longname\tdisabled
org.example:feature@x\tactive
unsupported@com.example:later\tinactive
unsupported@com.klarasystems:fast_dedup\treadonly
"""

UNAVAILABLE = """\
##pool\ttank
##import
   pool: old
     id: 7712830916353254710
  state: UNAVAIL
status: The pool uses the following feature(s) not supported on this system:
\torg.openzfs:blake3 (BLAKE3 hash algorithm.)
action: The pool cannot be imported. Access the pool on a system that supports
\tthe required feature(s), or recreate the pool from backup.
 config:

\told         UNAVAIL  unsupported feature(s)
\t  vdb       ONLINE

   pool: tank
     id: 15451357997522795478
  state: UNAVAIL
status: The pool can only be accessed in read-only mode on this system. It
\tcannot be accessed in read-write mode because it uses the following
\tfeature(s) not supported on this system:
\tcom.delphix:head_errlog (Support for per-dataset on-disk error logs.)
\tcom.klarasystems:vdev_zaps_v2
action: The pool cannot be imported in read-write mode. Import the pool with
\t"-o readonly=on", access the pool on a system that supports the
\trequired feature(s), or recreate the pool from backup.
 config:

\ttank        UNAVAIL  unsupported feature(s)
\t  mirror-0  ONLINE
"""

OF_ANOTHER_MACHINE = """\
##pool\ttank
##import
   pool: tank
     id: 15451357997522795478
  state: UNAVAIL
status: The pool was last accessed by another system.
action: The pool cannot be imported due to damaged devices or data.
 config:

\ttank        UNAVAIL  unsupported feature(s)
\t  vdb       ONLINE
"""


def read(text: str) -> PoolState:
    return Pool().parse(text.splitlines())


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr("facts.pool_state.MODULE", "/")
    return Shell(tmp_path)


def test_the_features_that_are_not_disabled_come_with_the_rest_in_one_question(
    shell: Shell,
) -> None:
    shell.stand_in("zpool", f"[ $1 = list ] || printf '%s' '{PROPERTIES}'")
    found = ask(Pool, "tank", shell=shell)
    assert (found.health, found.compatibility, found.lacks) == ("ONLINE", "off", None)
    assert found.features == {
        "async_destroy": "enabled",
        "head_errlog": "active",
        "later": "enabled",
        "fast_dedup": "readonly",
    }
    assert shell.calls == ["zpool list -H", "zpool get -Hp -o property,value all tank"]


def test_a_pool_that_is_not_imported_shows_no_features(shell: Shell) -> None:
    shell.stand_in(
        "zpool", f"case $1 in get) exit 1 ;; import) printf '%s' '{UNAVAILABLE}' ;; esac"
    )
    found = ask(Pool, "tank", shell=shell)
    assert (found.ready, found.health, found.features) == (True, None, {})
    assert "zpool import -d /dev/disk/by-id" in shell.calls


def test_the_features_for_which_a_pool_cannot_be_imported_are_those_of_this_pool() -> None:
    found = read(UNAVAILABLE)
    assert found.importable == ("UNAVAIL",)
    assert found.lacks == ("head_errlog", "vdev_zaps_v2")
    assert read(UNAVAILABLE.replace("\ttank\n", "\told\n")).lacks == ("blake3",)
    assert read(UNAVAILABLE.replace("\ttank\n", "\tnone\n")) == PoolState(ready=True)


def test_a_pool_that_another_machine_had_last_names_no_features() -> None:
    assert read(OF_ANOTHER_MACHINE).lacks == ()
    disks = OF_ANOTHER_MACHINE.replace("unsupported feature(s)", "insufficient replicas")
    assert read(disks).lacks is None
