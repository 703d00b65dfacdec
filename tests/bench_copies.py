"""Measures copies off-site: the time of a pull that finds nothing new, and the throughput.

python -m tests.bench_copies, inside the lab, with storage1 and offsite1 converged. The benchmark
makes datasets below storage/staging, and takes them away again.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.machines import STATE, Machine, machine
from tests.lab.fleets import addresses

SOURCE, COPY = "storage/staging/bench", "offsite/storage/staging/bench"
SETTINGS = "/run/bench.json"
AS_PULLER = "runuser -u coop-pull --"
PULL = f"{AS_PULLER} python3 -I /usr/local/lib/coop-infra/offsite-pull {SETTINGS}"
# The unit does the same at its end, so no pull finds the connection of the pull before.
LOG_OUT = f"{AS_PULLER} ssh -O exit storage1 || true"
# Large, because the questions before a send take some 10 s under emulation, at any size.
SIZE = 1280 * 2**20
# Gets the lab's own key: with it plain ssh logs in to the storage server.
KEY = "/run/bench_key"
SSH = f"ssh -F none -q -i {KEY} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
TIMERS = (
    "systemctl list-units --plain --no-legend --type timer sanoid.timer 'coop-*' | cut -d ' ' -f 1"
)
# The least share of the throughput of plain `zfs send | ssh | zfs receive`, for the same data.
LEAST = 0.9
UNLIMITED = 2**40


def main() -> None:
    storage, offsite = machine("storage1"), machine("offsite1")
    settings = json.loads(offsite.sh("cat /etc/coop-infra/offsite.json"))
    unlimited = json.dumps({**settings, "bandwidth": UNLIMITED})
    offsite.sh(f"cat > {SETTINGS}", unlimited.encode())
    offsite.sh(f"umask 77; cat > {KEY}", (STATE / "id_ed25519").read_bytes())
    with quiet(storage, offsite):
        print("\n| Datasets | A pull that finds nothing |\n|---|---|", flush=True)
        for count in (1, 10, 100):
            print(f"| {count} | {empty_pull(storage, offsite, count):.1f} s |", flush=True)
        plain, pulled = throughput(storage, offsite)
    ratio = plain / pulled
    print(f"\n{SIZE // 2**20} MiB: plain {plain:.1f} s, pulled {pulled:.1f} s, ratio {ratio:.2f}")
    if ratio < LEAST:
        raise SystemExit(f"the ratio is below {LEAST}")


@contextmanager
def quiet(storage: Machine, offsite: Machine) -> Iterator[None]:
    """Keeps both hosts' timers stopped, and removes afterwards what the benchmark has made."""
    timers = {each: " ".join(each.sh(TIMERS).split()) for each in (storage, offsite)}
    for each, names in timers.items():
        each.sh(f"systemctl stop {names}")
    try:
        yield
    finally:
        offsite.try_sh(f"rm {SETTINGS} {KEY}; zfs destroy -r {COPY}", timeout=900)
        storage.try_sh(f"zfs destroy -r {SOURCE}", timeout=900)
        for each, names in timers.items():
            each.sh(f"systemctl start {names}")


def empty_pull(storage: Machine, offsite: Machine, count: int) -> float:
    """Seconds of a pull that finds `count` datasets, all with their newest snapshot copied."""
    make = f"for n in $(seq {count}); do zfs create -p {SOURCE}/$n; done"
    storage.sh(f"{make}; zfs destroy -r {SOURCE}@x; zfs snapshot -r {SOURCE}@x", timeout=900)
    offsite.sh(f"zfs destroy -r {COPY} || true", timeout=900)
    stream = storage.try_sh(f"zfs send -R {SOURCE}@x", timeout=900).stdout
    offsite.sh(f"zfs receive -u {COPY}", stream, timeout=900)
    offsite.sh(f"{PULL}; {LOG_OUT}", timeout=900)
    start = time.monotonic()
    said = offsite.sh(PULL, timeout=900)
    seconds = time.monotonic() - start
    assert said.count("is here") >= count and " pulled" not in said, said
    return seconds


def throughput(storage: Machine, offsite: Machine) -> tuple[float, float]:
    """Seconds to send the same snapshot: by plain programs, and by the pull."""
    storage.sh(
        f"zfs destroy -r {SOURCE}; zfs create {SOURCE}; "
        f"head -c {SIZE} /dev/urandom > /{SOURCE}/file; zfs snapshot {SOURCE}@x",
        timeout=900,
    )
    offsite.sh(f"zfs destroy -r {COPY} || true", timeout=900)
    start = time.monotonic()
    login = f"vagrant@{addresses(storage.name)[0]}"
    send = f"{SSH} {login} sudo zfs send -L -c -e {SOURCE}@x"
    offsite.sh(f"{send} | zfs receive -u offsite/bench", timeout=1800)
    plain = time.monotonic() - start
    offsite.sh(f"zfs destroy -r offsite/bench; {LOG_OUT}", timeout=900)
    start = time.monotonic()
    said = offsite.sh(PULL, timeout=1800)
    pulled = time.monotonic() - start
    assert f"{SOURCE}@x pulled" in said, said
    return plain, pulled


if __name__ == "__main__":
    main()
