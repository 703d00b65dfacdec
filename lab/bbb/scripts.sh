#!/bin/bash -e
# @NAME@ is a stand-in of coop-infra's lab for @STANDS_FOR@.
# Known from: @KNOWN_FROM@
IP=$(ip -4 -br address show scope global | awk '{sub("/.*", "", $3); print $3; exit}')

# Makes a system account unless there is one of that name.
account() {
  getent group "$1" > /dev/null || groupadd --system "$1"
  id "$1" > /dev/null 2>&1 || useradd --system --gid "$1" --home-dir "$2" --shell /bin/bash "$1"
}
random() { openssl rand -base64 32 | tr -d '=+/\n'; }
livekit_key() { sed -n 's/^  api_key: //p' /etc/bigbluebutton/livekit.yaml; }
livekit_secret() { sed -n "s/^  $(livekit_key): //p" /etc/bigbluebutton/livekit.yaml; }
own_recordings() { chown -R bigbluebutton:bigbluebutton /var/bigbluebutton; }
reload_nginx() { systemctl -q is-active nginx && systemctl reload nginx || true; }
# Starts or restarts the daemons of the package: an upgrade cuts whoever they serve. systemd reads
# all units once for a package, as that takes a busy machine seconds.
start() {
  systemctl --quiet --no-reload enable "${@/%/.service}"
  systemctl daemon-reload
  systemctl restart "${@/%/.service}" || echo "$* could not be registered or started"
}
# What a plain removal of Etherpad leaves: after 4.0's bbb-config no pad and no account is there.
remove_etherpad() {
  rm -rf /etc/systemd/system/*.wants/{etherpad,bbb-pads}.service /usr/share/etherpad-lite \
    /usr/local/bigbluebutton/bbb-pads /etc/bigbluebutton/{bbb-pads,etherpad}.json
  ! id etherpad > /dev/null 2>&1 || userdel etherpad
  for pattern in 'pad:*' 'sessionstorage:*' 'globalAuthor:*'; do
    redis-cli --scan --pattern "$pattern" | xargs -r redis-cli del > /dev/null || true
  done
}
# The lab's switch: a file with `fail` or `hang`.
switch=/etc/bbb-standin/@NAME@.@SCRIPT@
if [ -f $switch ]; then
  case $(cat $switch) in
    fail) echo "$switch: fail" >&2; exit 1 ;;
    hang) echo "$switch: hang" >&2; while :; do sleep 3600; done ;;
  esac
fi
case "$1" in
  @RUNS_AT@) ;;
  *) exit 0 ;;
esac
