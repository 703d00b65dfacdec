"""What the programs of a simulated host print, in their own formats, when a fact asks them.

The formats are those of the recorded samples in tests/unit/facts.
"""

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from engine.fact import END, Fact
from facts.access import KEYS, Access
from facts.accounts import Users
from facts.certificates import Certificates
from facts.directories import Directories
from facts.files import SECRETS, Paths, PathState
from facts.git import Checkouts
from facts.gocryptfs import Volume
from facts.health import Health
from facts.nftables import Table
from facts.packages import Packages
from facts.secret_trees import SecretTree
from facts.system import Kernels, System
from facts.systemd import FILES, NOTES, NOW, Units
from facts.wireguard import WireGuard, key_file
from facts.wireguard_digest import WireGuardDigest, digest
from operations import wireguard
from operations.access.wanted import ADMINS, AS_GOOD_AS_ROOT, PEOPLE, Wanted
from operations.wireguard import config
from tests.scale import answers_storage
from tests.scale.world import World

Lines = Iterator[str]
FIRST_PERSON = 1000


def answer(world: World, kind: type[Fact[Any]], arguments: Mapping[str, Any]) -> list[str]:
    """The lines that the fact's command prints on that host, without the last one, engine.fact.END.

    Raises LookupError for a fact that ANSWERS does not know.
    """
    if kind not in ANSWERS:
        raise LookupError(f"tests/scale/answers.py: ANSWERS does not know {kind.__name__}")
    return list(ANSWERS[kind](world, **arguments))


def packed(files: Mapping[str, PathState]) -> str:
    """What facts.files.archive prints for these files."""
    if not files:
        return ""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, state in files.items():
            archive.addfile(_member(path, state), io.BytesIO(state.content or b""))
        size = archive.offset
    # The end of an archive: tar -b 1 writes these two blocks and no more.
    return base64.b64encode(buffer.getvalue()[:size] + bytes(2 * tarfile.BLOCKSIZE)).decode()


def _member(path: str, state: PathState) -> tarfile.TarInfo:
    kinds = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}
    member = tarfile.TarInfo(path)
    member.type, member.mode = kinds[state.kind], state.mode
    member.uname, member.gname = state.owner, state.group
    member.size, member.linkname = len(state.content or b""), state.target or ""
    return member


def _paths(world: World, paths: Sequence[str], secrets: Sequence[str] = ()) -> Lines:
    yield packed({path: world.files[path] for path in paths if path in world.files})
    if secrets:
        yield SECRETS
    for path in secrets:
        if state := world.files.get(path):
            yield f"{state.mode:o}|{state.owner}|{state.group}|{path}"
            yield f"{_digest(state.content or b'')}  -"


def _secret_tree(world: World, directory: str) -> Lines:
    for path, state in world.files.items():
        if path == directory or path.startswith(f"{directory}/"):
            yield f"##path\t{state.kind[0]}\t{state.mode:o}\t{state.owner}\t{state.group}\t{path}"
            if state.kind == "file":
                yield f"{_digest(state.content or b'')}  {path}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _system(world: World) -> Lines:
    yield "debian 13"


def _kernels(world: World, module: str, tool: str) -> Lines:
    yield from ("##bootable", "6.12.0-1-amd64")
    if f"{module}-dkms" in world.packages:
        yield "##tool"
    else:
        yield from ("##without", "6.12.0-1-amd64")


def _packages(world: World, names: Sequence[str]) -> Lines:
    yield from (f"ii |{name}" for name in names if name in world.packages)


def _users(world: World, names: Sequence[str]) -> Lines:
    for name in names:
        if user := world.users.get(name):
            yield f"{name}:x:{user.uid}:{user.uid}::{user.home}:{user.shell}"


def _units(world: World, units: Sequence[str], files: Sequence[str] = ()) -> Lines:
    for number, name in enumerate(units):
        yield from [""] if number else []
        yield from _unit(world, name)
    yield FILES
    yield from (f"{world.written[it]}.000000 {it}" for it in files if it in world.written)
    # The clock of the world is right, so the times say what is in force.
    yield from (NOTES, NOW, f"{world.now}.000000")


