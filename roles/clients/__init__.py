"""A client VM: mounts its dataset at boot, decrypts it if the data says so, runs services on it."""

from collections.abc import Sequence
from pathlib import Path

from pyinfra import host
from pyinfra.api import deploy

from controller.this_run import secrets, this_fleet, this_host
from engine.fact import STORAGE_SECONDS
from facts.gocryptfs import Places
from fleet.derived.datasets import dataset_name
from fleet.secret_kinds.volumes import PASSWORD
from fleet.volume import Volume
from operations import files, gocryptfs, mounts, nfs, systemd
from roles.places import unit_file
from roles.templates import render

PASSWORD_FILE = "/etc/coop-infra/gocryptfs.password"
# The host's own: whoever has the storage could write another one there.
CONFIG = "/etc/coop-infra/gocryptfs.conf"
GOCRYPTFS = "gocryptfs-storage.service"
RETRY = "coop-storage-retry"

# hard: a writer waits for a server that is away. With soft the writer would lose its data, and
# nobody would say so.
NFS_OPTIONS = ("vers=4.2", "hard", "noatime", "nosuid", "nodev", "noexec")
# For a mount that is there: no link in it leads anywhere. mount.nfs(8) and fusermount3(1)
# do not know nosymfollow, and what is not named here again would go: mount(8).
NO_LINKS = "remount,bind,nosuid,nodev,noexec,nosymfollow"

# pyinfra's _timeout, in seconds: storage that does not answer fails the host, and the run goes on.
STALLED = STORAGE_SECONDS + 30


def mount_unit(path: str) -> str:
    """The name that systemd wants for the mount unit of this path: systemd.unit(5)."""
    name = "-".join(part.replace("-", r"\x2d") for part in path.strip("/").split("/"))
    return (r"\x2e" + name[1:] if name.startswith(".") else name) + ".mount"


def in_command_line(unit: str) -> str:
    """The unit's name for ExecStart=, which reads a backslash as the beginning of an escape."""
    return unit.replace("\\", r"\\")


def storage_unit() -> str:
    """The unit that is active exactly while this host's storage is mounted and readable."""
    return GOCRYPTFS if _volume().encrypted else mount_unit(this_fleet().clients.mountpoint)


def service_file(service: str) -> files.Entry:
    """The drop-in by which a service starts only on the real mount, and stops when that goes."""
    drop_in = render(
        __file__,
        "service.conf.j2",
        storage_unit=storage_unit(),
        mountpoint=this_fleet().clients.mountpoint,
        filesystem="fuse.gocryptfs" if _volume().encrypted else "nfs4",
        no_links=NO_LINKS,
    )
    return files.File(drop_in_path(service), drop_in)


def drop_in_path(service: str) -> str:
    """The file that ties this service to the storage."""
    return unit_file(f"{service}.d/coop-storage.conf")


@deploy("Client VM")
def converge(services: Sequence[str]) -> None:
    """services: the units that need the storage; they start whenever the storage is there"""
    encrypted = _volume().encrypted
    if not encrypted:
        # No _timeout: a run has to know the answer before it mounts anything.
        gocryptfs.none(
            name="Plain volume",
            at=_places(),
            escrow=_escrow(),
        )
    mounts.sealed(name="Mountpoints", filesystems=mountpoints())
    files.present(name="Units", entries=_files(services))
    mounted = [_nfs_mount()] if encrypted else [_nfs_mount(), _retry_timer()]
    systemd.running(
        name="NFS mount",
        units=mounted,
        masked=nfs.OLD_UNITS,
        # A masked service would keep the mounts that it is tied to from restarting.
        loaded=[f"{RETRY}.service", *services],
    )
    if not encrypted:
        gocryptfs.plain(
            name="Plain storage",
            mountpoint=this_fleet().clients.mountpoint,
            units=[f"{RETRY}.timer", storage_unit()],
            _timeout=STALLED,
        )
    else:
        _converge_volume()
        systemd.running(name="Decryption", units=[_decryption(), _retry_timer()])


