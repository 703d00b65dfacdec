"""What of a node is not as the data says, and waits for a window."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from stat import S_ISDIR

from programs.bbb import apt, files, keys, packages, patches, places, secrets, state
from programs.bbb.failed import Failed
from programs.bbb.render import render
from programs.bbb.root import Root
from programs.bbb.wanted import MARK, File, Wanted

REBOOT = "/run/reboot-required"
A_REBOOT = "reboot"
CUT_OFF, AT_WORK = "a change that was cut off", "a change that is at work"
RECORDINGS = "/var/bigbluebutton"


@dataclass(frozen=True)
class Waiting:
    """kind: B hinders one feature for a moment, C ends meetings"""

    what: str
    kind: str


def values(root: Root) -> dict[str, str]:
    """What stands for each mark; those of the node itself once it has made them. Raises Failed."""
    own = secrets.own(root)
    return {"SECRET": secrets.wanted(root), **(own.values if own else {})}


def is_bare(root: Root) -> bool:
    """Whether nothing of BBB is here, so that nobody can be in a meeting. Raises Failed."""
    if packages.release(root) is not None:
        return False
    return not any(
        name.startswith("bbb-") and it.status[1:2] not in ("n", "c")
        for name, it in packages.packages().items()
    )


def waiting(root: Root, wanted: Wanted, at_work: bool = False) -> tuple[list[Waiting], list[str]]:
    """What waits, and what cannot be known or put right by a change. Raises Failed.

    at_work: whether a change runs at this moment
    """
    faults: list[str] = []
    last = state.read(root)
    release = packages.release(root)
    found = []
    if last.is_unfinished:
        found.append(Waiting(AT_WORK if at_work else CUT_OFF, "C"))
    if release != wanted.release:
        found.append(Waiting(f"{release or 'not installed'} -> {wanted.release}", "C"))
    if release is not None:
        found += _packages(wanted, last)
        found += _files_and_patches(root, wanted, faults)
    if wanted.reboot and root.at(REBOOT).exists():
        found.append(Waiting(A_REBOOT, "C"))
    # A file may have several patches.
    return list(dict.fromkeys(found)), list(dict.fromkeys(faults))


def _packages(wanted: Wanted, last: state.State) -> Iterator[Waiting]:
    now = packages.packages()
    if any(not it.is_whole for it in now.values()):
        yield Waiting("what dpkg has not finished", "C")
    for name in wanted.apt.packages:
        if name not in now or not now[name].is_installed:
            yield Waiting(f"package {name}", "C")
    # Only the change before knows the release's versions without asking the repository.
    if last.release == wanted.release and apt.missing(last.versions):
        yield Waiting(f"packages of {wanted.release}", "C")


def _files_and_patches(root: Root, wanted: Wanted, faults: list[str]) -> Iterator[Waiting]:
    now = values(root)
    live = secrets.live(root)
    if live != now["SECRET"] or places.with_old(root):
        yield Waiting("secret", "C")
    # What differs by nothing but the secret is said by "secret" already.
    before = {**now, "SECRET": live} if live and live.isalnum() else now
    for file in wanted.files:
        if differs(root, file, now) and differs(root, file, before):
            yield Waiting(file.path, file.kind)
    for patch in wanted.patches:
        try:
            if patches.waits(root, patch, now):
                yield Waiting(patch.path, patch.kind)
        except Failed as error:
            faults.append(str(error))


def differs(root: Root, file: File, marks: Mapping[str, str]) -> bool:
    """Whether the file has another content, owner or mode than it should. Raises Failed."""
    if {it[1] for it in MARK.finditer(file.content)} - marks.keys():
        # The node has not made its own secrets yet.
        return True
    try:
        wanted = rights(root, file)
    except Failed:
        # The account comes with a package.
        return True
    return files.read(root, file.path) != files.Found(
        files.encoded(render(file.content, marks)), wanted
    )


def rights(root: Root, file: File) -> files.Rights:
    """Raises Failed if the node has no such account or group."""
    return files.Rights(root.uid_of(file.owner), root.gid_of(file.group), file.mode)


def refusals(root: Root) -> list[str]:
    """What would break in an upgrade: nothing is changed before it is gone."""
    found = [*_own_file_systems(root)]
    for name in ("recording", "published", "unpublished", "deleted"):
        link = root.at(f"{RECORDINGS}/{name}")
        if link.is_symlink() and not link.exists():
            found.append(
                f"{RECORDINGS}/{name} is a link that leads nowhere: the packages cannot be set up"
            )
    return found


def _own_file_systems(root: Root) -> Iterator[str]:
    # At an upgrade the packages change owners of all that is there, which an NFS export that
    # squashes refuses: #20544 of bigbluebutton.
    table = root.at("/proc/self/mountinfo")
    for line in table.read_text().splitlines() if table.exists() else ():
        place, _, rest = line.partition(" - ")
        at, kind = place.split(" ")[4], rest.split(" ")[0]
        if (at == RECORDINGS or at.startswith(f"{RECORDINGS}/")) and kind.startswith(
            ("nfs", "fuse", "cifs")
        ):
            yield f"{at} is {kind}: BBB's packages cannot be set up with that below {RECORDINGS}"


def firewalls(now: Mapping[str, packages.Package]) -> list[str]:
    """Two programs for one firewall: after a boot every packet is dropped, bbb-install #789."""
    if all(it in now and now[it].is_installed for it in ("ufw", "iptables-persistent")):
        return ["ufw and iptables-persistent are both installed: apt purge iptables-persistent"]
    return []


def drift(root: Root, wanted: Wanted) -> list[str]:
    """What a change does not put right, and a person should."""
    found = [*refusals(root), *firewalls(packages.packages())]
    live = files.read(root, secrets.LIVE)
    found += keys.faults(secrets.LIVE, live.text) if live else []
    for unit in wanted.units:
        # bbb-install writes this file and overwrites it: #23819 of bigbluebutton.
        file = f"/etc/systemd/system/{unit.name}.d/override.conf"
        if root.at(file).exists():
            found.append(f"{file} is not from the data")
    clusters = [it for it in root.at("/etc/postgresql").glob("*/*") if S_ISDIR(it.stat().st_mode)]
    if len(clusters) > 1:
        # #21386 of bigbluebutton
        found.append(f"{len(clusters)} clusters of PostgreSQL are here: pg_lsclusters")
    if not wanted.reboot and root.at(REBOOT).exists():
        found.append("a reboot waits, and the data says that a change does not reboot")
    return found
