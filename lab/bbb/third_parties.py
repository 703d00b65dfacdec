"""Stand-ins for the repositories of others that a BigBlueButton server takes packages from.

Known from bbb-install and from ebbba-org/ansible-role-bigbluebutton's vars. A package here has its
name, a version that is high enough, and almost nothing in it.
"""

from dataclasses import dataclass, field

DOCKER = """\
[Unit]
Description=Docker (stand-in)

[Service]
ExecStart=/usr/bin/sleep infinity

[Install]
WantedBy=multi-user.target
"""
YQ = """\
#!/bin/sh
# Stands for yq in Go. None of the stand-ins needs it.
[ "$1" = --version ] || { echo 'a stand-in: it tells its version alone' >&2; exit 1; }
echo 'yq (https://github.com/mikefarah/yq/) version v4.44.3'
"""


@dataclass(frozen=True)
class Simple:
    """A package.

    files: their texts, by path; those in a directory `bin` are programs
    unit: what the package enables and starts
    """

    name: str
    version: str
    files: dict[str, str] = field(default_factory=dict)
    depends: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Repository:
    """A repository. path: of its URL, without the scheme"""

    path: str
    suites: tuple[str, ...]
    component: str
    packages: tuple[Simple, ...] = ()


REPOSITORIES = (
    Repository(
        "deb.nodesource.com/node_22.x", ("nodistro",), "main",
        (Simple("nodejs", "22.20.0-1nodesource1"),),
    ),
    Repository(
        "download.docker.com/linux/ubuntu", ("jammy", "noble"), "stable",
        (
            Simple("docker-ce", "5:28.5.0-1", {"lib/systemd/system/docker.service": DOCKER},
                   ("docker-ce-cli", "containerd.io"), "docker.service"),
            Simple("docker-ce-cli", "5:28.5.0-1"),
            Simple("containerd.io", "1.7.28-1"),
        ),
    ),
    Repository("ppa.launchpadcontent.net/bigbluebutton/support/ubuntu", ("jammy",), "main"),
    Repository(
        "ppa.launchpadcontent.net/rmescandon/yq/ubuntu", ("jammy",), "main",
        (Simple("yq", "4.16.2", {"usr/bin/yq": YQ}),),
    ),
    Repository("ppa.launchpadcontent.net/martin-uni-mainz/coturn/ubuntu", ("jammy",), "main"),
)  # fmt: skip
