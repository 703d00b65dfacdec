"""The windows of BBB nodes: a node is changed while no meeting runs on it, and none can begin.

answers   what a node answers, read strictly
steps     the eleven steps, how a node comes out of them, and what the steps need of a node
words     what a person reads of meetings and of what waits
machine   one node through its steps; a window that was cut off goes on from where it is
cordon    what the balancer should say of the node meanwhile
wait      one look after the other, until no meeting runs
node      a node through pyinfra's connection, by the host's own program coop-bbb
lease     one roll at a time on each node
rolling   node after node, up to the first that fails
run       what pyinfra's command line asked for, and its exit status
status    what a node is and what waits, also of a node that this project has never touched
"""
