"""What a row of the page says of its host, thing by thing.

Nothing is shown that is not sure: each column has a look of its own, and where the look is old or
has failed, or what the data expects is absent, the page says that nobody knows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleet.groups import POOLED
from fleet.hosts import Host
from fleet.model import Fleet
from roles.monitor import outside

HOST = "HOST"
"""Stands in a query for the name of the row's host."""

UP = 'up{job="node",host="HOST"} == 1'
METRICS, HANDOVER = "coop_metrics_timestamp_seconds", "coop_handover_status_timestamp_seconds"
# Of what the row's first cell says: whether the host tells all that it should.
TELLS = ("HostDown", "LookMissing", "LookOld", "CollectorFailed", "TextfileBroken")

Expected = Callable[[Fleet, Host, Host], bool]
"""Whether the host has anything of the kind, by the data; then the host, and the monitor."""


@dataclass(frozen=True)
class Column:
    """What a row says of one thing on its host.

    query: gives one sample
    words: the sample in words, by the template language
    look: gives something if what `query` asks for is of just now
    expected: of which hosts the thing is expected
    alerts: the alerts that this is about. While one of them fires on the host, the cell is red
    """

    title: str
    query: str
    words: str
    look: str
    expected: Expected = lambda fleet, host, here: True
    alerts: Sequence[str] = ()


def looked(metric: str, host: str = '{host="HOST",') -> str:
    """By which hosts the program that has this metric has looked of late; host: of all with {

    A look of the future is of a clock that was wrong, and would be new for ever.
    """
    its = f'{host}metric="{metric}"}}'
    up = UP if HOST in host else 'up{job="node"} == 1'
    return (
        f"abs(max by (host, metric) (coop_look_age_seconds{its}))"
        f" <= on (host, metric) max by (host, metric) (coop_look_max_age_seconds{its})"
        f" and on (host) {up}"
    )


def _part(name: str) -> str:
    """Whether that part of coop-metrics could be looked at."""
    success = f'coop_metrics_collector_success{{host="HOST",collector="{name}"}} == 1'
    return f"{success} and on (host) ({looked(METRICS)})"


def _tried(job: str) -> str:
    return f'up{{job="{job}",host="HOST"}} == 1'


def _either(yes: str, no: str) -> str:
    return f"{{{{ if eq (. | value) 1.0 }}}}{yes}{{{{ else }}}}{no}{{{{ end }}}}"


def _time(words: str) -> str:
    """A metric that is a time is 0 for never; a difference is negative once the end is over."""
    return (
        "{{ if gt (. | value) 1e9 }}never{{ else if lt (. | value) 0.0 }}over"
        f"{{{{ else }}}}{words}{{{{ end }}}}"
    )


def _has_disk(fleet: Fleet, host: Host, here: Host) -> bool:
    """A container of the lab has an overlay."""
    return host.lab is None or host.lab.own_kernel


AGE = "{{ . | value | humanizeDuration }}"
WHOLE = '{{ . | value | printf "%.0f" }}'

