"""Where metrics go, from where older ones are removed, and who gets to settings."""

from operations.files import Absent, Directory
from roles.places import METRICS_DIRECTORY, metrics, settings


def test_metrics_lie_where_root_alone_writes_and_everybody_reads() -> None:
    made = [it for it in metrics(f"{METRICS_DIRECTORY}/a.prom") if isinstance(it, Directory)]
    assert made == [
        Directory("/var/lib/coop-infra", 0o755, "root", "root"),
        Directory("/var/lib/coop-infra/metrics", 0o755, "root", "root"),
    ]


def test_what_an_earlier_version_wrote_elsewhere_goes() -> None:
    gone = [it.path for it in metrics(f"{METRICS_DIRECTORY}/a.prom") if isinstance(it, Absent)]
    assert gone == [
        "/var/lib/prometheus/node-exporter/a.prom",
        "/var/lib/prometheus/node-exporter/a.new",
    ]


def test_whoever_a_program_runs_as_gets_to_its_settings() -> None:
    directory, file = settings("/etc/coop-infra/offsite.json", {"host": "storage1"})
    assert directory == Directory("/etc/coop-infra", 0o755, "root", "root")
    assert file.path == "/etc/coop-infra/offsite.json"
