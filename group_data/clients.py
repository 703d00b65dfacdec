"""What every host with a volume should be: where the storage appears on it."""

# fuse3: gocryptfs cannot mount without it, and its package does not ask for it.
packages = ["nfs-common", "gocryptfs", "fuse3"]

# Where services find their data, encrypted or not.
mountpoint = "/media/storage"

# Where an encrypted volume's files lie as they come from the server. Beside the mountpoint and not
# above it, so that neither mount hides the other.
ciphertext = "/media/ciphertext"

# How long after a failed attempt the mount is tried again.
retry_seconds = 15
