"""Ends what people run on a host, except the session of the run itself."""

# First each session in the user's slice ends as a whole, with what sudo started in it as root. A
# process that forks meanwhile does not escape: cgroup.kill in the kernel's admin-guide/cgroup-v2.
# Then end_all ends the user's processes outside of these sessions.
END_SESSIONS = """\
own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
login=${SUDO_UID:-0}
end_sessions() {
  for group in /sys/fs/cgroup/user.slice/user-$1.slice/*/; do
    if [ "$group" != "$own/" ]; then
      # It may be gone by now.
      { echo 1 > "${group}cgroup.kill"; } 2> /dev/null || true
    fi
  done
}
end_all() {
  end_sessions "$1"
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    left=
    for process in $(pgrep -u "$1"); do
      group=$(sed -n 's/^0:://p' "/proc/$process/cgroup" 2> /dev/null) || continue
      if [ "$1" != "$login" ] || [ "/sys/fs/cgroup$group" != "$own" ]; then
        kill -KILL "$process" 2> /dev/null || true
        left=yes
      fi
    done
    [ -n "$left" ] || return 0
    sleep 0.1
  done
  echo "processes of uid $1 do not end: $(pgrep -u "$1" | tr '\\n' ' ')" >&2
  return 1
}
"""
