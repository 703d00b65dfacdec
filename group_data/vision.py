"""What a host of the vision board should be: nginx and PHP, and how large an upload may be."""

# Debian 12's PHP. The version is part of the names of package, unit and socket, so it is declared:
# change both together.
php = "8.2"
packages = ["nginx-light", "php8.2-fpm", "git", "ca-certificates", "curl"]

# The largest request that nginx and PHP take, and how many files it may hold.
upload_max = "100M"
upload_limit_files = 20

# For one request; an upload goes to a file and does not count.
memory_limit = "128M"
