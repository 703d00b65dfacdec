"""What the project adds to pyinfra. Nothing here knows whose hosts these are.

fact       the base class of facts: an answer counts only if it is whole and can be read
several    several facts in one remote command
questions  what a run asks a host, and when: all that it can at once, and again after each change
operation  operations that ask first and then change: `@operation()`, `ask`
report     how operations speak: `tell` a difference, `warn` a person, `fail` one host, `script`
order      `barrier`: every host does what stands above before any host begins what stands below
terminal   what hosts say reaches the terminal and reports as text, and as nothing else
turns      one host of a kind changes alone; then the more are proven, the more change at a time
upstream   quicker forms of two functions of pyinfra, until pyinfra has them itself
undo       changes that undo themselves unless it is proven that nobody is locked out

pyinfra runs each operation's code twice, to prepare a run and to execute it, and each time it asks
for each fact anew. With the engine one remote command asks a host the first questions of all its
operations, and a second one those that may have to wait for storage. A host whose state could not
be read is not changed. A difference is told once; with `--diff` also before the change.
"""
