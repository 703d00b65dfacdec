"""Copies a host's own files into a store that somebody else runs: a set a night, encrypted.

    backup.py FILE night            make tonight's set, and let go of those that are over the number
    backup.py FILE look [--write]   how old the newest set is: JSON, exit 1 if it is too old
    backup.py FILE run COMMAND...   a command with the sets at hand, e.g. run borg list
    backup.py FILE tidy             end what a night that was cut off has left on this host

Runs as root in a mount namespace of its own (coop-backup): what it mounts is seen by nobody else,
and is gone when it ends, however it ends. FILE is JSON:

    store        the export, HOST:/PATH, of which this uses the directory with the host's name
    name         of the host
    directories  what is copied, absolute
    source       {"quiesce": [units]} that are stopped meanwhile, {"lvm": "vg/lv"} or
                 {"zfs": dataset} of which a snapshot is copied
    config, password   files of gocryptfs, which this host has and the store has not
    state        a directory for borg's cache, which is of use until the next boot, and what is
                 known of the sets
    check        seconds that a night reads of the store, to see whether it is damaged
    keep         how many nights
    max_age      seconds, how old the newest set may be
    metrics      the file to write: textfile collector of prometheus-node-exporter(1)

The store is trusted with nothing: it has ciphertext only, and refuses chown. borg keeps owners
within its sets, and each of its changes is whole or is not: borg(1). gocryptfs encrypts names and
contents in forward mode, so borg has no key of its own.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from errno import EIO
from fcntl import LOCK_EX, LOCK_NB, flock
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

HERE = Path("/run/coop-backup")
STORE, PLAIN, ROOT = HERE / "store", HERE / "plain", HERE / "root"
REPOSITORY, ROOM = PLAIN / "sets", PLAIN / "room"
# Not in /run/lock, where anybody may make it first; and who can read it can lock it.
LOCK = Path("/run/coop-backup.lock")
STOPPED = Path("/run/coop-backup-stopped")
BOOT = Path("/proc/sys/kernel/random/boot_id")
# hard: what is lost is not lost in silence. One connection: OVH gives an address three.
MOUNT_OPTIONS = "hard,nconnect=1,noatime,nosuid,nodev,noexec,retry=0"
MOUNT_SECONDS = 90
SEGMENT = 32 * 2**20
ROOM_BYTES = 16 * 2**20
# How long a night waits for somebody who looks at the sets.
LOCK_SECONDS = 1800
SKEW_SECONDS = 300
# How often what may be possible in a moment is tried, a second apart.
TRIES = 30
SNAPSHOT = "coop-backup"
SET, UNFINISHED = "night-", "unfinished"
RUNNING = ("active", "activating", "reloading")
TIME = "%Y-%m-%dT%H:%M:%SZ"
# What may be wrong with the sets.
KINDS = ("unreadable", "damaged", "missing", "ahead", "old")

Settings = dict[str, Any]


class Failed(Exception):
    """Says what failed, and what it printed."""


def call(*words: str, timeout: float | None = None, **options: Any) -> str:
    """What the command prints. Raises Failed."""
    try:
        done = subprocess.run(
            words, capture_output=True, stdin=subprocess.DEVNULL,
            text=True, timeout=timeout, check=False, **options,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(words[:3])}: no answer within {timeout:.0f} s") from None
    if done.returncode != 0:
        said = in_short(done.stderr.strip() or done.stdout.strip())
        raise Failed(f"{' '.join(words[:3])}: exit {done.returncode}: {said}")
    return str(done.stdout)


def in_short(said: str) -> str:
    """Its first lines and its last, without borg's traceback, which has the cause at its end."""
    lines = takewhile(lambda line: not line.startswith("Platform:"), said.splitlines())
    plain = [it for it in lines if it.strip() and not it.startswith((" ", "Traceback"))]
    return "\n".join(plain[:3] + plain[3:][-1:])


def patiently(done: Callable[[], object]) -> None:
    """Raises Failed if it does so to the last."""
    for _ in range(TRIES - 1):
        with suppress(Failed):
            done()
            return
        time.sleep(1)
    done()


def torn(file: Path) -> bool:
    """Whether its end is there, and cannot be read."""
    try:
        with file.open("rb") as it:
            it.seek(max(0, file.stat().st_size - 1))
            it.read()
    except OSError as error:
        if error.errno != EIO:
            raise
        return True
    return False


