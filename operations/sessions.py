"""Ends what people run on a host, except the session of the run itself, and what would start anew.

Sources: cgroup-v2 in the kernel's admin-guide, kill(2), credentials(7), user_namespaces(7),
subuid(5), crontab(1), at(1), loginctl(1), systemd.unit(5).

Whoever is ended may do all to stay: a chain of processes that fork and exit is in no list of
processes. So no list decides who ends:

- Sessions end by control group (cgroup.kill), with what sudo started in them as root.
- What cron or at started is in their control group. There kill(-1) by a process with the account's
  own uid ends all at once: the kernel lets nobody fork meanwhile. kill(-1) also reaches the uids of
  user namespaces, which belong to their maker.
- By the uid of the run itself kill(-1) would end the run, and by a uid that a container of root's
  also uses, the container: the kernel knows the number alone. So with these uids the control groups
  of cron and at stand still while the run looks who is in them.

A list only shows afterwards whether anything is left, and has to be empty twice.
"""

TAKEN_AWAY = "/var/lib/coop-infra/taken-away"
"""Where crontabs and the jobs of at go, below the account's name."""

# Policy 9.2.2 of Debian forbids the uid 65535, so nobody has it. With it as the real uid, and root
# as the saved uid, nobody who is to end can signal the one who ends them: kill(2). perl-base is an
# essential package.
_KILL_ALL = """perl -e 'for my $uid (@ARGV) {
  $> = 0; $< = 65535; $> = $uid;
  $< == 65535 && $> == $uid && $uid > 0 && $uid != 65535 or die "cannot act as uid $uid\\n";
  kill "KILL", -1;
}'"""

