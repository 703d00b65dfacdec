"""What a host should be: each operation reads one fact, compares, and yields only the difference.

No operation knows whose hosts these are. `engine.operation` makes operations, and all of them speak
by `engine.report`.
"""
