"""bbblb 0.0.18 from PyPI, a real load balancer for BBB by others, for the lab and its tests.

No line of it is in this repository: bbblb is AGPL, and is installed in an environment of its own
below ~/.cache/coop-infra.

    python -m lab.bbb.bbblb DIRECTORY [--listen 127.0.0.1:8000] [--authority CA.pem]

serves it until the process ends. DIRECTORY keeps its database and its settings, and gets the
program `command`, by which controller/balancers/bbblb.py asks it.
"""
