"""Pages of the fleet for people, which Prometheus itself fills in and serves.

https://prometheus.io/docs/visualization/consoles/: Go's html/template with queries in it. There is
no script, and nothing from elsewhere. Words say what colours say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PLACE = "consoles"
"""Their directory, below that of Prometheus' configuration."""

FLEET, HOST = f"{PLACE}/fleet.html", f"{PLACE}/host.html"
ALL = (FLEET, HOST)


@dataclass(frozen=True)
class Column:
    """What a row says of one thing on its host.

    query: gives one sample, or none if the host has nothing of the kind; HOST stands for the name
    words: the sample in words, by the template language
    alerts: the alerts that this is about. While one of them fires on the host, the cell is red
    """

    title: str
    query: str
    words: str
    alerts: Sequence[str] = ()


def _either(yes: str, no: str) -> str:
    return f"{{{{ if eq (. | value) 1.0 }}}}{yes}{{{{ else }}}}{no}{{{{ end }}}}"


AGE = "{{ . | value | humanizeDuration }}"
WHOLE = '{{ . | value | printf "%.0f" }}'

HOSTS = (
    Column(
        "Disk",
        '100 * min(node_filesystem_avail_bytes{host="HOST",fstype!~"zfs|vfat"}'
        " / node_filesystem_size_bytes)",
        f"{WHOLE} % free",
        ("DiskFull", "DiskNearlyFull"),
    ),
    Column("Units", 'coop_units_failed{host="HOST"}', f"{WHOLE} failed", ("UnitFailed",)),
    Column("Tunnel", 'min(coop_tunnel_up{host="HOST"})', _either("up", "down"), ("HostDown",)),
    Column(
        "Firewall",
        'coop_firewall_present{host="HOST"}',
        _either("in force", "absent"),
        ("FirewallAbsent",),
    ),
    Column(
        "SSH from outside",
        'probe_success{job="outside",host="HOST"}',
        _either("open", "closed"),
        ("PublicSshOpen", "PublicSshClosed"),
    ),
    Column(
        "Web",
        'min(probe_success{job="web",host="HOST"})',
        _either("answers", "fails"),
        ("WebDown",),
    ),
    Column(
        "Pool",
        'min(coop_pool_state{host="HOST",state="online"})',
        _either("online", "not whole"),
        ("PoolNotWhole", "PoolDamaged", "PoolErrors", "PoolNearlyFull", "ScrubOld"),
    ),
    Column(
        "Volumes",
        '100 * min(coop_dataset_available_bytes{host="HOST"}'
        " / (coop_dataset_available_bytes + coop_dataset_used_bytes))",
        f"{WHOLE} % free",
        ("VolumeGone", "VolumeNearlyFull", "ExportMissing", "NfsDown"),
    ),
    Column(
        "Storage",
        'min(coop_mount_present{host="HOST"} * coop_mount_answers)',
        _either("mounted", "gone"),
        ("MountGone", "MountHangs"),
    ),
    Column(
        "Copies",
        'time() - min(coop_copy_newest_snapshot_timestamp_seconds{host="HOST",place="offsite"})',
        f"{AGE} old",
        ("CopyOld", "CopyUnknown", "PruningFailed"),
    ),
    Column(
        "Restored",
        'time() - min(coop_copy_last_proof_timestamp_seconds{host="HOST"})',
        f"{AGE} ago",
        ("ProofExpired",),
    ),
    Column(
        "Set",
        'time() - coop_set_newest_timestamp_seconds{host="HOST"}',
        f"{AGE} old",
        ("SetProblem",),
    ),
    Column(
        "Certificate",
        'min(coop_certificate_end_timestamp_seconds{host="HOST"}) - time()',
        f"for {AGE}",
        ("CertificateEnds", "CertificateProblem"),
    ),
    Column(
        "Reboot",
        'coop_reboot_required{host="HOST"}',
        _either("due", "not due"),
        ("RebootDue", "KernelWithoutModule"),
    ),
)

NODES = (
    Column(
        "API",
        'bbb_api_up{host="HOST"}',
        _either("answers", "fails"),
        ("BbbApiDown", "BbbSecretWrong", "BbbSlow", "BbbChangeStuck"),
    ),
    Column("Took", 'coop_bbb_api_seconds{host="HOST"}', '{{ . | value | printf "%.2f" }} s'),
    Column("Meetings", 'bbb_meetings{host="HOST"}', WHOLE),
    Column("People", 'bbb_meetings_participants{host="HOST"}', WHOLE),
    Column(
        "Recordings", 'coop_recording_waiting{host="HOST"}', f"{WHOLE} wait", ("RecordingsStuck",)
    ),
)

# $host is the row's host, and $fresh says whether the host tells anything just now.
_FRESH = (
    "query (printf `max by (host) (coop_look_age_seconds"
    '{host="%[1]s",metric="coop_metrics_timestamp_seconds"}) < 300'
    ' and on (host) up{job="node",host="%[1]s"} == 1` $host)'
)
_CELL = """\
{{ if not $fresh }}<td data-title="TITLE" class="bad">unknown</td>
{{ else }}{{ with query (printf `QUERY` $host) }}<td data-title="TITLE" class="\
{{ if query (printf `ALERTS{host="%[1]s",alertstate="firing",alertname=~"NAMES"}` $host) }}bad\
{{ else }}well{{ end }}">{{ with first . }}WORDS{{ end }}</td>
{{ else }}<td data-title="TITLE" class="none">&ndash;</td>{{ end }}{{ end }}
"""


def pages(runbooks: str) -> dict[str, str]:
    """By name, the text of each page. runbooks: the URL below which each alert has its page"""
    here = Path(__file__).parent
    values = {
        "@STYLE@": (here / "style.css").read_text(),
        "@RUNBOOKS@": runbooks,
        "@FRESH@": _FRESH,
        "@HOST_TITLES@": _titles(HOSTS),
        "@HOST_CELLS@": _cells(HOSTS),
        "@NODE_TITLES@": _titles(NODES),
        "@NODE_CELLS@": _cells(NODES),
    }
    found = {}
    for name in ALL:
        text = (here / Path(name).name).read_text()
        for mark, value in values.items():
            text = text.replace(mark, value)
        found[name] = text
    return found


def _titles(columns: Sequence[Column]) -> str:
    return "".join(f"<th>{it.title}</th>" for it in columns)


def _cells(columns: Sequence[Column]) -> str:
    return "".join(
        _CELL.replace("TITLE", it.title)
        .replace("QUERY", it.query.replace("HOST", "%[1]s"))
        .replace("NAMES", "|".join(it.alerts))
        .replace("WORDS", it.words)
        for it in columns
    )
