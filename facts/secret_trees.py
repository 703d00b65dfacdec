"""A directory with secrets: what is in it, by digest alone."""

from shlex import quote

from engine.fact import Fact, sections, whole
from facts.files import Kind, PathState

_KINDS: dict[str, Kind] = {"f": "file", "d": "directory", "l": "link"}


class SecretTree(Fact[dict[str, PathState]]):
    """{path: PathState} of a directory, of what is in it, and of what is one level below.

    Secrets never leave the host: a file has a digest and no content. Empty if there is no such
    directory.
    """

    def command(self, directory: str) -> str:
        return whole(
            f"find {quote(directory)} -maxdepth 2 -printf '##path\\t%y\\t%m\\t%u\\t%g\\t%p\\n' "
            "-type f -exec sha256sum {} \\; 2>/dev/null"
        )

    @staticmethod
    def default() -> dict[str, PathState]:
        return {}

    def parse(self, output: list[str]) -> dict[str, PathState]:
        found = {}
        for section in sections(output):
            _, kind, mode, owner, group, path = section.fields
            digest = section.lines[0].split()[0] if section.lines else None
            found[path] = PathState(
                _KINDS.get(kind, "other"), int(mode, 8), owner, group, digest=digest
            )
        return found
