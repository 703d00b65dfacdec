"""What a hub should be: the host through which people come into the VPN."""

# None: a hub needs only what every host in the VPN gets (vpn.py).
packages: list[str] = []

# How often a person's machine sends something to the hub; 0 for never. Most of these machines are
# behind NAT, and NAT forgets a connection that is silent.
keepalive_seconds = 25
