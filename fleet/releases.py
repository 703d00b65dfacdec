"""The systems that a host may have, Debian's and Ubuntu's releases, and what differs between them.

Nothing else asks for a host's release: whoever needs a difference adds a field here.
"""

from dataclasses import dataclass

_OPENZFS_2_1 = """
allocation_classes async_destroy bookmark_v2 bookmark_written bookmarks device_rebuild
device_removal draid edonr embedded_data empty_bpobj enabled_txg encryption extensible_dataset
filesystem_limits hole_birth large_blocks large_dnode livelist log_spacemap lz4_compress
multi_vdev_crash_dump obsolete_counts project_quota redacted_datasets redaction_bookmarks
resilver_defer sha512 skein spacemap_histogram spacemap_v2 userobj_accounting zpool_checkpoint
zstd_compress
"""
_SINCE_2_1 = """
blake3 block_cloning fast_dedup head_errlog large_microzap longname raidz_expansion
redaction_list_spill vdev_zaps_v2 zilsaxattr
"""

# https://github.com/openzfs/zfs, cmd/zpool/compatibility.d/openzfs-2.1-linux and openzfs-2.3. A
# test in the lab compares them with what the packages of Debian have.
POOL_FEATURES = {
    (2, 1): frozenset(_OPENZFS_2_1.split()),
    (2, 3): frozenset(_OPENZFS_2_1.split() + _SINCE_2_1.split()),
}
"""The features of pools that an OpenZFS knows, by its version: zpool-features(7)."""


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
    def title(self) -> str:
        """Its name for a person, e.g. "Debian 12"."""
        return self.system.capitalize()

    @property
    def zfs_features(self) -> str:
        """The list of `pool_features` in /usr/share/zfs/compatibility.d, e.g. openzfs-2.1-linux."""
        return f"openzfs-{self.zfs[0]}.{self.zfs[1]}-linux"

    @property
    def pool_features(self) -> frozenset[str]:
        """The features of pools that its OpenZFS knows: zpool-features(7).

        Raises KeyError for a release of Ubuntu, on which no host has a pool.
        """
        return POOL_FEATURES[self.zfs]

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
