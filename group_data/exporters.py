"""What every host in the VPN shows of itself."""

packages = ["prometheus-node-exporter"]

# TCP, for the servers in the VPN alone.
port = 9100
