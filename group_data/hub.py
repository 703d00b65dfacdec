"""What a hub of the VPN should be, through which people come in."""

# It needs what every host in the VPN has.
packages: list[str] = []

# A person's machine is mostly behind NAT, which forgets a connection that is silent.
keepalive_seconds = 25