class Sets:
    """The sets in the store, which is mounted and decrypted."""

    def __init__(self, settings: Settings, ciphertext: Path) -> None:
        self._ciphertext = ciphertext
        self._keep = settings["keep"]
        self.environment = {
            **os.environ,
            "BORG_REPO": str(REPOSITORY),
            "BORG_BASE_DIR": settings["state"],
            # gocryptfs is its encryption.
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }
        self._check = settings["check"]
        self._state = Path(settings["state"])
        self._had, self._cache = self._state / "had-sets", self._state / ".cache"

    def borg(self, *words: str, **options: Any) -> str:
        """Exit 1, a file that could not be read or changed meanwhile, is a failure too."""
        return call("borg", *words, env=self.environment, **options)

    def prepare(self) -> None:
        """They can be read, or begun if there never were any. Raises Failed."""
        if not (REPOSITORY / "config").exists():
            if self._had.exists():
                raise Failed(
                    f"the sets that were in the store are gone. To begin anew: rm {self._had}"
                )
            self._begin()
        self._forget_cache()
        self._drop_torn()
        # Nobody but this program uses them, and it has the lock of this host.
        self.borg("break-lock")
        with suppress(OSError):
            self._keep_room()

    def _forget_cache(self) -> None:
        """After a boot: borg makes another one from the sets.

        What goes back to it after a night that was cut off may be empty if it was cut off by a
        reset, and then every later night fails: borg 1.2 copies it without a sync.
        """
        boot, mark = BOOT.read_text(), self._state / "boot"
        if not mark.exists() or mark.read_text() != boot:
            call("rm", "-rf", str(self._cache))
            mark.write_text(boot)

    def _drop_torn(self) -> None:
        """What was written last, and not to its end, is taken away if it cannot be read.

        A store that is full, or a reset, leaves a block of gocryptfs in part, which is an error to
        read. borg looks at the ends of its newest segments for one that is committed, and by that
        error would end whatever it does. Those after its newest index are of no set.
        """
        numbers = [it.suffix[1:] for it in REPOSITORY.glob("index.*")]
        committed = max((int(it) for it in numbers if it.isdecimal()), default=None)
        if committed is None:
            return
        for segment in REPOSITORY.glob("data/*/*"):
            if segment.name.isdecimal() and int(segment.name) > committed and torn(segment):
                segment.unlink()

    def _keep_room(self) -> None:
        """A file to take away from a store that is full: borg begins nothing without any room.

        Where a quota ends it and not the disk, borg does not clean up either: it knows ENOSPC only.
        """
        if not ROOM.exists() or ROOM.stat().st_size < ROOM_BYTES:
            ROOM.write_bytes(bytes(ROOM_BYTES))

    def _begin(self) -> None:
        new = REPOSITORY.with_suffix(".new")
        others = [each for each in PLAIN.iterdir() if each not in (new, ROOM)]
        hidden = list(self._ciphertext.iterdir())
        if others or (hidden and not new.exists()):
            raise Failed(
                "the store has something in this host's directory that its key does not open: "
                "put the key back from escrow (docs/backups.md), or move that aside"
            )
        call("rm", "-rf", str(new))
        self.borg("init", "--encryption=none", str(new))
        # To let go of a set, borg wants the room of one to be free: with its own 500 MB a directory
        # that is nearly full could not be made emptier.
        self.borg("config", str(new), "max_segment_size", str(SEGMENT))
        new.rename(REPOSITORY)

    def add(self, directory: Path, names: Sequence[str], now: datetime) -> None:
        """A new one of what is in the directory; it has its name once it is whole."""
        when = now.strftime(TIME)
        unfinished = f"{UNFINISHED}-{when}"
        # Of no use elsewhere, and it changes meanwhile.
        cache = f"--exclude=pp:{self._cache.relative_to('/')}"
        words = ("create", "--one-file-system", cache, "--", f"::{unfinished}", *names)
        self.borg(*words, cwd=directory)
        self.borg("rename", f"::{unfinished}", f"{SET}{when}")
        self._had.touch()

    def recover(self) -> None:
        """After a failure the sets can be read and added to, also if the store is full."""
        ROOM.unlink(missing_ok=True)
        self._drop_torn()
        self.borg("break-lock")
        # A store on ZFS has the room of what was removed some seconds later.
        patiently(self.prune)
        self._keep_room()

    def prune(self) -> None:
        """What a night that failed has left goes too: in a full store it has the next one's room.

        What is left of one that was killed, in borg's checkpoints, the next one need not copy
        again, if it comes before.
        """
        self.borg("delete", f"--glob-archives={UNFINISHED}*")
        self.borg("prune", f"--glob-archives={SET}*", f"--keep-daily={self._keep}")
        self.borg("compact")

    def names(self) -> list[str]:
        """The oldest first."""
        # By another lock no other than this host's own is meant, which this program has.
        listed = self.borg("list", "--bypass-lock", "--short", f"--glob-archives={SET}*")
        return listed.splitlines()

    def check(self) -> None:
        """Read a part of the store; over the nights all of it. Raises Failed if it is damaged.

        Later sets have in common with earlier ones what has not changed, damage too.
        """
        self.borg("check", "--repository-only", f"--max-duration={self._check}")


