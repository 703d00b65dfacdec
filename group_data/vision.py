"""What a host of the vision board should be: nginx and PHP, and how large an upload may be."""

# php-fpm is the PHP of the host's release of Debian: fleet/releases.py.
packages = ["nginx-light", "php-fpm", "git", "ca-certificates", "curl"]

# How large a request nginx and PHP accept, and how many files a request may have.
upload_max = "100M"
upload_limit_files = 20

# How much memory PHP may use for one request. An upload goes to a file and does not count.
memory_limit = "128M"
