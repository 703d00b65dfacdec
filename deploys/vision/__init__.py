"""The vision board: two PHP pages from a pinned commit, whose uploads lie on the storage."""

from pyinfra.api import deploy

from deploys import clients
from deploys.data import fleet, this_host
from deploys.templates import render
from fleet.hosts import Site
from operations import accounts, files, git, health, systemd

USER = "vision"
SOCKET = "/run/php/vision.sock"
HEALTH = "/usr/local/sbin/vision-health"
NGINX_SITE = "/etc/nginx/sites-enabled/vision"


@deploy("Vision board")
def converge() -> None:
    volume = this_host().volume
    assert volume is not None
    # The owner of the volume: the export makes every file this user's, whoever writes it.
    accounts.service_user(name="User", user=USER, uid=volume.uid)
    git.checkout(
        name="Pages",
        path=_root(),
        repository=_site().repository,
        commit=_site().commit,
        _timeout=clients.STALLED,
    )
    files.present(name="Files", entries=_configuration())
    # Apart from the rest: of a storage that does not answer nothing is known.
    files.present(name="Uploads", entries=_uploads(), _timeout=clients.STALLED)
    systemd.running(name="Services", units=_units())
    health.healthy(name="Health", command=HEALTH)


def services() -> list[str]:
    """The units that need the storage."""
    return [_fpm(), "nginx.service"]


def _site() -> Site:
    site = this_host().site
    assert site is not None
    return site


def _root() -> str:
    return f"/var/www/{_site().name}"


def _uploads_path() -> str:
    return f"{fleet().clients.mountpoint}/persistent_{_site().name}"


def _fpm() -> str:
    return f"php{fleet().vision.php}-fpm.service"


def _pool() -> str:
    return f"/etc/php/{fleet().vision.php}/fpm/pool.d"


def _uploads() -> list[files.Entry]:
    uploads = _uploads_path()
    return [
        files.Directory(uploads, owner=USER, group=USER),
        # The index page is a fatal error until there is a first file.
        files.File(
            f"{uploads}/00000000-000000.txt",
            "The first vision is still to come.\n",
            owner=USER,
            group=USER,
        ),
    ]


def _configuration() -> list[files.Entry]:
    values = {
        "site": _site(),
        "vision": fleet().vision,
        "user": USER,
        "socket": SOCKET,
        "root": _root(),
        "uploads": _uploads_path(),
        "mountpoint": fleet().clients.mountpoint,
    }
    return [
        files.File(NGINX_SITE, render(__file__, "nginx.conf.j2", **values)),
        files.Absent("/etc/nginx/sites-enabled/default"),
        files.File(f"{_pool()}/vision.conf", render(__file__, "pool.conf.j2", **values)),
        files.Absent(f"{_pool()}/www.conf"),
        files.File(HEALTH, render(__file__, "health.sh.j2", **values), mode=0o755),
        files.Link(f"{_root()}/files", _uploads_path()),
        *(clients.service_file(service) for service in services()),
    ]


def _units() -> list[systemd.Unit]:
    fpm, nginx = services()
    pool = f"{_pool()}/vision.conf"
    return [
        systemd.Unit(fpm, restart_on=(clients.drop_in_path(fpm), pool)),
        systemd.Unit(nginx, restart_on=(clients.drop_in_path(nginx),), reload_on=(NGINX_SITE,)),
    ]
