# Stand-in of the functions for apply-config.sh. A link leads here, made anew by each upgrade.
enableUFWRules() {
  echo "  - Enable Firewall and opening 22/tcp, 80/tcp, 443/tcp and 16384:32768/udp"
  command -v ufw > /dev/null || apt-get install -y ufw
  ufw allow OpenSSH
  ufw allow "Nginx Full"
  ufw allow 16384:32768/udp
  # Since PR #16347.
  if systemctl -q is-active haproxy; then ufw allow 3478; fi
  ufw --force enable
}
