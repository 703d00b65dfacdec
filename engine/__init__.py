"""What is added to pyinfra, and knows nothing of whose hosts these are.

fact       the base class of facts: an answer counts only if it is whole and can be read
several    several facts in one remote command
questions  what a host is asked, and when: together what can be, nothing older than the last change
operation  operations that ask first and then change: `@operation()`, `ask`
report     how operations speak: `tell` a difference, `warn` a person, `fail` one host, `script`
order      `barrier`: all hosts have done what stands above before any begins what stands below
turns      one host of a kind changes alone, and then more at a time the more are proven
upstream   what belongs into pyinfra, and is here until it is there
undo       changes that undo themselves unless it is proven that nobody is locked out

pyinfra runs each operation's code twice, to prepare a run and to execute it, and asks each fact
anew each time. The engine adds: one remote command a host for all that its operations ask first; no
change on a host whose state could not be read; a difference that is told once.
"""
