"""How pyinfra itself works here: it reads this file of its working directory before all else."""

from pyinfra import config
from pyinfra.api.state import MAX_PARALLEL

from controller import command_line, summary
from engine import upstream

# Hosts at a time. Left to itself pyinfra takes 20 for each core of the operator's machine, which
# mostly waits. pyinfra warns of more than MAX_PARALLEL, by the open files that a process may have.
config.PARALLEL = min(250, MAX_PARALLEL)

upstream.apply()

command_line.check_inventory()
summary.at_end()
