"""What a host of the vision board should be: nginx and PHP, and how large an upload may be."""

# The PHP of Debian 12. The names of the package, the unit and the directory of its configuration
# contain the version: change `php` and `packages` together.
php = "8.2"
packages = ["nginx-light", "php8.2-fpm", "git", "ca-certificates", "curl"]

# How large a request nginx and PHP accept, and how many files a request may have.
upload_max = "100M"
upload_limit_files = 20

# How much memory PHP may use for one request. An upload goes to a file and does not count.
memory_limit = "128M"
