"""What a host with Scalelite should be: a load balancer for BigBlueButton. docs/scalelite.md"""

packages = ["ca-certificates", "docker.io", "nginx-light", "postgresql", "redis-server"]

# The image has API and poller. Docker gets it by the digest, never by the tag. Look the digest up
# where you trust the network, and compare it with somebody else's:
#   docker buildx imagetools inspect docker.io/blindsidenetwks/scalelite:v1.8.5
image = "docker.io/blindsidenetwks/scalelite"
release = "v1.8.5"
digest = ""

# After so many failed polls in a row Scalelite ends every meeting of a node, and forgets them: a
# slow API or a secret that changed on one side alone is enough. bbb.py says how often it polls.
unhealthy_polls = 5