def _unit(world: World, name: str) -> Lines:
    unit, started = world.units.get(name), world.started.get(name, 0)
    known = unit is not None or name in world.loaded
    ours = world.written.get(f"/etc/systemd/system/{name}", 0)
    state = "loaded" if known else "masked" if name in world.masked else "not-found"
    files = "enabled" if unit and unit.enabled else "static" if known else ""
    yield f"What={unit.what or '' if unit else ''}"
    yield f"Options={','.join(unit.options) if unit else ''}"
    yield "Result=success"
    yield f"Id={name}"
    yield f"LoadState={state}"
    yield f"ActiveState={'active' if started else 'inactive'}"
    yield f"SubState={'running' if started else 'dead'}"
    yield f"DropInPaths={' '.join(_drop_ins(world, name))}"
    yield f"UnitFileState={'masked' if name in world.masked else files}"
    yield f"StateChangeTimestamp={_timestamp(started)}"
    yield f"ActiveEnterTimestamp={_timestamp(started)}"
    yield f"NeedDaemonReload={'yes' if known and ours > world.reloaded else 'no'}"


def _drop_ins(world: World, name: str) -> Lines:
    """The unit's drop-ins that systemd has read."""
    for path, when in world.written.items():
        if path.startswith(f"/etc/systemd/system/{name}.d/") and when <= world.reloaded:
            yield path


def _timestamp(seconds: int) -> str:
    if not seconds:
        return ""
    return f"{datetime.fromtimestamp(seconds, UTC):%a %Y-%m-%d %H:%M:%S.%f} UTC"


def _checkouts(world: World, paths: Sequence[str]) -> Lines:
    for path in paths:
        yield f"##{path}"
        if path in world.checkouts:
            yield from (world.checkouts[path], "")


def _directories(world: World, path: str, start: str) -> Lines:
    # The uploads are there as soon as a run has made them.
    names = (it.removeprefix(f"{path}/") for it in world.files if it.startswith(f"{path}/{start}"))
    yield base64.b64encode("".join(f"{it}\0" for it in names if "/" not in it).encode()).decode()


def _health(world: World, check: str) -> Lines:
    yield "well" if check in world.files else "unwell not installed yet"


def _certificates(world: World, program: str) -> Lines:
    settings = world.files.get("/etc/coop-infra/certificate.json")
    if settings is None:
        yield from ("##ended\t127", f"sh: 1: {program.partition(' ')[0]}: not found")
        return
    told = json.loads(settings.content or b"")
    it = {
        "fingerprint": _digest(told["name"].encode()),
        "names": [told["name"]],
        "start": world.now - 86400,
        "end": world.now + 89 * 86400,
        "placeholder": world.certificate == "placeholder",
    }
    is_served = world.certificate == "served"
    seen = {"newest": it if is_served else None, "present": it if world.certificate else None}
    seen["shown"] = seen["present"]
    found = {} if is_served else {"placeholder": "no certificate that browsers trust is in force"}
    names = {key: told[key] for key in ("name", "source")}
    yield json.dumps({"at": world.now, **names, **seen, "why": "", "found": found})
    yield from ("##ended\t0", "")


def _volume(world: World, ciphertext: str, config: str, password_file: str) -> Lines:
    if world.mounted(ciphertext):
        if ciphertext in world.volumes:
            yield f"config {base64.b64encode(world.config()).decode()}"
            yield "diriv yes"
        yield "entries 0"
    if config in world.volumes:
        yield f"own {base64.b64encode(world.config()).decode()}"
    if password_file in world.volumes:
        yield f"password {_digest(world.volumes[password_file].encode())} -"


def _table(world: World, table: str, texts: Sequence[str], paths: Sequence[str]) -> Lines:
    yield "##installed"
    if "nftables" in world.packages:
        yield "/usr/sbin/nft"
    yield "##live"
    if loaded := world.files.get(world.tables.get(table, "")):
        yield from _listed((loaded.content or b"").decode())
    yield "##files"
    yield packed({path: world.files[path] for path in paths if path in world.files})
    for text in texts:
        yield "##loaded"
        if "nftables" in world.packages:
            yield from _listed(text)


