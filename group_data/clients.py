"""What every host with a volume should be: where the storage is mounted on the host."""

# gocryptfs cannot mount without fuse3, and Debian's package gocryptfs does not ask for fuse3.
packages = ["nfs-common", "gocryptfs", "fuse3"]

# Where services find their data, in clear, whether or not the volume is encrypted.
mountpoint = "/media/storage"

# Where an encrypted volume is mounted as the server has it, as ciphertext. This has to be beside
# the mountpoint, and not above or below it, so that neither mount hides the other.
ciphertext = "/media/ciphertext"

# How many seconds after one attempt the host tries again to start what does not run: the mount, and
# the services on it.
retry_seconds = 15
