"""The releases of Debian that a host may have, and what differs between them.

Nothing else asks for a host's release: whoever needs a difference adds a field here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """A release of Debian.

    number: as VERSION_ID in os-release(5) has it
    php: the version of its PHP, a part of the names of units, programs and directories
    zfs_features: the features of pools that its OpenZFS knows, by the name of the list in
        /usr/share/zfs/compatibility.d: zpool-features(7)
    """

    number: int
    php: str
    zfs_features: str

    @property
    def fpm(self) -> str:
        """The program of PHP's FastCGI process manager; its unit has the name `fpm_unit`."""
        return f"php-fpm{self.php}"

    @property
    def fpm_unit(self) -> str:
        return f"php{self.php}-fpm.service"

    @property
    def fpm_pools(self) -> str:
        """The directory of its pools."""
        return f"/etc/php/{self.php}/fpm/pool.d"


# https://packages.debian.org/bookworm/ and https://packages.debian.org/trixie/: php-fpm, zfs-dkms.
RELEASES = {
    12: Release(12, php="8.2", zfs_features="openzfs-2.1-linux"),
    13: Release(13, php="8.4", zfs_features="openzfs-2.3-linux"),
}