def _listed(text: str) -> list[str]:
    """The lines as nft lists them: without comments."""
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def _wireguard(world: World, interface: str) -> Lines:
    if own := world.keys.get(key_file(interface)):
        yield from ("##key", own)
    want = world.interfaces.get(interface)
    if want is None:
        return
    yield f"##config\t{wireguard.RIGHTS}"
    yield from config(want, hidden=True).splitlines()
    yield f"##live\t{want.public_key}\t{want.port}"
    yield from (
        "##endpoints",
        *(f"{it.public_key}\t{it.endpoint or '(none)'}" for it in want.peers),
    )
    yield "##allowed-ips"
    yield from (f"{it.public_key}\t{' '.join(it.allowed_ips)}" for it in want.peers)
    yield "##persistent-keepalive"
    yield from (f"{it.public_key}\t{it.keepalive or 'off'}" for it in want.peers)
    yield "##preshared"
    yield from (f"{it.public_key}\t{it.digest}" for it in want.peers if it.digest)
    yield from ("##forwarding", *(["1", "1"] if want.forwards else ["0", "0"]))
    yield from ("##addresses", *sorted(want.prefixes))
    yield from ("##routes", *map(_route, sorted(want.routes)))


def _wireguard_digest(world: World, interface: str) -> Lines:
    seen = digest(WireGuard().process([*_wireguard(world, interface), END]))
    if seen.public_key:
        yield from ("##key", seen.public_key)
    if seen.config:
        yield from (f"##config\t{seen.rights}", f"{seen.config}  -")
    if seen.live:
        yield from ("##live", f"{seen.live}  -")
        yield from ("##forwarding", *(["1", "1"] if seen.forwards else ["0", "0"]))
        yield from ("##unknown", *(f"{it}\t(none)" for it in sorted(seen.unknown)))


def _route(prefix: str) -> str:
    """The prefix as ip(8) writes it: a single address has no length."""
    network = ip_network(prefix)
    return prefix if network.num_addresses > 1 else str(network.network_address)


def _access(
    world: World, groups: Sequence[str], files: Sequence[str], options: Sequence[str]
) -> Lines:
    wanted = world.people or Wanted((), {})
    people = {it.name: it for it in wanted.accounts}
    uids = {name: FIRST_PERSON + number for number, name in enumerate(people)}
    admins = [name for name, it in people.items() if it.admin]
    yield from ("##login", world.login, "##accounts", "root:0:0:/root:/bin/bash")
    yield from (f"{it}:{uid}:{uid}:/home/{it}:/bin/bash" for it, uid in uids.items())
    yield from (f"{it}:{u.uid}:{u.uid}:{u.home}:{u.shell}" for it, u in world.users.items())
    yield from ("##expires", "##sudo", *admins, "##groups")
    members = {PEOPLE: list(people), ADMINS: admins} if world.people else {}
    for name in groups:
        if name in members or name in uids or name in AS_GOOD_AS_ROOT[:1]:
            yield f"{name}:x:{uids.get(name, 900)}:{','.join(members.get(name, []))}"
    ours = [it for it in world.files if it == KEYS or it.startswith(f"{KEYS}/")]
    asked = [it for it in files if it in world.files]
    yield from ("##files", packed({it: world.files[it] for it in (*ours, *asked)}))
    yield from ("##strays", "" if world.people else packed({_STRAY: _KEY_OF_THE_PROVIDER}))
    yield "##starts"
    settings = wanted.settings or _SETTINGS_OF_DEBIAN
    shown = [f"{name} {value}" for name, value in settings.items() if name in options]
    # sshd's files have no Match block.
    yield "##settings\troot"
    yield from (*shown, "listenaddress [::]:22", "listenaddress 0.0.0.0:22")
    yield from ("##includes", "Include /etc/ssh/sshd_config.d/*.conf")
    yield from ("##matches", "##reloaded", *[f"@{world.now}"] * 4)


# On a new machine the provider's key opens root's account.
_STRAY = "/root/.ssh/authorized_keys"
_KEY_OF_THE_PROVIDER = PathState("file", 0o600, "root", "root", content=b"# by cloud-init\n")
_SETTINGS_OF_DEBIAN = {
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2",
    "passwordauthentication": "yes",
    "permitrootlogin": "without-password",
}

ANSWERS: dict[type[Fact[Any]], Callable[..., Iterable[str]]] = {
    Access: _access,
    Certificates: _certificates,
    Checkouts: _checkouts,
    System: _system,
    Directories: _directories,
    Health: _health,
    Kernels: _kernels,
    Packages: _packages,
    Paths: _paths,
    SecretTree: _secret_tree,
    Table: _table,
    Units: _units,
    Users: _users,
    Volume: _volume,
    WireGuard: _wireguard,
    WireGuardDigest: _wireguard_digest,
    **answers_storage.ANSWERS,
}
