"""A signed apt repository, from packages: https://wiki.debian.org/DebianRepository/Format"""

import gzip
import hashlib
import subprocess
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path

from lab.bbb.deb import EPOCH, Made

ARCHITECTURE = "amd64"


class Key:
    """The key of the lab's repositories, in a directory of gpg's own."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def make(self) -> None:
        """Make the key unless it is there."""
        if not (self._home / "pubring.kbx").exists():
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            name = "Stand-ins of the lab <bbb@lab.test>"
            self._gpg("--quick-generate-key", name, "rsa3072", "sign", "never")

    def public(self) -> bytes:
        """The public half, armoured."""
        return self._gpg("--armor", "--export")

    def fingerprint(self) -> str:
        """40 hex digits."""
        listed = self._gpg("--with-colons", "--list-keys").decode().splitlines()
        return next(line.split(":")[9] for line in listed if line.startswith("fpr:"))

    def sign(self, release: Path) -> None:
        """Write Release.gpg and InRelease beside the Release file."""
        for name, how in (("Release.gpg", "--detach-sign"), ("InRelease", "--clear-sign")):
            target = release.with_name(name)
            self._gpg("--yes", "--armor", how, "--output", str(target), str(release))

    def end(self) -> None:
        """End gpg's agent, which would outlive this program."""
        subprocess.run(["gpgconf", "--homedir", self._home, "--kill", "all"], check=True)

    def _gpg(self, *words: str) -> bytes:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", "--passphrase", ""]
        done = subprocess.run([*command, *words], capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"gpg {' '.join(words)}: {done.stderr.decode()}")
        return done.stdout


def write(root: Path, suite: str, component: str, packages: Sequence[Made], key: Key) -> None:
    """Write the indexes of a suite, whose packages lie below root, and sign them."""
    dists = root / "dists" / suite
    index = dists / component / f"binary-{ARCHITECTURE}"
    index.mkdir(parents=True)
    listed = "\n".join(_stanza(root, each) for each in packages).encode()
    (index / "Packages").write_bytes(listed)
    (index / "Packages.gz").write_bytes(gzip.compress(listed, mtime=EPOCH))
    files = sorted(it for it in dists.rglob("*") if it.is_file())
    sums = "".join(f" {_sha256(it)} {it.stat().st_size} {it.relative_to(dists)}\n" for it in files)
    release = dists / "Release"
    release.write_text(
        f"Origin: coop-infra lab\nLabel: BigBlueButton stand-ins\nSuite: {suite}\n"
        f"Codename: {suite}\nDate: {formatdate(EPOCH, usegmt=True)}\n"
        f"Architectures: {ARCHITECTURE}\nComponents: {component}\nSHA256:\n{sums}"
    )
    key.sign(release)


def _stanza(root: Path, package: Made) -> str:
    fields = {
        **package.fields,
        "Filename": str(package.file.relative_to(root)),
        "Size": str(package.file.stat().st_size),
        "SHA256": _sha256(package.file),
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
