"""The systems that a host may have, Debian's and Ubuntu's releases, and what differs between them.

Nothing else asks for a host's release: whoever needs a difference adds a field here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """A release of Debian or Ubuntu.

    system: ID and VERSION_ID as in os-release(5), such as "debian 12"
    php: the version of its PHP, a part of the names of units, programs and directories
    zfs: the version of its OpenZFS, major and minor
    decrypts: whether its gocryptfs is one that the project's volumes are known to work with
    """

    system: str
    php: str
    zfs: tuple[int, int]
    decrypts: bool = True

    @property
    def zfs_features(self) -> str:
        """The features of pools that its OpenZFS knows: zpool-features(7).

        It is the name of a list in /usr/share/zfs/compatibility.d, e.g. "openzfs-2.1-linux".
        """
        return f"openzfs-{self.zfs[0]}.{self.zfs[1]}-linux"

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
DEBIAN = {
    12: Release("debian 12", php="8.2", zfs=(2, 1)),
    13: Release("debian 13", php="8.4", zfs=(2, 3)),
}

# https://packages.ubuntu.com/jammy/ and so on: php-fpm, zfs-dkms. All packages that a host gets
# without a role have the same names there. Only hosts with the role bbb have Ubuntu.
UBUNTU = {
    "20.04": Release("ubuntu 20.04", php="7.4", zfs=(0, 8), decrypts=False),
    "22.04": Release("ubuntu 22.04", php="8.1", zfs=(2, 1), decrypts=False),
    "24.04": Release("ubuntu 24.04", php="8.3", zfs=(2, 2)),
}
