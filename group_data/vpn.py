"""What every host in the VPN should be: its WireGuard interface."""

packages = ["wireguard-tools", "nftables"]
interface = "wg0"

# UDP, on every host: the servers reach each other over their public addresses.
port = 51820

# The servers' addresses. Those of people are in prefixes of the hub that they come through, which
# the hub's own record has.
servers = ["10.66.0.0/24", "fd66::/64"]
