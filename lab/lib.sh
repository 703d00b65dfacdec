# The lab's scripts source this file.
# shellcheck shell=bash
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=$root/lab/.state
cache=${XDG_CACHE_HOME:-$HOME/.cache}/coop-infra
checkout=$(printf '%s' "$root" | sha256sum | cut -c1-8)
# Outside the checkout, as an operator's escrow would be.
escrow=$cache/escrow-$checkout
cgroup=coop-lab-$checkout
python=$root/.venv/bin/python
network=coop-lab
gateway=10.78.0.1

export VAGRANT_CWD=$root/lab VAGRANT_HOME=$state/vagrant VAGRANT_DOTFILE_PATH=$state/machines
export VAGRANT_DEFAULT_PROVIDER=libvirt VAGRANT_CHECKPOINT_DISABLE=1
export LIBVIRT_DEFAULT_URI=qemu:///system

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'lab: %s\n' "$*" >&2; exit 1; }

# Prints the process that FILE names ("PID START-TIME", so that nothing takes a recycled id for it), or nothing.
process_in() {
  local pid started
  [ -r "$1" ] || return 0
  read -r pid started < "$1"
  [ "$(awk '{print $22}' "/proc/$pid/stat" 2>/dev/null)" = "$started" ] || return 0
  printf '%s' "$pid"
}

remember_process() { printf '%s %s\n' "$1" "$(awk '{print $22}' "/proc/$1/stat")" > "$2"; }

# Prints the process that holds the lab's namespaces, or nothing.
holder() { process_in "$state/holder"; }
