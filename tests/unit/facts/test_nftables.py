from pathlib import Path

import pytest
from pyinfra.api import FactProcessError

from engine.fact import END
from facts.nftables import Table, TableState
from tests.unit.host_here import ask
from tests.unit.operation_harness import Shell


def test_without_nft_there_is_no_table() -> None:
    # The script prints this on a machine without nft.
    answer = ["##installed", "##live", "##files", "", "##loaded", END]
    assert Table().process(answer) == TableState(False, "", ("",), {})


def test_a_table_and_what_it_would_be(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    # nft loads each text in an empty network namespace, and lists there what the text becomes.
    shell.stand_in("unshare", 'shift; "$@"')
    text = tmp_path / "text"
    shell.stand_in(
        "nft", f'case "$1" in -f) cat > {text} ;; *) echo "table"; cat {text} 2> /dev/null ;; esac'
    )
    file = tmp_path / "file"
    file.write_text("kept")
    found = ask(Table, "fw", ["one\n", "two"], [str(file)], shell=shell)
    assert found.installed and found.live == "table"
    assert found.loaded == ("table\none", "table\ntwo")
    assert found.files[str(file)].content == b"kept"
    calls = [call for call in shell.calls if call.startswith(("unshare", "nft -f"))]
    assert calls == 2 * ["unshare --net sh -c nft -f - && nft list table inet fw", "nft -f -"]


def test_an_answer_that_is_not_whole_fails_the_host() -> None:
    with pytest.raises(FactProcessError):
        Table().process(["##live", "table inet fw {", END])
