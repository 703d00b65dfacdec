"""The stand-in packages: what each stands for, and from where that is known.

The files of a package lie below packages/NAME/tree, with scripts beside them: preinst, postinst.
Paths in `known_from` are of github.com/bigbluebutton/bigbluebutton, below build/packages-template,
unless they say otherwise.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """A release of BigBlueButton, in a repository directory of its own.

    number: as /etc/bigbluebutton/bigbluebutton-release has it
    build: the last part of the versions of packages, which do not have the release's number
    """

    number: str
    directory: str
    codename: str
    build: int

    @property
    def line(self) -> str:
        return ".".join(self.number.split(".")[:2])

    @property
    def suite(self) -> str:
        return f"bigbluebutton-{self.codename}"


RELEASES = (
    Release("3.0.34", "jammy-300-3.0.34", "jammy", 47),
    Release("3.0.35", "jammy-300-3.0.35", "jammy", 48),
    Release("4.0.0", "noble-400-4.0.0", "noble", 3),
)
# The directory of a line leads to its newest release.
NEWEST = {"jammy-300": "jammy-300-3.0.35", "noble-400": "noble-400-4.0.0"}


@dataclass(frozen=True)
class Unit:
    """A service. tcp, udp: the ports of 127.0.0.1, or of all addresses if `public`.

    reads: files without which the service ends at once, as its own settings file
    path: where the program that plays the service lies on a host
    """

    name: str
    tcp: tuple[int, ...] = ()
    udp: tuple[int, ...] = ()
    public: bool = False
    user: str = "bigbluebutton"
    reads: tuple[str, ...] = ()
    wants: tuple[str, ...] = ("redis-server.service",)
    path: str = ""


@dataclass(frozen=True)
class Package:
    """A package. depends: of Debian and of these; lines: of BigBlueButton

    steady: its version is the same in all releases of the line
    """

    name: str
    stands_for: str
    known_from: str
    depends: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()
    lines: tuple[str, ...] = ("3.0", "4.0")
    steady: bool = False

    def version(self, release: Release) -> str:
        """Such as 1:3.0-48."""
        first = min(each.build for each in RELEASES if each.line == release.line)
        return f"1:{release.line}-{first if self.steady else release.build}"


def of_release(release: Release) -> list[Package]:
    return [each for each in PACKAGES if release.line in each.lines]


SFU = "/usr/local/bigbluebutton/bbb-webrtc-sfu/config/default.yml"
PACKAGES = (
    Package(
        "bbb-freeswitch-core",
        "FreeSWITCH: ports, settings without an override, files that go through /tmp",
        "bbb-freeswitch-core/{before,after}-install.sh; #9111, #10258, #15393",
        ("bbb-freeswitch-sounds", "xmlstarlet"),
        units=(
            Unit("freeswitch", (8021, 5066, 7443), user="freeswitch", wants=(), reads=(
                "/opt/freeswitch/etc/freeswitch/vars.xml",
            ), path="/opt/freeswitch/bin/freeswitch"),
        ),
    ),
    Package("bbb-freeswitch-sounds", "sounds: nothing but a name", "bigbluebutton/build.sh",
            steady=True),
    Package(
        "bbb-fsesl-akka", "what talks to FreeSWITCH's event socket", "bbb-fsesl-akka/build.sh",
        units=(Unit("bbb-fsesl-akka", reads=("/etc/bigbluebutton/bbb-fsesl-akka.conf",)),),
    ),
    Package(
        "bbb-apps-akka", "the meetings' logic; knows the API secret", "bbb-apps-akka/build.sh",
        units=(Unit("bbb-apps-akka", (8901,), reads=("/etc/bigbluebutton/bbb-apps-akka.conf",)),),
    ),
    Package(
        "bbb-graphql-server",
        "Hasura and its database, which each configure drops; the wait without a limit",
        "bbb-graphql-server/after-install.sh",
        ("postgresql", "openssl"),
        units=(Unit("bbb-graphql-server", (8085,), wants=("postgresql.service",)),),
    ),
    Package(
        "bbb-graphql-middleware", "what clients' GraphQL goes through",
        "bbb-graphql-middleware", units=(Unit("bbb-graphql-middleware", (8378,)),),
    ),
    Package(
        "bbb-graphql-actions", "what clients' GraphQL changes", "bbb-graphql-actions",
        ("nodejs (>= 22)",), units=(Unit("bbb-graphql-actions", (8093,)),),
    ),
    Package(
        "bbb-web", "the API: a new salt and http URL at each configure, a copy of the old in /tmp",
        "bbb-web/{before,after}-install.sh",
        ("openssl", "python3", "bbb-graphql-server"),
        units=(Unit("bbb-web", path="/usr/share/bbb-web/standin.py", reads=(
            "/usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties",
        )),),
    ),
    Package(
        "bbb-html5", "the client's files; nginx's site, whose server_name each configure sets",
        "bbb-html5/after-install.sh; bigbluebutton-html5's private/config/settings.yml",
        ("nginx", "bbb-web"),
    ),
    Package(
        "bbb-webrtc-sfu", "the media's router: settings made anew from the package's example",
        "bbb-webrtc-sfu/after-install.sh", ("nodejs (>= 22)",),
        units=(Unit("bbb-webrtc-sfu", (3008,), reads=(SFU,)),),
    ),
    Package(
        "bbb-webrtc-recorder", "the media's recorder", "bbb-webrtc-recorder/after-install.sh",
        units=(Unit("bbb-webrtc-recorder"),),
    ),
    Package(
        "bbb-etherpad", "shared notes of 3.0; runs without bbb-config's help",
        "bbb-etherpad/etherpad.service", ("nodejs (>= 22)",), lines=("3.0",),
        units=(Unit("etherpad", (9001,), user="etherpad"),),
    ),
    Package(
        "bbb-pads", "etherpad's door", "bbb-pads/build.sh", ("bbb-etherpad",), lines=("3.0",),
        units=(Unit("bbb-pads", (9002,)),),
    ),
    Package(
        "bbb-shared-notes-server", "shared notes by BlockNote; a choice in 3.0, all of 4.0",
        "bbb-shared-notes-server/after-install.sh", ("nodejs (>= 22)",),
        units=(Unit("bbb-shared-notes-server", (3020,)),),
    ),
    Package(
        "bbb-export-annotations", "writes whiteboards to files", "bbb-export-annotations",
        ("nodejs (>= 22)",), units=(Unit("bbb-export-annotations"),),
    ),
    Package(
        "bbb-file-upload", "uploads of 4.0", "bbb-file-upload/bbb-file-upload.service",
        lines=("4.0",), units=(Unit("bbb-file-upload", (3010,)),),
    ),
    Package(
        "bbb-record-core", "recording and its three units; chown -R of all recordings",
        "#20184, #20544; bbb-conf's list of units",
        units=tuple(
            Unit(f"bbb-rap-{part}") for part in ("resque-worker", "starter", "caption-inbox")
        ),
    ),
    Package("bbb-playback", "the player of recordings", "bbb-playback", steady=True),
    Package(
        "bbb-playback-presentation", "the format presentation; chown -R of all recordings",
        "#20544", ("bbb-playback", "bbb-record-core"),
    ),
    *(
        Package(
            f"bbb-playback-{name}",
            f"the format {name}; no other package pulls it",
            "docs, Installing additional recording processing formats",
            ("bbb-record-core",),
        )
        for name in ("video", "notes", "podcast", "screenshare")
    ),
    Package(
        "bbb-learning-dashboard", "files for teachers; chown -R of all recordings", "#20544",
    ),
    Package(
        "bbb-webhooks", "events for others; knows the API secret; no other package pulls it",
        "bigbluebutton-config/bin/bbb-conf", ("nodejs (>= 22)",),
        units=(Unit("bbb-webhooks", (3005,)),),
    ),
    Package(
        "livekit-server", "LiveKit's program, which makes keys", "bbb-livekit/after-install.sh",
        ("openssl",),
    ),
    Package(
        "bbb-livekit", "LiveKit: its keys go to two other packages' files",
        "bbb-livekit/after-install.sh", ("livekit-server", "bbb-webrtc-sfu", "bbb-webrtc-recorder"),
        units=(
            Unit("livekit-server", (7880,), public=True),
            Unit("livekit-sip"),
        ),
    ),
    Package(
        "bbb-coturn", "coturn of 4.0: not started by a first install, restarted by an upgrade",
        "bbb-coturn/after-install.sh", conflicts=("coturn",), provides=("coturn",), lines=("4.0",),
        units=(Unit("coturn", (3478,), (3478,), public=True, user="turnserver",
                    wants=(), reads=("/etc/turnserver.conf",)),),
    ),
    Package(
        "bbb-yq-go", "yq in Go, of 4.0: tells its version, and nothing else",
        "bbb-config/opts-noble.sh", lines=("4.0",),
    ),
    Package(
        "bbb-config",
        "bbb-conf, the target, apply-lib.sh, and what its postinst edits of others' files",
        "bbb-config/{build,after-install}.sh; bigbluebutton-config/bin/bbb-conf; #21687",
        ("nginx", "redis-server", "postgresql", "openssl", "curl", "python3", "netcat-openbsd",
         "stun-client", "bbb-playback-presentation", "bbb-html5", "bbb-playback",
         "bbb-freeswitch-core", "bbb-fsesl-akka", "bbb-apps-akka", "bbb-web"),
    ),
    Package(
        "bigbluebutton", "the package that pulls all others", "bigbluebutton/build.sh",
        ("bbb-config", "bbb-record-core", "bbb-webrtc-sfu", "bbb-webrtc-recorder",
         "bbb-graphql-middleware", "bbb-graphql-actions", "bbb-export-annotations",
         "bbb-learning-dashboard"),
    ),
)  # fmt: skip
# What only one line's package depends on, or conflicts with.
LINE_DEPENDS = {
    ("bbb-config", "3.0"): ("yq (>= 4)",),
    ("bbb-config", "4.0"): ("bbb-yq-go",),
    ("bigbluebutton", "3.0"): ("bbb-etherpad", "bbb-pads"),
    ("bigbluebutton", "4.0"): ("bbb-livekit", "bbb-shared-notes-server", "bbb-file-upload"),
}
LINE_CONFLICTS = {
    ("bbb-config", "4.0"): ("bbb-etherpad", "bbb-pads"),
    ("bigbluebutton", "4.0"): ("bbb-etherpad", "bbb-pads"),
}
