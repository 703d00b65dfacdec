"""How pyinfra itself works here: before all else it reads this file in its working directory."""

from pyinfra import config
from pyinfra.api.state import MAX_PARALLEL

from controller import command_line, summary
from engine import terminal, upstream

# Hosts at a time. By default pyinfra takes 20 for each core of the operator's machine, but this
# machine mostly waits. pyinfra warns of more than MAX_PARALLEL, which follows from the number of
# files that a process may have open.
config.PARALLEL = min(250, MAX_PARALLEL)

upstream.apply()
terminal.guard()

command_line.check_inventory()
summary.at_end()
