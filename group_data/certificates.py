"""Where the certificates of the hosts with HTTPS come from."""

packages = ["certbot", "openssl", "ca-certificates", "python3"]

# production: Let's Encrypt, which all browsers trust. staging: the same for trials, with other
# limits, which no browser trusts. lab: the lab's own server (pebble); lab/up writes the file of its
# CA.
acme = {
    "production": {"directory": "https://acme-v02.api.letsencrypt.org/directory"},
    "staging": {"directory": "https://acme-staging-v02.api.letsencrypt.org/directory"},
    "lab": {"directory": "https://10.78.0.1:14000/dir", "ca": "lab/.state/acme-ca.pem"},
}
chosen = "production"

# The server may write there if something is wrong with it or with the certificates; "" for nowhere.
email = ""

# For how many seconds a browser that was on a board once refuses to come by plain HTTP, and shows
# no page if the certificate has ended. 180 days; 0 tells browsers nothing.
hsts_seconds = 15552000
