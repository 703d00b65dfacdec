"""BigBlueButton's packages are held: neither an upgrade by hand nor the night takes them.

A package of BigBlueButton's that is upgraded ends all meetings. So outside of a window apt prefers
what is installed, whatever the repository offers: apt_preferences(5), priorities below 100. A first
install and `package=version` go on as ever.
"""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from fleet.derived.bbb import AptSource
from operations import files
from roles.templates import render

PIN = "/etc/apt/preferences.d/coop-bbb"
# It comes after Ubuntu's 50unattended-upgrades, and lists add up: apt.conf(5).
NIGHT = "/etc/apt/apt.conf.d/52coop-bbb"
RESTARTS = "/etc/needrestart/conf.d/coop-bbb.conf"

# What unattended-upgrades takes for regular expressions, from the beginning of a name on. Ubuntu's
# packages that carry meetings restart as they are upgraded: bigbluebutton #7799, #16417, #19003.
CARRIERS = (
    "bbb-",
    "bigbluebutton",
    "freeswitch",
    "livekit",
    "nginx",
    "haproxy",
    "coturn",
    "redis",
    "postgresql",
    "openjdk",
    "nodejs",
    "docker",
    "containerd",
    "runc",
)

LISTS = "/etc/apt/sources.list.d"


def keyring(source: AptSource) -> str:
    return f"/etc/apt/keyrings/{source.name}.asc"


def entries(sources: Sequence[AptSource], keys: Mapping[str, str]) -> list[files.Entry]:
    """keys: by source, the text of its public key, which was compared with the data"""
    return [
        *(files.File(keyring(it), keys[it.name]) for it in sources),
        *(files.File(_list(it), _text_of(it)) for it in sources),
        *(files.Absent(f"{LISTS}/{name}") for it in sources for name in it.replaces),
        files.File(PIN, render(__file__, "preferences.j2", origins=origins(sources))),
        files.File(NIGHT, render(__file__, "night.conf.j2", names=CARRIERS)),
        files.File(RESTARTS, render(__file__, "needrestart.conf.j2")),
    ]


def origins(sources: Iterable[AptSource]) -> list[str]:
    """The hosts of the sources, as apt names them: without the port."""
    return sorted({host for it in sources if (host := urlsplit(it.url).hostname)})


def _list(source: AptSource) -> str:
    # The installer's name for most of them, so that there are no two.
    return f"{LISTS}/{source.name}.list"


def _text_of(source: AptSource) -> str:
    return render(__file__, "source.list.j2", line=source.line(keyring(source)))
