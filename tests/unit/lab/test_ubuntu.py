"""What makes a lab host say that it has Ubuntu."""

import subprocess
from pathlib import Path

import pytest

from fleet import ROOT
from fleet.load import load
from fleet.releases import UBUNTU
from lab import ubuntu


@pytest.mark.parametrize("version", UBUNTU)
def test_both_files_are_what_a_shell_can_source(version: str, tmp_path: Path) -> None:
    for path, text in ubuntu.files(version).items():
        (tmp_path / Path(path).name).write_text(text)
    shown = "$ID $VERSION_ID $VERSION_CODENAME $DISTRIB_ID $DISTRIB_RELEASE $DISTRIB_CODENAME"
    script = f'. {tmp_path}/os-release && . {tmp_path}/lsb-release && echo "{shown}"'
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    codename = ubuntu.CODENAMES[version]
    assert said.stdout.split() == ["ubuntu", version, codename, "Ubuntu", version, codename]


def test_the_names_are_those_of_the_data() -> None:
    lines = load(ROOT / "inventories/coop.yml").bbb.lines.values()
    assert {it.ubuntu: it.codename for it in lines} == ubuntu.CODENAMES