@contextmanager
def opened(settings: Settings) -> Iterator[Sets]:
    """The store, mounted and decrypted. Raises Failed."""
    HERE.mkdir(mode=0o700, exist_ok=True)
    call("mount", "-t", "tmpfs", "-o", "mode=700", "coop-backup", str(HERE))
    for each in (STORE, PLAIN, ROOT):
        each.mkdir(exist_ok=True)
    call(
        "mount", "-t", "nfs", "-o", MOUNT_OPTIONS, settings["store"], str(STORE),
        timeout=MOUNT_SECONDS,
    )  # fmt: skip
    ciphertext = STORE / settings["name"]
    ciphertext.mkdir(exist_ok=True)
    with _decrypted(settings, ciphertext):
        sets = Sets(settings, ciphertext)
        sets.prepare()
        yield sets


@contextmanager
def _decrypted(settings: Settings, ciphertext: Path) -> Iterator[None]:
    """gocryptfs ends with this program, also if that is killed: setpriv(1). Raises Failed."""
    words = ("-q", "-fg", "-config", settings["config"], "-passfile", settings["password"])
    program = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "gocryptfs", *words, str(ciphertext), str(PLAIN)],
        stdin=subprocess.DEVNULL,
    )
    end = time.monotonic() + MOUNT_SECONDS
    while not PLAIN.is_mount():
        if program.poll() is not None or time.monotonic() > end:
            program.kill()
            raise Failed(f"gocryptfs does not decrypt {settings['store']}: exit {program.wait()}")
        time.sleep(0.1)
    try:
        yield
    finally:
        # What was written is there, or fails, now and not when the namespace ends.
        call("fusermount3", "-u", str(PLAIN))
        program.wait()


@contextmanager
def source(settings: Settings) -> Iterator[Path]:
    """A directory below which the host's directories are as they were at one moment."""
    tidy(settings)
    wanted, names = settings["source"], settings["directories"]
    with ExitStack() as after:
        after.callback(tidy, settings)
        if "quiesce" in wanted:
            refuse_other_file_systems(names, None)
            _stop(wanted["quiesce"])
            for name in names:
                _mount(after, name, "--bind", "-o", "ro", name)
        elif "lvm" in wanted:
            listed = ("findmnt", "-n", "--first-only", "-o", "TARGET,FSTYPE")
            at, kind = call(*listed, f"/dev/{wanted['lvm']}").split()
            refuse_other_file_systems(names, at)
            options = "ro,nouuid" if kind == "xfs" else "ro"
            _mount(after, at, "-o", options, _lvm_snapshot(wanted["lvm"]))
        else:
            at = call("zfs", "get", "-H", "-o", "value", "mountpoint", wanted["zfs"]).strip()
            refuse_other_file_systems(names, at)
            call("zfs", "snapshot", f"{wanted['zfs']}@{SNAPSHOT}")
            _mount(after, at, "-t", "zfs", f"{wanted['zfs']}@{SNAPSHOT}")
        missing = [name for name in names if not (ROOT / name.lstrip("/")).is_dir()]
        if missing:
            raise Failed(f"not in what is copied: {', '.join(missing)}")
        yield ROOT


def _mount(after: ExitStack, at: str, *words: str) -> None:
    target = ROOT / at.lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    call("mount", *words, str(target))
    after.callback(call, "umount", str(target))


def refuse_other_file_systems(names: Sequence[str], at: str | None) -> None:
    """What is mounted in a directory is copied, or refused, and not left out in silence.

    But for what holds no files of its own, by findmnt(8): proc, tmpfs, overlay and their like.

    at: where that is mounted of which there is a snapshot, which has no other; None if the
        directories are copied themselves
    Raises Failed.
    """
    listed = json.loads(call("findmnt", "--real", "--json", "--list", "-o", "TARGET"))
    found = {Path(it["target"]) for it in listed["filesystems"]} | {Path("/")}
    mounts = {it for it in found if not it.is_relative_to(HERE)}
    for name in names:
        path = Path(name)
        own = max((it for it in mounts if path.is_relative_to(it)), key=lambda it: len(it.parts))
        if at is not None and own != Path(at):
            raise Failed(
                f"{name} is not on what is mounted at {at}, of which there is a snapshot, but at "
                f"{own}: take it out of directories, or say quiesce in place of the snapshot"
            )
    for path in map(Path, names):
        for inner in sorted(mounts - {path}):
            if inner.is_relative_to(path) and (at is not None or str(inner) not in names):
                raise Failed(
                    f"{inner} in {path} is a file system of its own: name it among the directories "
                    "of a host that has no snapshot, or leave it out by naming others"
                )


