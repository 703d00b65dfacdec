"""A WireGuard host without its kernel module: `wg` and `ip` answer as recorded."""

from pathlib import Path

from tests.unit.operation_harness import Shell

OWN = "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ="
HUB = "rELDb80cm0s2Xj6YJ5ghF0ArzW3QLZVB0dj7zZshNlk="
OPERATOR = "195+EvSnZ1TxZSQu3VIAp/A/vCSRdJYHfYpv1BMzcBc="
PRIVATE = "cGrivateprivateprivateprivateprivateprivate0="
PRESHARED = "c2hhcmVkc2hhcmVkc2hhcmVkc2hhcmVkc2hhcmVkc2g="

WG = f"""\
case "$*" in
pubkey) cat > /dev/null; echo {OWN} ;;
"show wg0") [ -e "$STATE/up" ] ;;
"show wg0 public-key") echo {OWN} ;;
"show wg0 listen-port") echo 51820 ;;
"show wg0 endpoints") printf '{HUB}\\t192.0.2.31:51820\\n{OPERATOR}\\t(none)\\n' ;;
"show wg0 allowed-ips") printf '{HUB}\\t10.66.0.31/32 fd66::31/128\\n{OPERATOR}\\t(none)\\n' ;;
"show wg0 persistent-keepalive") printf '{HUB}\\toff\\n{OPERATOR}\\t25\\n' ;;
"show wg0 preshared-keys") printf '{HUB}\\t(none)\\n{OPERATOR}\\t{PRESHARED}\\n' ;;
*) exit 9 ;;
esac
"""

IP = """\
case "$*" in
"-o address"*)
  echo '7: wg0    inet 10.66.0.22/32 scope global wg0\\       valid_lft forever'
  echo '7: wg0    inet6 fd66::22/128 scope global \\       valid_lft forever'
  echo '7: wg0    inet6 fe80::4394:e3a8:3e84:942/64 scope link \\       valid_lft forever' ;;
"-4 route"*)
  echo '10.66.0.31 scope link'; echo '10.66.1.0/24 scope link'
  # Somebody may add such a route by hand.
  echo 'multicast 239.0.0.0/8 scope link'; printf '\\tnexthop via 10.66.0.31 weight 1\\n' ;;
"-6 route"*)
  echo 'fd66::22 proto kernel metric 256 pref medium'
  echo 'fd66::31 metric 1024 pref medium' ;;
*) exit 9 ;;
esac
"""


def host(shell: Shell, state: Path, up: bool = True) -> None:
    """Make the shell stand for a host where wg0 is up, or is not made yet."""
    state.mkdir()
    if up:
        (state / "up").touch()
    shell.stand_in("wg", f"STATE={state}\n{WG}")
    shell.stand_in("ip", IP)
