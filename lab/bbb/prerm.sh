#!/bin/bash -e
# @NAME@ is a stand-in of coop-infra's lab. Its daemons end with it, and not before an upgrade.
if [ "$1" = remove ]; then
  systemctl --quiet disable --now @UNITS@ || true
fi
