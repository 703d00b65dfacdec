"""A night: makes a new set, and drops the sets that are over the number."""

import sys
from datetime import datetime, timezone

from programs.backup import Settings
from programs.backup.command import Failed
from programs.backup.known import damage, note
from programs.backup.sets import SET, TIME, Sets
from programs.backup.source import source
from programs.backup.store import opened
from programs.shared.whole import replace


def night(settings: Settings) -> int:
    names = [name.lstrip("/") for name in settings["directories"]]
    now = datetime.now(timezone.utc)
    made = f"{SET}{now.strftime(TIME)}"
    is_made, untidy = False, None
    with opened(settings) as sets:
        try:
            with source(settings) as (root, held):
                sets.add(root, names, now, held)
                is_made = True
        except Failed as error:
            if not is_made:
                _recover(sets)
                raise
            # The set is whole, and something on the host is not as it was before the night.
            untidy = error
            print(error, file=sys.stderr, flush=True)
        print(f"{made} is made", flush=True)
        sets.prune()
        known = note(settings, sets)
        if made not in known:
            raise Failed(f"{made} was not kept: are there sets from the future?")
        try:
            sets.check()
        except Failed as error:
            replace(damage(settings), str(error))
            raise
    if untidy:
        raise untidy
    return 0


def _recover(sets: Sets) -> None:
    try:
        sets.recover()
    except (Failed, OSError) as error:
        print(f"what it has left is still there: {error}", file=sys.stderr, flush=True)
