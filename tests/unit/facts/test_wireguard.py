"""The state of a host's WireGuard, without its secrets."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

import facts.wireguard
from engine.fact import END
from facts.wireguard import NO_SECRET, Live, LivePeer, WireGuard, WireGuardState
from facts.wireguard_digest import WireGuardDigest
from tests.unit.host_here import ask, sh
from tests.unit.operation_harness import Shell
from tests.unit.wireguard_samples import HUB, OPERATOR, OWN, PRESHARED, PRIVATE, host

DIGEST = hashlib.sha256(f"{PRESHARED}\n".encode()).hexdigest()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    (tmp_path / "wireguard").mkdir()
    monkeypatch.setattr(facts.wireguard, "DIRECTORY", str(tmp_path / "wireguard"))
    return Shell(tmp_path)


def write(shell: Shell, name: str, content: str, mode: int = 0o600) -> None:
    file = Path(facts.wireguard.DIRECTORY) / name
    file.write_text(content)
    file.chmod(mode)


def test_what_is_in_force(shell: Shell, tmp_path: Path) -> None:
    host(shell, tmp_path / "state")
    assert ask(WireGuard, "wg0", shell=shell).live == Live(
        OWN,
        51820,
        {
            HUB: LivePeer(frozenset({"10.66.0.31/32", "fd66::31/128"}), "192.0.2.31:51820"),
            OPERATOR: LivePeer(keepalive=25, preshared=DIGEST),
        },
        frozenset({"10.66.0.22/32", "fd66::22/128"}),
        frozenset({"10.66.0.31/32", "10.66.1.0/24", "fd66::31/128"}),
    )


def test_the_host_s_key_is_known_by_its_public_half(shell: Shell, tmp_path: Path) -> None:
    host(shell, tmp_path / "state", up=False)
    write(shell, "wg0.key", f"{PRIVATE}\n")
    assert ask(WireGuard, "wg0", shell=shell) == WireGuardState(public_key=OWN)


def test_a_key_file_that_was_cut_off_is_no_key(shell: Shell, tmp_path: Path) -> None:
    host(shell, tmp_path / "state", up=False)
    write(shell, "wg0.key", "")
    assert ask(WireGuard, "wg0", shell=shell) == WireGuardState()


def test_the_file_is_read_without_its_secrets(shell: Shell, tmp_path: Path) -> None:
    host(shell, tmp_path / "state", up=False)
    lines = [
        "[Interface]",
        f"PrivateKey = {PRIVATE}",
        "[Peer]",
        f"PresharedKey = {PRESHARED}",
        "[Peer]",
        f"PresharedKey = {NO_SECRET}",
        "Endpoint = [2001:db8::1]:51820",
    ]
    write(shell, "wg0.conf", "\n".join(lines), mode=0o640)
    seen = ask(WireGuard, "wg0", shell=shell)
    assert seen.config.splitlines() == [
        "[Interface]",
        f"PrivateKey = (secret, {OWN})",
        "[Peer]",
        f"PresharedKey = (secret, {DIGEST})",
        "[Peer]",
        f"PresharedKey = {NO_SECRET}",
        "Endpoint = [2001:db8::1]:51820",
    ]
    assert seen.rights.endswith(" 0640")


@pytest.mark.parametrize(
    "line",
    [
        "privatekey={}",
        "PRIVATEKEY   =   {}",
        "# PrivateKey = {}",
        "PostUp = wg set %i private-key {}",
        "preSharedKey={} # of the hub",
        "#presharedkey = {}",
    ],
)
@pytest.mark.parametrize("interface", ["wg0", "wg1"])
@pytest.mark.parametrize("kind", [WireGuard, WireGuardDigest])
def test_no_spelling_lets_a_secret_out(
    shell: Shell,
    tmp_path: Path,
    line: str,
    interface: str,
    kind: type[WireGuard | WireGuardDigest],
) -> None:
    host(shell, tmp_path / "state")
    write(shell, f"{interface}.key", f"{PRIVATE}\n")
    write(shell, f"{interface}.conf", line.format(PRIVATE))
    answer = sh(kind().command(interface), shell=shell)
    assert PRIVATE not in answer.stdout + answer.stderr
    assert PRESHARED not in answer.stdout + answer.stderr
    assert PRIVATE not in "\n".join(shell.calls)


def test_a_line_that_looks_like_a_heading_of_the_answer_hides_nothing(
    shell: Shell, tmp_path: Path
) -> None:
    """Otherwise a run would not see a peer that somebody added by hand below a comment."""
    host(shell, tmp_path / "state", up=False)
    write(shell, "wg0.conf", "[Interface]\n## by hand\n[Peer]\n")
    seen = ask(WireGuard, "wg0", shell=shell)
    assert seen.config == "[Interface]\n ## by hand\n[Peer]\n"


def test_a_host_without_wireguard_has_nothing(tmp_path: Path, shell: Shell) -> None:
    command = WireGuard().command("wg0").replace("command -v wg ", "command -v no-such-program ")
    answer = sh(command, shell=shell)
    assert answer.returncode == 0
    found = WireGuard().process(answer.stdout.splitlines())
    assert replace(found, takes_ipv6=True, mtu=0) == WireGuardState()


@pytest.mark.parametrize(
    ("line", "ipv6", "mtu"), [("0\t1500", True, 1500), ("1\t1340", False, 1340), ("0\t0", True, 0)]
)
def test_what_the_interface_would_come_up_on(line: str, ipv6: bool, mtu: int) -> None:
    found = WireGuard().process([f"##link\t{line}", END])
    assert (found.takes_ipv6, found.mtu) == (ipv6, mtu)