def _converge_volume() -> None:
    password = secrets().get(PASSWORD.of(host.name))
    escrow = _escrow()
    # Only a dry run has no password or no escrow here: the inventory refuses any other run.
    if password and escrow:
        gocryptfs.volume(
            name="Encrypted volume",
            at=_places(),
            password=password,
            escrow=escrow,
            rotate=bool(host.data.get("rotate_gocryptfs", False)),
            _timeout=STALLED,
        )


def _places() -> Places:
    return Places(this_fleet().clients.ciphertext, CONFIG, PASSWORD_FILE)


def _escrow() -> Path | None:
    directory = secrets().escrow_directory
    return directory / host.name if directory else None


def _nfs_mount() -> systemd.Unit:
    unit = mount_unit(_nfs_path())
    return systemd.Unit(
        unit, restart_on=(unit_file(unit),), what=_nfs_source(), options=NFS_OPTIONS
    )


def _decryption() -> systemd.Unit:
    return systemd.Unit(GOCRYPTFS, restart_on=(unit_file(GOCRYPTFS), CONFIG, PASSWORD_FILE))


def _retry_timer() -> systemd.Unit:
    return systemd.Unit(f"{RETRY}.timer", restart_on=(unit_file(f"{RETRY}.timer"),))


def _volume() -> Volume:
    volume = this_host().volume
    assert volume is not None
    return volume


def _nfs_source() -> str:
    server = this_fleet().storage_host.vpn
    assert server is not None
    # The IPv4 address, because the export is for the client's: fleet/derived/exports.py.
    return f"{server.addresses[0]}:/{dataset_name(this_fleet(), this_host())}"


def _nfs_path() -> str:
    """Where the export itself is mounted."""
    clients = this_fleet().clients
    return clients.ciphertext if _volume().encrypted else clients.mountpoint


def mountpoints() -> dict[str, str]:
    """By mountpoint, the only type of file system that may be mounted there, also underneath."""
    clients = this_fleet().clients
    if _volume().encrypted:
        return {clients.ciphertext: "nfs4", clients.mountpoint: "fuse.gocryptfs"}
    return {clients.mountpoint: "nfs4"}


def _files(services: Sequence[str]) -> list[files.Entry]:
    clients = this_fleet().clients
    unit = mount_unit(_nfs_path())
    nfs_mount = render(
        __file__,
        "nfs.mount.j2",
        source=_nfs_source(),
        path=_nfs_path(),
        options=",".join(NFS_OPTIONS),
        tunnel=this_fleet().vpn.unit,
    )
    units = " ".join(map(in_command_line, [storage_unit(), *services]))
    retry = render(__file__, "retry.service.j2", units=units)
    # Two clients with one host name, such as copies of a template, would take each other's locks
    # away: nfs(5), NFS version 4 leases.
    identity = f"options nfs nfs4_unique_id={host.name}\n"
    entries: list[files.Entry] = [
        files.File("/etc/modprobe.d/coop-nfs.conf", identity),
        files.File(unit_file(unit), nfs_mount),
        files.File(unit_file(f"{RETRY}.service"), retry),
        files.File(
            unit_file(f"{RETRY}.timer"),
            render(__file__, "retry.timer.j2", seconds=clients.retry_seconds),
        ),
    ]
    if _volume().encrypted:
        entries.append(files.File(unit_file(GOCRYPTFS), _gocryptfs_service()))
        # This unit may be left from a time when the data said encrypted: false.
        entries.append(files.Absent(unit_file(mount_unit(clients.mountpoint))))
    return entries


def _gocryptfs_service() -> str:
    clients = this_fleet().clients
    return render(
        __file__,
        "gocryptfs.service.j2",
        mountpoint=clients.mountpoint,
        ciphertext=clients.ciphertext,
        ciphertext_unit=mount_unit(clients.ciphertext),
        config=CONFIG,
        password_file=PASSWORD_FILE,
        uid=_volume().uid,
        no_links=NO_LINKS,
    )
