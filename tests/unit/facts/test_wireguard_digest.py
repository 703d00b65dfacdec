"""A host's WireGuard by digests, which are equal exactly if what they stand for is equal."""

from pathlib import Path

import pytest

import facts.wireguard
from engine.fact import END
from facts.wireguard import WireGuard
from facts.wireguard_digest import DigestState, WireGuardDigest, digest
from tests.unit.host_here import ask, sh
from tests.unit.operation_harness import Shell
from tests.unit.wireguard_samples import HUB, IP, OPERATOR, PRESHARED, PRIVATE, WG, host

CONFIG = f"[Interface]\nPrivateKey = {PRIVATE}\n[Peer]\nPresharedKey = {PRESHARED}\n"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A host where wg0 is up and has a key and a file."""
    directory = tmp_path / "wireguard"
    directory.mkdir()
    monkeypatch.setattr(facts.wireguard, "DIRECTORY", str(directory))
    (directory / "wg0.key").write_text(PRIVATE)
    (directory / "wg0.conf").write_text(CONFIG)
    shell = Shell(tmp_path)
    host(shell, tmp_path / "state")
    return shell


def change(shell: Shell, text: str, by: str) -> None:
    """From now on wg and ip tell `by` in the place of this text."""
    assert text in WG + IP
    wg, ip = WG.replace(text, by), IP.replace(text, by)
    shell.stand_in("wg", f"STATE={shell.log.parent}/state\n{wg}")
    shell.stand_in("ip", ip)


def test_a_host_tells_the_digests_of_what_it_would_tell_as_a_whole(shell: Shell) -> None:
    seen = ask(WireGuardDigest, "wg0", shell=shell)
    assert seen == digest(ask(WireGuard, "wg0", shell=shell))
    assert seen.live and seen.config and seen.public_key
    assert seen.unknown == {OPERATOR}


def test_so_does_one_where_it_is_down_or_not_there(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "state/up").unlink()
    seen = ask(WireGuardDigest, "wg0", shell=shell)
    assert seen == digest(ask(WireGuard, "wg0", shell=shell)) and seen.live is None
    for file in (tmp_path / "wireguard").iterdir():
        file.unlink()
    assert ask(WireGuardDigest, "wg0", shell=shell) == DigestState()


def test_the_order_of_peers_prefixes_and_routes_is_of_no_matter(shell: Shell) -> None:
    before = ask(WireGuardDigest, "wg0", shell=shell)
    change(shell, "10.66.0.31/32 fd66::31/128", "fd66::31/128 10.66.0.31/32")
    assert ask(WireGuardDigest, "wg0", shell=shell) == before
    change(shell, f"{HUB}\\toff\\n{OPERATOR}\\t25\\n", f"{OPERATOR}\\t25\\n{HUB}\\toff\\n")
    assert ask(WireGuardDigest, "wg0", shell=shell) == before
    change(
        shell,
        "echo '10.66.0.31 scope link'; echo '10.66.1.0/24 scope link'",
        "echo '10.66.1.0/24 scope link'; echo '10.66.0.31 scope link'",
    )
    assert ask(WireGuardDigest, "wg0", shell=shell) == before


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ('"show wg0 public-key") echo h', '"show wg0 public-key") echo x'),
        ("echo 51820", "echo 51821"),
        (" fd66::31/128\\n", " fd66::32/128\\n"),
        (" fd66::31/128\\n", "\\n"),
        (f"31/128\\n{OPERATOR}\\t(none)", f"31/128\\n{OPERATOR}\\tfd66::9/128"),
        (f"{OPERATOR}\\t25", f"{OPERATOR}\\t26"),
        (f"{OPERATOR}\\t25", f"{OPERATOR}\\toff"),
        (PRESHARED, f"x{PRESHARED[1:]}"),
        (PRESHARED, "(none)"),
        ("fd66::22/128 scope", "fd66::23/128 scope"),
        ("echo '10.66.1.0/24 scope link'", "true"),
        ("fd66::31 metric", "fd66::30/127 metric"),
        ("fd66::31 metric", "default metric"),
    ],
)
def test_whatever_is_in_force_counts(shell: Shell, text: str, by: str) -> None:
    before = ask(WireGuardDigest, "wg0", shell=shell)
    change(shell, text, by)
    seen = ask(WireGuardDigest, "wg0", shell=shell)
    assert seen.live != before.live
    assert seen == digest(ask(WireGuard, "wg0", shell=shell))


def test_where_a_peer_is_does_not_count_but_whether_that_is_known(shell: Shell) -> None:
    before = ask(WireGuardDigest, "wg0", shell=shell)
    change(shell, "192.0.2.31:51820", "[2001:db8::7]:1024")
    assert ask(WireGuardDigest, "wg0", shell=shell) == before
    change(shell, "192.0.2.31:51820", "(none)")
    assert ask(WireGuardDigest, "wg0", shell=shell).unknown == {HUB, OPERATOR}


@pytest.mark.parametrize(
    "config",
    [CONFIG.replace(PRESHARED, f"x{PRESHARED[1:]}"), CONFIG + "\n", CONFIG + "## a note\n"],
)
def test_each_byte_of_the_file_counts_and_its_rights(
    shell: Shell, tmp_path: Path, config: str
) -> None:
    before = ask(WireGuardDigest, "wg0", shell=shell)
    file = tmp_path / "wireguard/wg0.conf"
    file.write_text(config)
    seen = ask(WireGuardDigest, "wg0", shell=shell)
    assert (seen.config != before.config, seen.live) == (True, before.live)
    assert seen == digest(ask(WireGuard, "wg0", shell=shell))
    file.chmod(0o640)
    assert ask(WireGuardDigest, "wg0", shell=shell).rights != seen.rights


def test_all_of_it_is_a_few_lines_and_no_secret(shell: Shell) -> None:
    answer = sh(WireGuardDigest().command("wg0"), shell=shell)
    assert PRIVATE not in answer.stdout and PRESHARED not in answer.stdout
    assert len(answer.stdout) < 500


@pytest.mark.parametrize(("ipv4", "ipv6", "forwards"), [("1", "1", True), ("1", "0", False)])
def test_it_forwards_if_it_does_for_both(ipv4: str, ipv6: str, forwards: bool) -> None:
    answer = ["##forwarding", ipv4, ipv6, END]
    assert WireGuardDigest().process(answer).forwards is forwards
