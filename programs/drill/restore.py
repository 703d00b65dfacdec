"""One drill, within namespaces that are the drill's own."""

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from programs.drill import Result, Settings
from programs.drill.command import Failed, call, in_short
from programs.drill.compare import compare, newest
from programs.drill.decrypt import check_and_decrypt
from programs.drill.site import serve

# A snapshot whose time is further in the future than this comes from a wrong clock.
SKEW_SECONDS = 300


def one(settings: Settings, name: str) -> Result:
    """Make one drill; returns its result. A problem ends the drill, and is part of the result."""
    each, start = settings["drills"][name], time.monotonic()
    result: Result = {"at": int(time.time()), "problem": None}
    try:
        with ExitStack() as after:
            found, manifest = newest(Path(settings["manifests"]), each["target"], each["dataset"])
            result |= {**found, "age": result["at"] - found["created"]}
            if not -SKEW_SECONDS <= result["age"] <= settings["max_age"]:
                raise Failed(
                    f"the newest snapshot with a manifest is {result['age']} s old, and may be "
                    f"{settings['max_age']}"
                )
            copy = each["ciphertext"] or each["mountpoint"]
            call("mount", "-t", "zfs", "-o", "ro", f"{each['target']}@{found['snapshot']}", copy)
            shown = subprocess.Popen([*settings["show"], copy], stdout=subprocess.PIPE, text=True)
            assert shown.stdout is not None
            result |= compare(manifest, shown.stdout, found)
            # A volume that no client has begun to use has no key, and no site that would start.
            in_use = result["files"] > 0
            if in_use and each["ciphertext"]:
                keys = Path(settings["keys"])
                result["undecrypted"] = check_and_decrypt(each, keys, name, found["created"])
            if in_use and each["site"]:
                serve(each["site"], after)
    except Failed as error:
        result["problem"] = str(error)
    except Exception as error:
        result["problem"] = f"the drill ended with {in_short(repr(error))}"
    return {**result, "seconds": round(time.monotonic() - start, 1)}