HOSTS = (
    Column(
        "Disk",
        '100 * min(node_filesystem_avail_bytes{host="HOST",fstype!~"zfs|vfat"}'
        ' / node_filesystem_size_bytes{host="HOST",fstype!~"zfs|vfat"})',
        f"{WHOLE} % free",
        'node_scrape_collector_success{host="HOST",collector="filesystem"} == 1',
        _has_disk,
        ("DiskFull", "DiskNearlyFull"),
    ),
    Column(
        "Units",
        'coop_units_failed{host="HOST"}',
        f"{WHOLE} failed",
        _part("units"),
        alerts=("UnitFailed",),
    ),
    Column(
        "Tunnel",
        'min(coop_tunnel_up{host="HOST"})',
        _either("up", "down"),
        _part("tunnel"),
        alerts=("HostDown",),
    ),
    Column(
        "Firewall",
        'coop_firewall_present{host="HOST"}',
        _either("in force", "absent"),
        _part("firewall"),
        alerts=("FirewallAbsent",),
    ),
    Column(
        "SSH from outside",
        'probe_success{job="outside",host="HOST"}',
        _either("open", "closed"),
        _tried("outside"),
        lambda fleet, host, here: host.name != here.name,
        ("PublicSshOpen", "PublicSshClosed"),
    ),
    Column(
        "Web",
        'min(probe_success{job="web",host="HOST"})',
        _either("answers", "fails"),
        _tried("web"),
        lambda fleet, host, here: host.name != here.name and outside.shows(host),
        ("WebDown",),
    ),
    Column(
        "Pool",
        'min(coop_pool_state{host="HOST",state="online"})',
        _either("online", "not whole"),
        _part("pool"),
        lambda fleet, host, here: any(it in POOLED for it in host.roles),
        ("PoolNotWhole", "PoolDamaged", "PoolErrors", "PoolNearlyFull", "ScrubOld"),
    ),
    Column(
        "Volumes",
        '100 * min(coop_dataset_available_bytes{host="HOST"}'
        ' / (coop_dataset_available_bytes{host="HOST"} + coop_dataset_used_bytes{host="HOST"}))',
        f"{WHOLE} % free",
        _part("datasets"),
        lambda fleet, host, here: "storage" in host.roles and bool(fleet.hosts_with_volume()),
        ("VolumeGone", "VolumeNearlyFull", "ExportMissing", "NfsDown"),
    ),
    Column(
        "Storage",
        'min(coop_mount_present{host="HOST"} * coop_mount_answers{host="HOST"})',
        _either("mounted", "gone"),
        _part("mounts"),
        lambda fleet, host, here: host.volume is not None,
        ("MountGone", "MountHangs"),
    ),
    Column(
        "Copies",
        'time() - min(coop_copy_newest_snapshot_timestamp_seconds{host="HOST",place="offsite"})',
        _time(f"{AGE} old"),
        looked("coop_copy_status_timestamp_seconds"),
        lambda fleet, host, here: "offsite" in host.roles and bool(fleet.hosts_with_volume()),
        ("CopyOld", "CopyUnknown", "PruningFailed"),
    ),
    Column(
        "Restored",
        'time() - min(coop_copy_last_proof_timestamp_seconds{host="HOST"})',
        _time(f"{AGE} ago"),
        looked("coop_copy_status_timestamp_seconds"),
        lambda fleet, host, here: "offsite" in host.roles and bool(fleet.hosts_with_volume()),
        ("ProofExpired",),
    ),
    Column(
        "Set",
        'time() - coop_set_newest_timestamp_seconds{host="HOST"}',
        _time(f"{AGE} old"),
        looked("coop_set_status_timestamp_seconds"),
        lambda fleet, host, here: host.backup is not None,
        ("SetProblem",),
    ),
    Column(
        "Certificate",
        'min(coop_certificate_end_timestamp_seconds{host="HOST"}) - time()',
        _time(f"for {AGE}"),
        looked("coop_certificate_status_timestamp_seconds"),
        lambda fleet, host, here: host.shows is not None,
        ("CertificateEnds", "CertificateProblem"),
    ),
    Column(
        "Reboot",
        'coop_reboot_required{host="HOST"}',
        _either("due", "not due"),
        _part("boot"),
        alerts=("RebootDue", "KernelWithoutModule"),
    ),
)

NODES = (
    Column(
        "API",
        'bbb_api_up{host="HOST"}',
        _either("answers", "fails"),
        _part("bbb"),
        alerts=("BbbApiDown", "BbbSecretWrong", "BbbSlow", "BbbChangeStuck"),
    ),
    Column(
        "Took",
        'coop_bbb_api_seconds{host="HOST"}',
        '{{ . | value | printf "%.2f" }} s',
        _part("bbb"),
    ),
    Column("Meetings", 'bbb_meetings{host="HOST"}', WHOLE, _part("bbb")),
    Column("People", 'bbb_meetings_participants{host="HOST"}', WHOLE, _part("bbb")),
    Column(
        "Recordings",
        'coop_recording_waiting{host="HOST"}',
        f"{WHOLE} wait",
        looked("coop_recording_status_timestamp_seconds"),
        alerts=("RecordingsStuck",),
    ),
)
