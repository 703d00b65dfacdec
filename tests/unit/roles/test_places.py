"""Where programs and metrics go, from where older ones are removed, and who gets to settings."""

from operations.files import Absent, Directory, File
from roles.places import METRICS_DIRECTORY, PROGRAMS, metrics, program_in_parts, settings


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


def test_the_parts_of_a_program_come_before_it_and_without_those_of_others() -> None:
    entries = program_in_parts(f"{PROGRAMS}/offsite-hold", "offsite/hold")
    *parts, (path, mode) = [(it.path, it.mode) for it in entries if isinstance(it, File)]
    assert (path, mode) == (f"{PROGRAMS}/offsite-hold", 0o755)
    names = [it.removeprefix(f"{PROGRAMS}/programs/") for it, _ in parts]
    own = [it for it in names if not it.startswith("shared/")]
    assert own == ["__init__.py", "offsite/__init__.py", "offsite/hold/__init__.py", *own[3:]]
    assert own[3:] == ["offsite/hold/main.py"] and "shared/plain.py" in names
    directories = [it.path for it in entries if isinstance(it, Directory)]
    assert {it.rpartition("/")[0] for it, _ in parts} == {*directories}
    # Each directory comes after the one that it is in.
    assert directories == sorted(directories, key=lambda it: it.count("/"))


def test_two_programs_have_their_common_parts_in_common() -> None:
    both = ("offsite/hold", "offsite/pull")
    first, second = (program_in_parts(f"{PROGRAMS}/{it}", it) for it in both)
    paths = [it.path for it in dict.fromkeys([*first, *second])]
    assert len(paths) == len({*paths}) and f"{PROGRAMS}/programs/shared/whole.py" in paths
