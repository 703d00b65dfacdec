"""What a run costs on fleets of up to 204 hosts: `make scale`.

Real: the whole project with pyinfra and paramiko, in a process of its own; SSH over TCP, with an
address of 127.78.0.0/16 for each host; every command that the run sends; every answer, in the
format of the program that prints it, and read by the project's own facts; the files, which a host
has as the run has sent them.

Simulated: the hosts. First `record` runs the same deploy.py on the same fleet without a network.
`record` answers each question from what the operations have made of the host until then, and
writes down what the run sent and what it answered. Then `server` answers the measured run from
these records; a command that is not in them fails the run. So a host takes no time for anything,
and nothing ever fails on a host. A relay delays each packet by half a round trip, and the opening
of a connection by a whole one. The bandwidth has no limit, and nothing is lost.

The simulated hosts lack some things that real hosts have: Debian's own accounts other than root,
the contents of copies off-site, rules and keys that others have left, and kernel modules that have
to be loaded.
"""
