from pathlib import Path

import pytest

from facts.configurations import Configuration, ConfigurationState, stamp
from tests.unit.host_here import ask
from tests.unit.operation_harness import Shell

# Of Prometheus 2.42 and Alertmanager 0.25.
METRICS = """\
# HELP prometheus_config_last_reload_success_timestamp_seconds Timestamp of the last successful ...
# TYPE prometheus_config_last_reload_success_timestamp_seconds gauge
prometheus_config_last_reload_success_timestamp_seconds 1.7953070421234567e+09
# HELP prometheus_config_last_reload_successful Whether the last configuration reload attempt ...
# TYPE prometheus_config_last_reload_successful gauge
prometheus_config_last_reload_successful 1
"""
URL = "http://10.66.0.51:9090/metrics"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path)
    (tmp_path / "metrics").write_text(METRICS)
    made.stand_in("curl", f"cat {tmp_path}/metrics")
    return made


def test_files_and_reload(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "a.1/more").mkdir(parents=True)
    for name in ("prometheus.yml", "more/rules.yml"):
        (tmp_path / "a.1" / name).write_text("x")
    (tmp_path / "a").symlink_to("a.1")
    (tmp_path / "a.1/prometheus.yml").chmod(0o640)
    found = ask(Configuration, str(tmp_path / "a"), URL, shell=shell)
    assert found.files.keys() == {"prometheus.yml", "more/rules.yml"}
    owner = (tmp_path / "a.1").owner()
    its = stamp("x", (tmp_path / "a.1").group()).replace("root:", f"{owner}:")
    assert found.files["prometheus.yml"] == its != found.files["more/rules.yml"]
    assert found.linked == pytest.approx((tmp_path / "a").lstat().st_mtime, abs=1e-3)
    assert found.reloaded == 1795307042.1234567
    assert found.usable
    assert shell.calls == [f"curl -q --silent --noproxy * --max-time 10 {URL}"]


def test_of_a_host_without_it_nothing_is_known(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("")
    found = ask(Configuration, str(tmp_path / "a"), URL, shell=shell)
    assert found == ConfigurationState() and not found.in_force


def test_of_alertmanager_the_names_are_others(shell: Shell, tmp_path: Path) -> None:
    text = METRICS.replace("prometheus_config", "alertmanager_config").replace(
        "successful 1", "successful 0"
    )
    (tmp_path / "metrics").write_text(text)
    found = ask(Configuration, str(tmp_path / "a"), URL, shell=shell)
    assert (found.reloaded, found.usable) == (1795307042.1234567, False)


@pytest.mark.parametrize(
    ("linked", "reloaded", "usable", "in_force"),
    [
        (1.0, 2.0, True, True),
        (2.0, 2.0, True, True),
        (2.5, 2.0, True, False),
        (1.0, 2.0, False, False),
        (None, 2.0, True, False),
        (1.0, None, True, False),
    ],
)
def test_it_is_in_force_once_it_was_read_and_could_be_used(
    linked: float | None, reloaded: float | None, usable: bool, in_force: bool
) -> None:
    assert ConfigurationState({}, linked, reloaded, usable).in_force is in_force
