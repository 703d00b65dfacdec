"""Git repositories for tests, independent of this machine's git configuration."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.unit import host_here

ENVIRONMENT = {
    **host_here.ENVIRONMENT,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "test" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "test@example.org" for who in ("AUTHOR", "COMMITTER")},
}


def git(tree: Path, *arguments: str) -> str:
    """Runs git in the tree; returns what git prints."""
    command = ["git", "-C", str(tree), *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return done.stdout.rstrip("\n")


def commit(tree: Path, files: Mapping[str, str]) -> str:
    """Makes these the files of the tree, and commits them; returns the commit."""
    tree.mkdir(parents=True, exist_ok=True)
    git(tree, "init", "-q", "-b", "main")
    git(tree, "rm", "-rfq", "--ignore-unmatch", ".")
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content)
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "sample")
    return git(tree, "rev-parse", "HEAD")
