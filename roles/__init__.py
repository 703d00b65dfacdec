"""One folder a role: its @deploy functions, with its templates beside them.

What several roles share lies here: `places` says where things are on a host, `pool` what hosts with
a ZFS pool have in common, `base` what every host gets.
"""
