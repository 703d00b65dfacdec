"""What stands in the lab for BigBlueButton and for the balancers before it."""
