"""Makes Debian packages: the same input gives the same bytes."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Of every file, so that a package is the same whenever it is made.
EPOCH = 1_767_225_600


@dataclass(frozen=True)
class Made:
    """A package's file, and its control fields."""

    file: Path
    fields: Mapping[str, str]


@dataclass
class Source:
    """What a package is made from.

    fields: of its control file; files: content and mode, by path from the root without the slash
    scripts: preinst, postinst, prerm, by name
    """

    fields: dict[str, str]
    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)

    def add_tree(self, tree: Path, words: Mapping[str, str]) -> None:
        """Add the files below a directory, with each word replaced. `.keep` keeps a directory."""
        for file in sorted(it for it in tree.rglob("*") if it.is_file()):
            content = file.read_text()
            for word, value in words.items():
                content = content.replace(word, value)
            # git knows of the mode whether a file is a program, and no more.
            mode = 0o755 if os.access(file, os.X_OK) else 0o644
            self.files[str(file.relative_to(tree))] = (content.encode(), mode)

    def make(self, directory: Path, work: Path) -> Made:
        """Make the package. work: a directory that is not there yet, and is not afterwards."""
        control = work / "DEBIAN"
        control.mkdir(parents=True)
        for path, (content, mode) in self.files.items():
            target = work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.name != ".keep":
                target.write_bytes(content)
                target.chmod(mode)
        for name, text in self.scripts.items():
            (control / name).write_text(text)
            (control / name).chmod(0o755)
        # As fpm does: each file below /etc is one that dpkg asks about, or keeps.
        kept = [f"/{it}\n" for it in sorted(self.files) if it.startswith("etc/")]
        (control / "conffiles").write_text("".join(it for it in kept if not it.endswith(".keep\n")))
        lines = (f"{name}: {value}\n" for name, value in self.fields.items() if value)
        (control / "control").write_text("".join(lines))
        for each in work.rglob("*"):
            if each.is_dir():
                each.chmod(0o755)
        version = self.fields["Version"].rpartition(":")[2]
        file = directory / f"{self.fields['Package']}_{version}_{self.fields['Architecture']}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Znone", "--build", work, file],
            check=True, capture_output=True, env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
        )  # fmt: skip
        shutil.rmtree(work)
        return Made(file, self.fields)
