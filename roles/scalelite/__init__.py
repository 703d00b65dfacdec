"""Scalelite: containers by digest, with PostgreSQL and Redis from Debian. docs/scalelite.md

All of it listens at 127.0.0.1, but for nginx. The containers have the host's network, so that
Docker makes no rules of the firewall and publishes no port past it.
"""

import hashlib
import hmac
import json
from urllib.parse import urlsplit

from pyinfra.api import deploy

from controller.audit import Finding, Look
from controller.this_run import secrets, this_fleet, this_host
from engine.several import Asked
from facts.scalelite import WELL, Scalelites, ScaleliteState
from facts.systemd import Units, UnitsState
from fleet.secret_kinds.bbb import BALANCER, SCALELITE
from operations import files, health, systemd
from roles import certificates
from roles.places import program, unit_file
from roles.templates import render

COMMAND = "/usr/local/sbin/coop-scalelite"
HEALTH = "/usr/local/sbin/coop-scalelite-health"
ENV = "/etc/coop-infra/scalelite.env"
DOCKER = "/etc/docker/daemon.json"
REDIS = "/etc/redis/coop-infra.conf"
NGINX_SITE = "/etc/nginx/sites-enabled/scalelite"
REDIS_DROP_IN = unit_file("redis-server.service.d/coop-infra.conf")
# The role and the database of PostgreSQL.
ACCOUNT = "scalelite"
PORT = 3000
PREPARE, API, POLLER = (f"coop-scalelite-{it}.service" for it in ("prepare", "api", "poller"))
# bin/start and bin/start-poller are Scalelite's own: one image has both.
PROGRAMS = {"api": "bin/start", "poller": "bin/start-poller"}
# --log-driver none: what a container prints is in the journal of its unit already.
OPTIONS = (
    f"--pull never --network host --env-file {ENV} --log-driver none"
    " --cap-drop ALL --security-opt no-new-privileges"
)
# In debug the poller says in each round that it polls, also without a node. The API would write who
# joins which meeting.
LEVELS = {"api": "info", "poller": "debug"}
# A poller that says nothing for so many of its rounds does not poll.
ROUNDS = 5


@deploy("Scalelite, before its packages")
def restrain() -> None:
    """Docker starts with its package, and would make rules of the firewall."""
    wanted = {"bridge": "none", "iptables": False, "ip6tables": False, "live-restore": True}
    entry = files.File(DOCKER, json.dumps(wanted, indent=2) + "\n")
    files.present(name="Docker's settings", entries=[entry])


@deploy("Scalelite")
def converge() -> None:
    files.present(name="Files", entries=_files())
    systemd.running(name="Services", units=_units())


@deploy("Scalelite works")
def check() -> None:
    """Call this once the certificate is in force."""
    # The first start loads the database's schema.
    health.healthy(name="Health", command=HEALTH, seconds=180)


def audit() -> Look | None:
    """Whether Scalelite runs, its database answers, and it polls its nodes."""
    if this_host().scalelite is None:
        return None
    asked: list[Asked] = [
        (Units, {"units": [it.name for it in _units()], "files": []}),
        (Scalelites, {"program": f"{COMMAND} look"}),
    ]
    return Look("scalelite", asked, _judge)


def _judge(units: UnitsState, now: ScaleliteState) -> Finding:
    at_most = ROUNDS * this_fleet().bbb.poll
    drift = [f"{it} does not run" for it in units.down(it.name for it in _units())]
    if now.api != WELL:
        drift.append(f"Scalelite's API is not well: {now.api}")
    if now.quiet is None or now.quiet > at_most:
        drift.append(f"Scalelite's poller has said nothing for {at_most:.0f} s or more")
    return Finding({"api": now.api == WELL, "poller_quiet": now.quiet}, drift=drift)


def _units() -> list[systemd.Unit]:
    containers = [
        systemd.Unit(unit, restart_on=(unit_file(unit), ENV, REDIS)) for unit in (API, POLLER)
    ]
    return [
        systemd.Unit("postgresql.service"),
        systemd.Unit("redis-server.service", restart_on=(REDIS, REDIS_DROP_IN)),
        systemd.Unit("docker.service", restart_on=(DOCKER,)),
        systemd.Unit(PREPARE, enabled=False, restart_on=(unit_file(PREPARE), ENV, COMMAND)),
        *containers,
        systemd.Unit(
            "nginx.service",
            reload_on=(NGINX_SITE, certificates.CHALLENGE, certificates.TLS),
        ),
    ]


def _files() -> list[files.Entry]:
    return [
        program(COMMAND, "scalelite.py"),
        files.File(HEALTH, render(__file__, "health.sh.j2", command=COMMAND), 0o755),
        files.File(ENV, _env(), 0o600, secret=True),
        files.File(
            REDIS,
            render(__file__, "redis.conf.j2", password=_derived("redis")),
            0o640,
            group="redis",
            secret=True,
        ),
        files.File(REDIS_DROP_IN, render(__file__, "redis.service.j2", settings=REDIS)),
        files.File(NGINX_SITE, _site()),
        # Debian's own page would be the default of port 80 too.
        files.Absent("/etc/nginx/sites-enabled/default"),
        _unit(PREPARE, "coop-scalelite-prepare.service.j2", command=COMMAND),
        *(
            _unit(
                f"coop-scalelite-{what}.service",
                "container.service.j2",
                what=what,
                level=LEVELS[what],
                program=it,
            )
            for what, it in PROGRAMS.items()
        ),
    ]


def _unit(name: str, template: str, **values: str) -> files.File:
    image = this_fleet().scalelite.by_digest
    return files.File(
        unit_file(name), render(__file__, template, image=image, options=OPTIONS, **values)
    )


def _site() -> str:
    return render(
        __file__,
        "nginx.conf.j2",
        hostname=hostname(),
        port=PORT,
        challenge=certificates.CHALLENGE,
        tls=certificates.TLS,
        hsts=this_fleet().certificates.hsts,
    )


def _env() -> str:
    fleet = this_fleet()
    return render(
        __file__,
        "scalelite.env.j2",
        hostname=hostname(),
        key_base=_derived("rails"),
        secret=_needed(BALANCER.of(_balancer())),
        account=ACCOUNT,
        database_password=_derived("postgresql"),
        redis_password=_derived("redis"),
        port=PORT,
        poll=round(fleet.bbb.poll),
        unhealthy_polls=fleet.scalelite.unhealthy_polls,
    )


def hostname() -> str:
    """The name at which front-ends and operators reach the host's Scalelite."""
    return urlsplit(this_fleet().bbb.balancers[_balancer()].url).hostname or ""


def _balancer() -> str:
    its = this_host().scalelite
    assert its is not None
    return its.balancer


def _derived(what: str) -> str:
    """A secret of its own for each purpose: 64 hexadecimal digits."""
    key = _needed(SCALELITE.of(this_host().name))
    return hmac.new(key.encode(), f"scalelite {what}".encode(), hashlib.sha256).hexdigest()


def _needed(variable: str) -> str:
    # A dry run only warns of what is not set.
    return secrets().get(variable) or "0" * 64
