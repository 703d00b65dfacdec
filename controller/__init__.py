"""What runs on the operator's machine: inventory, connections, audit, people's VPN files."""
