"""How pyinfra itself works here: it reads this file of its working directory before all else."""

from engine import upstream

upstream.apply()
