"""A host whose commands answer what the test says, and whose files lie in the test's directory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from programs.metrics import Failed, Settings, accounts, boot, exports, mounts, pool

ZPOOL_LIST = "zpool list -Hpo size,free storage"
ZPOOL_STATUS = "zpool status -p storage"
ZFS_LIST = "zfs list -Hpr -t filesystem -o name,used,available storage"
ZFS_CREATED = "zfs get -Hpo value creation storage"
FAILED_UNITS = "systemctl list-units --state=failed --full --plain --no-legend"

# OpenZFS 2.1 and 2.3.
HEALTHY = """\
  pool: storage
 state: ONLINE
  scan: scrub repaired 0B in 00:00:01 with 0 errors on Sun Nov 22 00:24:02 2026
config:

\tNAME               STATE     READ WRITE CKSUM
\tstorage            ONLINE       0     0     0
\t  mirror-0         ONLINE       0     0     0
\t    virtio-spare1  ONLINE       0     0     0
\t    virtio-spare2  ONLINE       0     0     0

errors: No known data errors
"""


@dataclass
class Stage:
    """told: by command, its output, or None if it hangs; settings: what the host should have"""

    top: Path
    settings: Settings
    told: dict[str, str | None] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def __call__(self, words: Sequence[str]) -> str:
        call = " ".join(words)
        self.calls.append(call)
        if call not in self.told:
            raise Failed(f"{call}: exit 1: no such thing")
        if (told := self.told[call]) is None:
            raise Failed(f"{call}: has not ended within 5 s")
        return told

    def write(self, path: str, text: str) -> None:
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def stage(top: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A storage server that is also a client, where all is well."""
    monkeypatch.setattr(pool, "KSTAT", top / "kstat")
    monkeypatch.setattr(exports, "ETAB", top / "etab")
    monkeypatch.setattr(exports, "THREADS", top / "threads")
    monkeypatch.setattr(mounts, "TABLE", top / "mountinfo")
    monkeypatch.setattr(accounts, "SHADOW", top / "shadow")
    monkeypatch.setattr(boot, "BOOT", top / "boot")
    monkeypatch.setattr(boot, "MODULES", top / "modules")
    monkeypatch.setattr(boot, "REBOOT_REQUIRED", top / "reboot-required")
    settings = Settings(
        file=str(top / "coop-host.prom"),
        locks=str(top / "locks"),
        pool="storage",
        module="zfs",
        datasets=["storage/prod/prod1", "storage/staging/stg1"],
        exports=[("/storage/prod/prod1", "10.66.0.22")],
        mounts={"/media/ciphertext": "nfs4", "/media/storage": "fuse.gocryptfs"},
        interface="wg0",
        peers={"10.66.0.12/32": "offsite1", "10.66.0.22/32": "prod1"},
        table="inet coop_infra",
        bbb=None,
        accounts=["ops-hypha-1", "ops-hypha-2"],
    )
    here = Stage(top, settings)
    here.write("kstat/storage/state", "ONLINE\n")
    here.write("etab", "/storage/prod/prod1\t10.66.0.22(rw,sync,wdelay,hide)\n")
    here.write("threads", "8\n")
    here.write(
        "mountinfo",
        "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
        "71 22 0:52 / /media/ciphertext rw,nosuid - nfs4 10.66.0.11:/storage/prod/prod1 rw,hard\n"
        "72 22 0:53 / /media/storage rw,nosuid - fuse.gocryptfs /media/ciphertext rw\n",
    )
    here.write("shadow", "root:*:20000::::::\nops-hypha-1:!:20000::::-1:20800:\n")
    here.write("boot/vmlinuz-5.0.0-1-amd64", "")
    here.write("modules/5.0.0-1-amd64/modules.dep", "updates/dkms/zfs.ko.xz: updates/spl.ko.xz\n")
    here.told = {
        ZPOOL_LIST: "1000000\t400000\n",
        ZPOOL_STATUS: HEALTHY,
        ZFS_CREATED: "1790000000\n",
        ZFS_LIST: (
            "storage\t600000\t400000\n"
            "storage/by hand\t1\t400000\n"
            "storage/prod/prod1\t300000\t200000\n"
            "storage/staging/stg1\t200000\t100000\n"
        ),
        "stat --file-system -- /media/ciphertext": "",
        "stat --file-system -- /media/storage": "",
        "wg show wg0 allowed-ips": "AAA=\t10.66.0.12/32 fd66::12/128\nBBB=\t10.66.1.7/32\n",
        "wg show wg0 latest-handshakes": "AAA=\t1700000000\nBBB=\t1700000001\n",
        "wg show wg0 transfer": "AAA=\t100\t200\nBBB=\t5\t6\n",
        "nft list tables": "table inet filter\ntable inet coop_infra\n",
        FAILED_UNITS: "",
    }
    return here
