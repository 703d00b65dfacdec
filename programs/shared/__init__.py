"""What several programs have in common: it comes to a host with each program that is a folder."""
