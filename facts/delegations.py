"""What users other than root may do with ZFS. Format: zfs-allow(8) of OpenZFS 2.1."""

import re
from collections.abc import Mapping, Sequence
from shlex import quote

from engine.fact import Fact, sections, whole
from facts.pool_state import with_zfs

BELOW_TOO = "Local+Descendent"
"""The scope of a permission that holds for a dataset and for all below it."""

_HEADING = "---- Permissions on "

Allowed = Mapping[str, frozenset[tuple[str, str]]]
"""{user: each permission with its scope}: {"backup": {("Local+Descendent", "send")}}."""


class Delegations(Fact[dict[str, Allowed]]):
    """{dataset: what is allowed on it itself, not on a dataset above}; {} if that is nothing."""

    def command(self, datasets: Sequence[str]) -> str:
        return whole(
            "\n".join(
                f"printf '##of\\t%s\\n' {quote(name)}; "
                f"{with_zfs(f'zfs allow {quote(name)}')} 2>/dev/null"
                for name in datasets
            )
        )

    @staticmethod
    def default() -> dict[str, Allowed]:
        return {}

    def parse(self, output: list[str]) -> dict[str, Allowed]:
        return {each.fields[1]: _allowed(each.fields[1], each.lines) for each in sections(output)}


def _allowed(dataset: str, lines: list[str]) -> Allowed:
    found: dict[str, set[tuple[str, str]]] = {}
    here, scope = False, ""
    for line in lines:
        if line.startswith(_HEADING):
            # Behind a long name there is no room for a dash.
            here = line.rstrip("-") == f"{_HEADING}{dataset} "
        elif match := re.fullmatch(r"(.*) permissions:", line):
            scope = match[1]
        elif here and (match := re.fullmatch(r"\tuser (.+) (\S+)", line)):
            each = ((scope, permission) for permission in match[2].split(","))
            found.setdefault(match[1], set()).update(each)
    return {user: frozenset(permissions) for user, permissions in found.items()}
