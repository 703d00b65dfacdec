"""What follows from the data: datasets, exports, copies, accounts, peers, packages."""
