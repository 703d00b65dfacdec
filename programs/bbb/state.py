"""What the last change did, so that the next one goes on."""

import json
from dataclasses import asdict, dataclass, field, replace

from programs.bbb import files, secrets
from programs.bbb.failed import Failed
from programs.bbb.root import Root

RUNNING, DONE, FAILED, NONE = "running", "done", "failed", "none"


@dataclass(frozen=True)
class State:
    """state: running, done, failed, or none if there was no change yet

    step, why: where the change is, and why it failed
    wanted: the digest of wanted.json
    release, versions: what was installed, by package
    restart: units that have yet to take in a file of theirs
    booted: the boot in which the change asked for another one
    is_first: whether BBB was not here before, so that nobody can have been in a meeting
    may_have_people: whether meetings may have begun since the last change began
    """

    state: str = NONE
    step: str = ""
    why: str = ""
    wanted: str = ""
    release: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    restart: tuple[str, ...] = ()
    booted: str = ""
    is_first: bool = False
    may_have_people: bool = True

    @property
    def is_unfinished(self) -> bool:
        return self.state in (RUNNING, FAILED)


def read(root: Root) -> State:
    """Raises Failed if the file is damaged."""
    found = files.read(root, root.own("state.json"))
    if not found:
        return State()
    try:
        it = json.loads(found.data)
        return State(**{**it, "restart": tuple(it["restart"])})
    except (ValueError, TypeError, KeyError):
        raise Failed(
            f"{root.own('state.json')} is damaged: look at the node, then remove the file"
        ) from None


def write(root: Root, before: State, **changes: object) -> State:
    """The state with these changes, which is on disk when this returns."""
    now = replace(before, **changes)  # type: ignore[arg-type]
    secrets.put(root, "state.json", json.dumps(asdict(now)))
    return now
