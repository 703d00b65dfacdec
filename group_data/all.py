"""What every host should be."""

# A run ends the sessions of a person who is out. With libpam-systemd each login has a session of
# its own, which ends as a whole. procps finds the processes that are left outside of sessions.
# nftables is the firewall's.
packages = ["openssh-server", "sudo", "libpam-systemd", "procps", "nftables"]
