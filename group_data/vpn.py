"""What every host in the VPN should be: its WireGuard interface."""

packages = ["wireguard-tools"]
interface = "wg0"

# The UDP port of every host in the VPN. The servers reach each other at their public addresses.
port = 51820

# The prefixes that hold the servers' addresses. People have theirs in the prefixes of the hub that
# they come through: `vpn.people` in the hub's record.
servers = ["10.66.0.0/24", "fd66::/64"]