def _lvm_snapshot(volume: str) -> str:
    """Its device."""
    group = volume.partition("/")[0]
    # All that is free, for one night: a snapshot that is full is lost.
    call(
        "lvcreate", "--quiet", "--snapshot", "--extents", "100%FREE", "--addtag", SNAPSHOT,
        "--name", SNAPSHOT, volume,
    )  # fmt: skip
    return f"/dev/{group}/{SNAPSHOT}"


def _stop(units: Sequence[str]) -> None:
    """Stop those that run, and what ends with them, and remember which: tidy starts them again."""
    if unknown := [unit for unit in units if _properties(unit, "LoadState") != ["loaded"]]:
        raise Failed(f"to be stopped, but not on this host: {', '.join(unknown)}")
    reached: dict[str, None] = {}
    todo = [*units]
    while todo:
        unit = todo.pop()
        if unit not in reached and _properties(unit, "ActiveState")[0] in RUNNING:
            reached[unit] = None
            # systemd.unit(5): whatever requires it is stopped with it, and not started with it.
            todo += _properties(unit, "RequiredBy", "BoundBy", "ConsistsOf")
    STOPPED.write_text("\n".join(reached))
    if reached:
        call("systemctl", "stop", *reached)


def _properties(unit: str, *names: str) -> list[str]:
    """The words of all of them."""
    return call("systemctl", "show", "--value", "-p", ",".join(names), unit).split()


def tidy(settings: Settings) -> None:
    """What was stopped runs again, and no snapshot of this program's is left.

    A unit that does not start is told, and does not keep the next night from being copied.
    """
    try:
        _start()
    finally:
        wanted = settings["source"]
        if "lvm" in wanted:
            _remove_lvm_snapshot(wanted["lvm"])
        elif "zfs" in wanted:
            _destroy_zfs_snapshot(wanted["zfs"])


def _start() -> None:
    stopped = STOPPED.read_text().split() if STOPPED.exists() else []
    problems = []
    for unit in stopped:
        try:
            call("systemctl", "start", unit)
        except Failed as error:
            problems.append(str(error))
    STOPPED.unlink(missing_ok=True)
    if problems:
        raise Failed("; ".join(problems))


def _remove_lvm_snapshot(volume: str) -> None:
    group, _, name = volume.partition("/")
    # A group's name alone would mean all its volumes, whatever else is said: lvs(8).
    mine = f"lv_name={SNAPSHOT} && lv_tags={{{SNAPSHOT}}} && origin={name}"
    if not call("lvs", "--noheadings", "-o", "lv_name", "-S", mine, group).split():
        return
    # Of a night that was killed, the kernel may still have it mounted for a moment.
    patiently(lambda: call("lvremove", "--quiet", "--yes", f"{group}/{SNAPSHOT}"))


def _destroy_zfs_snapshot(dataset: str) -> None:
    snapshot = f"{dataset}@{SNAPSHOT}"
    listed = call("zfs", "list", "-H", "-d", "1", "-t", "snapshot", "-o", "name", dataset)
    if snapshot in listed.splitlines():
        call("zfs", "destroy", snapshot)


def night(settings: Settings) -> int:
    names = [name.lstrip("/") for name in settings["directories"]]
    now = datetime.now(UTC)
    made = f"{SET}{now.strftime(TIME)}"
    with opened(settings) as sets:
        try:
            with source(settings) as root:
                sets.add(root, names, now)
        except Failed:
            try:
                sets.recover()
            except (Failed, OSError) as error:
                print(f"what it has left is still there: {error}", file=sys.stderr, flush=True)
            raise
        print(f"{made} is made", flush=True)
        sets.prune()
        known = note(settings, sets)
        if made not in known:
            raise Failed(f"{made} was not kept: are there sets from the future?")
        try:
            sets.check()
        except Failed as error:
            damage(settings).write_text(str(error))
            raise
    return 0


def note(settings: Settings, sets: Sets) -> list[str]:
    """The sets, which are written down for when they cannot be read."""
    names = sets.names()
    known = {"sets": len(names), "newest": max(map(taken, names), default=0)}
    replace(last(settings), json.dumps(known))
    return names


