"""What a run costs on fleets of up to 204 hosts: `make scale`.

Real: the whole of this project with pyinfra and paramiko, in a process of its own; SSH over TCP,
one address of 127.78.0.0/16 a host; every command that the run sends; every answer, in the format
of the program that prints it, read by the project's own facts; the files, which a host has as the
run has sent them.

Simulated: the hosts. First `record` runs the same deploy.py on the same fleet without a network. It
answers each question by what the operations have made of the host until then, and writes down what
was sent and answered. Then `server` answers the measured run by that record, and a command that is
not in it fails the run. So a host takes no time for anything, and nothing ever fails on it. A relay
delays each packet by half a round trip, and the opening of a connection by a whole one. There is no
limit of bandwidth and no loss.

Not there, unlike on real hosts: accounts of Debian's own but root, what the copies off-site hold,
what others have left (rules, keys), and a module of the kernel that has to be loaded.
"""
