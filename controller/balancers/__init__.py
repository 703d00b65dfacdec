"""Load balancers for BBB: one interface, a driver for each kind."""
