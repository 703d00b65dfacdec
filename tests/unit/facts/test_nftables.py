from pathlib import Path

import pytest
from pyinfra.api import FactProcessError

from engine.fact import END
from facts.nftables import Listener, Table, TableState
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
    assert calls == ["unshare --net sh -s", "nft -f -", "nft -f -"]


def test_an_answer_that_is_not_whole_fails_the_host() -> None:
    with pytest.raises(FactProcessError):
        Table().process(["##live", "table inet fw {", END])


# As `ss -H -l -n -t -u -p` of iproute2 6.1 and 6.15 prints them.
SS = """\
udp UNCONN 0 0 *:68 *:* users:(("dhclient",pid=1,fd=6))
udp UNCONN 0 0 0.0.0.0:51820 0.0.0.0:*
udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:(("resolved",pid=1,fd=1))
udp UNCONN 0 0 [fe80::1%eth0]:546 [::]:* users:(("networkd",pid=1,fd=1))
tcp LISTEN 0 128 0.0.0.0:8080 0.0.0.0:* users:(("my \x1b[2J program",pid=1,fd=3)))
tcp LISTEN 0 128 [::1]:99 [::]:* users:(("python3",pid=1,fd=4))
tcp LISTEN 0 128 10.66.0.41:9100 0.0.0.0:* users:(("a
##live
tcp x",pid=3,fd=4))
"""
IP = """\
2: eth0    inet 192.0.2.41/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever
2: eth0    inet6 2001:db8::41/64 scope global \\       valid_lft forever preferred_lft forever
"""
SAVED = """\
-A PREROUTING -p tcp -m tcp --dport 8443 -j DNAT --to-destination 172.17.0.2:80
-A PREROUTING -p udp -m multiport --dports 3478,5349 -j REDIRECT --to-ports 1000
-A DOCKER -i docker0 -j RETURN
"""


def test_who_listens_for_others(tmp_path: Path) -> None:
    """Whoever runs a program chooses its name: a newline makes no line, a control character no."""
    shell = Shell(tmp_path)
    for name, says in (("ss", SS), ("ip", IP), ("iptables-save", SAVED)):
        (tmp_path / name).write_text(says)
        shell.stand_in(name, f"cat {tmp_path / name}")
    shell.stand_in("ip6tables-save", "exit 1")
    shell.stand_in("nft", "echo '\t\ttcp dport { 80, 443 } dnat to 10.0.0.2'")
    found = ask(Table, "fw", [], [], shell=shell)
    assert found.listeners == (
        Listener("tcp", 80, "*"),
        Listener("tcp", 443, "*"),
        Listener("tcp", 8080, "*", "my ?[2J program"),
        Listener("tcp", 8443, "*"),
        Listener("tcp", 9100, "10.66.0.41"),
        Listener("udp", 68, "*", "dhclient"),
        Listener("udp", 546, "fe80::1", "networkd"),
        Listener("udp", 3478, "*"),
        Listener("udp", 5349, "*"),
        Listener("udp", 51820, "*"),
    )
    assert [str(it) for it in found.listeners[1:3]] == ["tcp 443", "tcp 8080 (my ?[2J program)"]
    assert found.addresses == ("192.0.2.41", "2001:db8::41")
    # A name of a table would load its module.
    assert "iptables-save " in shell.calls
