"""Configurations that are looked at as a whole, put in force by a reload, and proven by it."""

import base64
import hashlib
import io
import tarfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from shlex import quote

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import script, tell
from facts.configurations import Configuration, metrics_of, stamp
from facts.files import Paths
from operations import files

# Half a second each.
TRIES = 60


@dataclass(frozen=True)
class Daemon:
    """A program that reads its configuration at a reload.

    unit: its systemd unit
    place: the link to the directory of its configuration
    url: where it shows its own metrics, config_last_reload_success... among them
    check: the command that looks at a candidate, in the candidate's directory
    group: who reads the files, besides root
    """

    unit: str
    place: str
    url: str
    check: str
    group: str


@operation()
def checked(
    daemon: Daemon, texts: Callable[[], Mapping[str, str]], secret: Collection[str] = ()
) -> Commands:
    """The program runs on these files, by name, and on no others.

    texts: gives the files; it is asked when the operation runs, and what other hosts have told in
        this run is known by then
    secret: the names of those whose content is never shown

    The files come into a directory of their own, where `daemon.check` looks at all of them. Only a
    candidate that passes takes the place of the one before, by one rename. Then the program is
    reloaded, or started if it does not run, and has to say that it has read them: else the one
    before comes back, and the host fails. So a wrong rule never takes an alert away.

    Example::

        configurations.checked(
            name="Prometheus",
            daemon=configurations.Daemon(
                unit="prometheus.service",
                place="/etc/coop-infra/prometheus",
                url="http://10.66.0.51:9090/metrics",
                check="promtool check config prometheus.yml",
                group="prometheus",
            ),
            texts=lambda: {"prometheus.yml": "global: {}\\n"},
        )
    """
    wanted = texts()
    now = yield from ask(Configuration, place=daemon.place, url=daemon.url)
    stamps = {name: stamp(text, daemon.group) for name, text in wanted.items()}
    if now.files == stamps and now.in_force:
        host.noop("the configuration is in force")
        return
    entries = [
        files.File(f"{daemon.place}/{name}", text, 0o640, group=daemon.group, secret=name in secret)
        for name, text in wanted.items()
    ]
    secrets = [it.path for it in entries if it.secret]
    plain = [it.path for it in entries if not it.secret]
    # To show what differs. A host on which nothing does is not asked twice.
    paths = yield from ask(Paths, paths=plain, secrets=secrets)
    wrong = files.differing(entries, paths)
    extra = sorted(now.files.keys() - wanted.keys())
    for entry in wrong:
        files.explain(entry, paths.get(entry.path))
    for name in extra:
        tell(f"{daemon.place}/{name}: present -> absent")
    if not wrong and not extra:
        tell(f"{daemon.unit}: does not run on its present configuration")
    yield script(_script(daemon, wanted))


def _script(daemon: Daemon, texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()[:16]
    return _SCRIPT.format(
        place=quote(daemon.place),
        digest=digest,
        unit=quote(daemon.unit),
        group=quote(daemon.group),
        check=daemon.check,
        metrics=metrics_of(daemon.url),
        tries=TRIES,
        archive=_archive(texts),
    )


_SCRIPT = """\
place={place}
new=$place.{digest}
candidate=$place.candidate
rm -rf -- "$candidate"
mkdir -m 750 -- "$candidate"
base64 -d << 'END' | tar -x -m -f - -C "$candidate"
{archive}
END
chown -R root:{group} -- "$candidate"
(cd "$candidate" && {check}) > "$candidate.said" 2>&1 ||
  {{ tail -n 40 "$candidate.said" >&2; echo "nothing was changed" >&2; exit 1; }}
rm -f -- "$candidate.said"
find "$candidate" -type f -exec sync -- {{}} +
before=$(readlink -- "$place") || before=
rm -rf -- "$new"
mv -T -- "$candidate" "$new"
lead() {{ ln -sfn -- "$1" "$place.link"; mv -T -- "$place.link" "$place"; sync -f -- "$place"; }}
reload() {{
  if systemctl is-active -q {unit}; then systemctl reload {unit}; else systemctl start {unit}; fi
}}
proven() {{
  {metrics} | awk -v since="$1" '
    /_timestamp_seconds / {{ at = $2 }} /_successful / {{ well = $2 }}
    END {{ exit !(well == 1 && at + 0 >= since + 0) }}'
}}
begun=$(date +%s.%N)
lead "${{new##*/}}"
tries={tries}
reload || tries=0
until [ $tries -gt 0 ] && proven "$begun"; do
  tries=$((tries - 1))
  if [ $tries -le 0 ]; then
    journalctl --unit={unit} --lines=15 --output=cat --no-pager >&2 || true
    if [ -n "$before" ]; then
      lead "$before"
      reload || true
      echo "{unit} cannot use it, and goes on with the configuration before" >&2
    fi
    exit 1
  fi
  sleep 0.5
done
for each in "$place".*; do [ "$each" = "$new" ] || rm -rf -- "$each"; done"""


def _archive(texts: Mapping[str, str]) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.mode, member.size = 0o640, len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return base64.b64encode(buffer.getvalue()).decode()
