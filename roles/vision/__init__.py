"""The vision board: two PHP pages from a pinned commit, whose uploads lie on the storage."""

from typing import Any

from pyinfra.api import deploy

from controller.this_run import this_fleet, this_host
from fleet.groups.vision import VisionGroup
from fleet.hosts import Site
from operations import accounts, directories, files, git, health, systemd
from roles import certificates, clients
from roles.templates import render

(USER,) = VisionGroup.accounts
SOCKET = "/run/php/vision.sock"
HEALTH = "/usr/local/sbin/vision-health"
NGINX_SITE = "/etc/nginx/sites-enabled/vision"
# The name of the directory of a site's uploads begins so.
UPLOADS = "persistent_"


@deploy("Vision board, before its certificate")
def prepare() -> None:
    """Refuses another name of the site before anything of the host has that name."""
    directories.not_renamed(
        name="Uploads of before",
        path=uploads(_site()),
        start=UPLOADS,
        field="site.name",
        _timeout=clients.STALLED,
    )


@deploy("Vision board")
def converge() -> None:
    volume = this_host().volume
    assert volume is not None
    # This user owns the volume: the export gives every file to this user, whoever writes the file.
    accounts.service_user(name="User", user=USER, uid=volume.uid)
    git.checkouts(name="Pages", wanted=[pages(_site())], _timeout=clients.STALLED)
    files.present(name="Files", entries=_configuration())
    # Apart from the other files: the user owns the volume, and may move what lies in it. And a look
    # at the storage may hang, so it has a _timeout.
    files.present(name="Uploads", entries=_uploads(), by=USER, _timeout=clients.STALLED)
    systemd.running(name="Services", units=_units())


@deploy("Vision board works")
def check() -> None:
    """Call this once the certificate of the site is in force."""
    health.healthy(name="Health", command=HEALTH, _timeout=clients.STALLED)


def services() -> list[str]:
    """The units that need the storage."""
    return [this_host().release.fpm_unit, "nginx.service"]


def root(site: Site) -> str:
    """The directory of the site's pages."""
    return f"/var/www/{site.name}"


def pages(site: Site) -> git.WorkTree:
    """The site's pages as they should be."""
    return git.WorkTree(root(site), site.repository, site.commit)


def uploads(site: Site) -> str:
    """The directory of the site's uploads, on the storage."""
    return f"{this_fleet().clients.mountpoint}/{UPLOADS}{site.name}"


def configured(template: str, site: Site, user: str = USER, https: bool = True) -> str:
    """A template of this folder, rendered for the site.

    user: the account that PHP runs as
    https: whether the site is shown by HTTPS, as to visitors; else by HTTP alone, as in a drill
    """
    return render(
        __file__,
        template,
        site=site,
        vision=this_fleet().vision,
        user=user,
        socket=SOCKET,
        root=root(site),
        uploads=uploads(site),
        mountpoint=this_fleet().clients.mountpoint,
        **(_https() if https else {"https": False}),
    )


def _https() -> dict[str, Any]:
    return {
        "https": True,
        "bundle": certificates.bundle(),
        "placeholder": certificates.placeholder(),
        "challenge": certificates.CHALLENGE,
        "tls": certificates.TLS,
        "hsts": this_fleet().certificates.hsts,
    }


def _site() -> Site:
    site = this_host().site
    assert site is not None
    return site


def _uploads() -> list[files.Entry]:
    directory = uploads(_site())
    return [
        files.Directory(directory, owner=USER, group=USER),
        # Without any file the index page is a fatal error.
        files.File(
            f"{directory}/00000000-000000.txt",
            "The first vision is still to come.\n",
            owner=USER,
            group=USER,
        ),
    ]


def _configuration() -> list[files.Entry]:
    pools = this_host().release.fpm_pools
    return [
        files.File(NGINX_SITE, configured("nginx.conf.j2", _site())),
        files.Absent("/etc/nginx/sites-enabled/default"),
        files.File(f"{pools}/vision.conf", configured("pool.conf.j2", _site())),
        files.Absent(f"{pools}/www.conf"),
        files.File(HEALTH, configured("health.sh.j2", _site()), mode=0o755),
        files.Link(f"{root(_site())}/files", uploads(_site())),
        *(clients.service_file(service) for service in services()),
    ]


def _units() -> list[systemd.Unit]:
    php, nginx = services()
    pool = f"{this_host().release.fpm_pools}/vision.conf"
    read = (NGINX_SITE, certificates.CHALLENGE, certificates.TLS)
    return [
        systemd.Unit(php, restart_on=(clients.drop_in_path(php), pool)),
        systemd.Unit(nginx, restart_on=(clients.drop_in_path(nginx),), reload_on=read),
    ]
