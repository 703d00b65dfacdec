"""What a host that watches over the monitors should be. docs/monitoring.md"""

packages: list[str] = []

# TCP, for the monitors alone, within the VPN.
port = 9095

# After so many minutes without a word of a monitor everybody is called.
silence_minutes = 5

# SAMPLE: where its messages go out. Take another provider than the monitor's, so that both are not
# mute at once. The password of `user` is WATCHER_MAIL_PASSWORD in .env.
mail = {
    "production": {
        "host": "mail.example.net",
        "port": 465,
        "sender": "watcher@example.net",
        "user": "watcher@example.net",
    },
    "lab": {"host": "10.78.0.1", "port": 2525, "sender": "watcher@lab.test", "tls": False},
}
