"""What a program of root reads is of others: each has a limit of time and memory in its unit."""

from pathlib import Path

import pytest

from fleet import ROOT

TEMPLATES = [*(ROOT / "roles").glob("*/coop-*.service.j2"), ROOT / "roles/offsite/prune.conf.j2"]

# They work for one client after the other, by a process each that takes memory.
FOR_MANY = {"coop-offsite", "coop-manifest", "coop-drill", "coop-backup"}


def limits(template: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in template.read_text().splitlines())
    return {name: value for name, _, value in lines}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda it: it.name)
def test_each_program_has_a_limit_of_time_and_memory(template: Path) -> None:
    found = limits(template)
    # One that listens for ever has limits for each of those that it hears.
    if found.get("Restart") != "always":
        assert found.get("TimeoutStartSec", "infinity") != "infinity"
    assert found["MemoryMax"] in ("25%", "50%")


def test_a_process_that_takes_all_the_memory_ends_alone() -> None:
    goes_on = {it.name.split(".")[0] for it in TEMPLATES if "OOMPolicy" in limits(it)}
    assert goes_on == FOR_MANY
    assert {limits(it).get("OOMPolicy") for it in TEMPLATES} == {"continue", None}
