"""What a host that watches over all others should be. docs/monitoring.md"""

packages = [
    "curl",
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-blackbox-exporter",
    # Notes of a hand-over tell times by the clocks of both teams.
    "tzdata",
]

# TCP, within the VPN alone.
port = 9090
alertmanager = 9093
# Between two monitors, TCP and UDP.
peers = 9094

scrape_seconds = 15

# Whichever comes first. The disk holds what Debian needs, and twice this size at least.
retention_days = 90
retention_size = "5G"

# SAMPLE: where people read the pages that alerts lead to, docs/runbooks of this project.
runbooks = "https://git.example.org/coop-infra/docs/runbooks/"

# SAMPLE: where messages go out. The password of `user` is MAIL_PASSWORD in .env, and the addresses
# of those on call are there too.
mail = {
    "production": {
        "host": "mail.example.org",
        "port": 587,
        "sender": "alerts@example.org",
        "user": "alerts@example.org",
    },
    "lab": {"host": "10.78.0.1", "port": 2525, "sender": "alerts@lab.test", "tls": False},
}

# SAMPLE: the room of Matrix in which alerts and hand-overs are said too, or None. The account that
# writes there has its access token in .env, as MATRIX_TOKEN, and is a member of the room.
matrix = {
    "production": {"homeserver": "https://matrix.example.org", "room": "!alerts:example.org"},
    "lab": {"homeserver": "http://10.78.0.1:8008", "room": "!alerts:lab.test"},
}

# What still is wrong is told again after so many hours. It has to be shorter than any team's time
# off: docs/monitoring.md.
repeat_hours = 4
