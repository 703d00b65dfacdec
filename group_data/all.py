"""What every host should be."""

# With libpam-systemd a login has a session of its own, which can be ended as a whole; procps finds
# what is left beside it.
packages = ["openssh-server", "sudo", "libpam-systemd", "procps"]