END_SESSIONS = f"""\
own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
login=${{SUDO_UID:-0}}
end_sessions() {{
  for group in /sys/fs/cgroup/user.slice/user-$1.slice/*/; do
    case "$own/" in
      "$group"*) ;;
      # It may be gone by now.
      *) {{ echo 1 > "${{group}}cgroup.kill"; }} 2> /dev/null || true ;;
    esac
  done
}}
# The uids that the account of uid $1 alone may use in user namespaces, as "first last" a line. A
# range that another account shares, or in which there is an account, says nothing about a process.
ranges() {{
  name=$(getent passwd "$1" | cut -d : -f 1)
  {{ getent passwd | cut -d : -f 3; echo ranges; cat /etc/subuid 2> /dev/null; }} |
    awk -F : -v uid="$1" -v name="$name" '
      /^ranges$/ {{ ranges = 1; next }}
      !ranges {{ taken[++n] = $1; to[n] = $1; next }}
      NF != 3 || $3 < 1 {{ next }}
      $1 == uid || $1 == name {{ first[++m] = $2; last[m] = $2 + $3 - 1; next }}
      {{ taken[++n] = $2; to[n] = $2 + $3 - 1 }}
      END {{
        for (i = 1; i <= m; i++) {{
          for (j = 1; j <= n && (to[j] < first[i] || taken[j] > last[i]); j++);
          if (j > n) printf "%.0f %.0f\\n", first[i], last[i]
        }}
      }}'
}}
# Whether process $1 is in a container that root has made: only root makes a namespace for processes
# without one for users.
contained() {{
  [ "$(readlink "/proc/$1/ns/pid")" != "$(readlink /proc/self/ns/pid)" ] &&
    [ "$(readlink "/proc/$1/ns/user")" = "$(readlink /proc/self/ns/user)" ]
}}
# The processes of uid $1, as "process uid control-group" a line, with "contained" before those in
# containers, and without the run's own. A process whose first thread has ended is a zombie too, but
# has more threads.
listed() {{
  {{ ranges "$1"; cat /proc/[0-9]*/status 2> /dev/null; }} | awk -v uid="$1" '
    /^[0-9]/ {{ first[++n] = $1; last[n] = $2 }}
    $1 == "State:" {{ state = $2 }}
    $1 == "Pid:" {{ process = $2 }}
    $1 == "Uid:" {{
      found = ""
      # The real and the saved one: by these two kill(2) finds a process.
      for (i = 2; i <= 4; i += 2) {{
        if ($i == uid) found = $i
        for (j = 1; j <= n; j++) if ($i >= first[j] && $i <= last[j]) found = $i
      }}
    }}
    $1 == "Threads:" && found != "" && (state != "Z" && state != "X" || $2 > 1) {{
      print process, found
    }}' |
    while read -r process user; do
      group=$(sed -n 's/^0:://p' "/proc/$process/cgroup" 2> /dev/null) || continue
      if contained "$process"; then
        echo "contained $process"
      elif [ "$1" != "$login" ] || [ "/sys/fs/cgroup$group" != "$own" ]; then
        echo "$process $user $group"
      fi
    done
}}
running() {{
  listed "$1" | sed '/^contained/d'
}}
# Ends what runs as uid $1 in the service's control group $2, where nothing can fork meanwhile.
end_in() {{
  case "$2" in /sys/fs/cgroup/system.slice/*.service) ;; *) return 0 ;; esac
  [ -e "$2/cgroup.freeze" ] && [ "$2" != "$own" ] || return 0
  frozen=$2
  trap 'echo 0 > "$frozen/cgroup.freeze"' EXIT HUP INT TERM
  echo 1 > "$frozen/cgroup.freeze"
  for wait in 1 2 3 4 5 6 7 8 9 10; do
    ! grep -q -x 'frozen 1' "$frozen/cgroup.events" || break
    sleep 0.1
  done
  running "$1" | while read -r process user group; do
    [ "/sys/fs/cgroup$group" != "$frozen" ] || kill -KILL "$process" 2> /dev/null || true
  done
  echo 0 > "$frozen/cgroup.freeze"
  trap - EXIT HUP INT TERM
}}
end_all() {{
  empty=0
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    end_sessions "$1"
    if [ "$1" = "$login" ] || listed "$1" | grep -q '^contained'; then
      for service in cron atd; do
        end_in "$1" "/sys/fs/cgroup/system.slice/$service.service"
      done
      running "$1" | while read -r process user group; do
        end_in "$1" "/sys/fs/cgroup$group"
        kill -KILL "$process" 2> /dev/null || true
      done
    else
      {_KILL_ALL} "$1" $(running "$1" | cut -d ' ' -f 2 | sort -u) || return 1
    fi
    left=$(running "$1")
    if [ -n "$left" ]; then empty=0; else empty=$((empty + 1)); fi
    [ "$empty" -lt 2 ] || return 0
    sleep 0.3
  done
  echo "uid $1 still runs (process, uid, control group): $left" >&2
  return 1
}}
# What starts without a login goes: the crontab and the jobs of at of account $1 with uid $2.
take_away() {{
  mkdir -p -m 700 "{TAKEN_AWAY}" "{TAKEN_AWAY}/$1" || return 1
  for place in crontabs atjobs; do
    [ -d "/var/spool/cron/$place" ] || continue
    find "/var/spool/cron/$place" -mindepth 1 -type f -uid "$2" \
      -exec mv --backup=numbered -t "{TAKEN_AWAY}/$1" -- {{}} + || return 1
  done
  if [ -e "/var/spool/cron/crontabs/$1" ]; then
    mv --backup=numbered -t "{TAKEN_AWAY}/$1" -- "/var/spool/cron/crontabs/$1" || return 1
  fi
  if [ -e "/var/lib/systemd/linger/$1" ]; then
    timeout -s KILL 20 loginctl disable-linger "$1" 2> /dev/null || true
    rm -f "/var/lib/systemd/linger/$1"
  fi
  rmdir "{TAKEN_AWAY}/$1" 2> /dev/null || true
}}
# The same for the units of account $1, uid $2, in its home $3. The account itself moves them,
# because a link there may lead anywhere.
put_aside() {{
  timeout -s KILL 30 setpriv --reuid "$2" --regid "$(id -g "$1")" --clear-groups sh -c '
    for units in "$1/.config/systemd" "$1/.local/share/systemd"; do
      [ ! -e "$units/user" ] && [ ! -e "$units/user.control" ] ||
        mv -T -- "$units" "$units.taken-away-$(date +%s)" || exit 1
    done' - "$3" < /dev/null
}}
# What would start anew as account $1, uid $2.
would_start() {{
  find /var/spool/cron/crontabs /var/spool/cron/atjobs -mindepth 1 -type f -uid "$2" 2> /dev/null
  ls -d "/var/spool/cron/crontabs/$1" "/var/lib/systemd/linger/$1" 2> /dev/null || true
}}
# Everything of account $1, uid $2, home $3 ends, and what would start it goes. Once more at the
# end: whoever still ran may have put it back meanwhile, and cron may have started it.
end_for_good() {{
  take_away "$1" "$2" && end_all "$2" && take_away "$1" "$2" && end_all "$2" &&
    put_aside "$1" "$2" "$3" || return 1
  left=$(would_start "$1" "$2")
  [ -z "$left" ] || {{ echo "$1 would start anew by: $left" >&2; return 1; }}
}}
# The same, and nothing starts any more: PAM refuses an account that has expired, to cron and at
# too.
shut() {{
  usermod --expiredate 1 "$1" && end_for_good "$1" "$2" "$3"
}}
# The day from which nobody can use account $1, as in shadow(5); nothing for never.
expiry() {{
  getent shadow "$1" | cut -d : -f 8
}}
# The same for an account that stays open.
end_account() {{
  if [ "$2" = "$login" ]; then
    end_for_good "$1" "$2" "$3"
  else
    ended=yes until=$(expiry "$1")
    shut "$1" "$2" "$3" || ended=
    usermod --expiredate "$until" "$1" && [ -n "$ended" ]
  fi
}}
# The same, and what starts by itself may stay.
end_running() {{
  ended=yes until=$(expiry "$1")
  [ "$2" = "$login" ] || usermod --expiredate 1 "$1" || ended=
  end_all "$2" || ended=
  [ "$2" = "$login" ] || usermod --expiredate "$until" "$1" || ended=
  [ -n "$ended" ]
}}
"""
