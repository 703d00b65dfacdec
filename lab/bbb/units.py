"""The units of the stand-in packages: PartOf and WantedBy bigbluebutton.target, as upstream's."""

from lab.bbb.catalogue import Package, Unit

TEXT = """\
[Unit]
Description={name} (stand-in)
Wants={wants}
After=network.target {wants}
PartOf=bigbluebutton.target

[Service]
User={user}
Group={user}
ExecStart=/usr/bin/python3 -I /{program} {words}
Restart=always
RestartSec=2
TimeoutStopSec=5

[Install]
WantedBy=multi-user.target bigbluebutton.target
"""
# Known from bbb-coturn/after-install.sh: whoever configures coturn enables it. It is not the
# target's, so that `bbb-conf --restart` leaves relayed media alone.
NOT_OF_THE_TARGET = ("coturn",)


def program(package: Package, unit: Unit) -> str:
    """Where the unit's program lies, from the root without the slash."""
    return unit.path.lstrip("/") or f"usr/share/{package.name}/standin-daemon"


def text(package: Package, unit: Unit) -> tuple[str, str]:
    """The unit's file, from the root without the slash, and its text."""
    words = [unit.name]
    if unit.public:
        words += ["--address", "0.0.0.0"]
    for option, values in (("--tcp", unit.tcp), ("--udp", unit.udp), ("--reads", unit.reads)):
        if values:
            words += [option, *map(str, values)]
    if package.name == "bbb-web":
        # The daemon of the API reads and listens by itself.
        words = []
    written = TEXT.format(
        name=unit.name,
        wants=" ".join(unit.wants),
        user=unit.user,
        program=program(package, unit),
        words=" ".join(words),
    )
    if unit.name in NOT_OF_THE_TARGET:
        written = written.replace("PartOf=bigbluebutton.target\n", "")
        written = written.replace(" bigbluebutton.target", "")
    return f"usr/lib/systemd/system/{unit.name}.service", written