def last(settings: Settings) -> Path:
    return Path(settings["state"], "last.json")


def damage(settings: Settings) -> Path:
    """What was found to be damaged. It is there until a person has put that right."""
    return Path(settings["state"], "damage")


def replace(file: Path, text: str) -> None:
    """Whole or not at all, for everybody to read, and never through a link. Raises OSError.

    The directory is the role's to make.
    """
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with new.open("x") as out:
        os.fchmod(out.fileno(), 0o644)
        out.write(text)
        out.flush()
        # After a reset an empty file would be read as if there had never been a set.
        os.fsync(out.fileno())
    new.replace(file)


def look(settings: Settings, readable: bool, write: bool) -> int:
    """What is known of the sets is judged, whether or not they can be read now.

    readable: False while a night is being copied, which then is not said to be wrong
    """
    found: dict[str, str] = {}
    try:
        if readable:
            with opened(settings) as sets:
                note(settings, sets)
    except (Failed, OSError) as error:
        found["unreadable"] = f"the sets cannot be read: {error}"
    known = {"sets": 0, "newest": 0}
    with suppress(OSError, ValueError):
        known = json.loads(last(settings).read_text())
    if damage(settings).exists():
        found["damaged"] = f"the store is damaged: {damage(settings).read_text()}"
    now = int(time.time())
    found |= problems(settings, known, now)
    said = [*found.values()]
    if write:
        try:
            replace(Path(settings["metrics"]), metrics(known, found, now))
        except OSError as error:
            said.append(f"the metrics cannot be written: {error}")
    print(json.dumps({"at": now, **known, "problems": said}))
    for problem in said:
        print(problem, file=sys.stderr)
    return 1 if said else 0


def problems(settings: Settings, known: dict[str, int], now: int) -> Iterator[tuple[str, str]]:
    """What is wrong with the age of the newest, by its kind."""
    age = now - known["newest"]
    if not known["sets"]:
        yield "missing", "there is no set"
    elif age < -SKEW_SECONDS:
        text = f"the newest set is from {-age} s ahead: was the clock wrong, or is it now?"
        yield "ahead", text
    elif age > settings["max_age"]:
        yield "old", f"the newest set is {age} s old, and may be {settings['max_age']}"


def metrics(known: dict[str, int], found: Mapping[str, str], now: int) -> str:
    """The same series whatever was found, so that one that is absent can be an alert of its own.

    They are listed in docs/backups.md.
    """
    families = {
        "coop_set_newest_timestamp_seconds": (
            "When the newest set in the provider's store was begun; 0 if there is none.",
            {"": known["newest"]},
        ),
        "coop_set_kept": ("How many sets are in the provider's store.", {"": known["sets"]}),
        "coop_set_problem": (
            "Whether this is wrong with the sets: 1 or 0.",
            {f'{{kind="{kind}"}}': int(kind in found) for kind in KINDS},
        ),
        "coop_set_status_timestamp_seconds": ("When this was last looked at.", {"": now}),
    }
    lines: list[str] = []
    for name, (text, samples) in families.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f"{name}{labels} {value:d}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


def taken(name: str) -> int:
    """Seconds since 1970 of a set, by its name."""
    when = datetime.strptime(name.removeprefix(SET), TIME).replace(tzinfo=UTC)
    return int(when.timestamp())


def run(settings: Settings, words: Sequence[str]) -> int:
    with opened(settings) as sets:
        return subprocess.run(words, env=sets.environment, check=False).returncode


def main(settings: Settings, words: Sequence[str]) -> int:
    LOCK.touch(0o600)
    with LOCK.open("w") as lock, ExitStack() as after:
        mine = locked(lock, LOCK_SECONDS if words == ["night"] else 0)
        if mine and words != ["night"]:
            # So of a night that was cut off nothing is left, whoever had the lock when it ended.
            after.callback(tidy, settings)
        match words:
            case ["look", *flags]:
                return look(settings, mine, flags == ["--write"])
            case ["tidy"]:
                return 0
            case ["night"] if mine:
                return night(settings)
            case ["run", *command] if command and mine:
                return run(settings, command)
            case ["night"] | ["run", _, *_]:
                raise Failed("another one is at work on this host")
    raise Failed("say night, look, tidy, or run COMMAND")


def locked(lock: IO[str], seconds: float) -> bool:
    """Whether nobody else is at work, after so many seconds at most."""
    end = time.monotonic() + seconds
    while True:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(1)


if __name__ == "__main__":
    try:
        sys.exit(main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:]))
    except (Failed, OSError) as error:
        sys.exit(str(error))
