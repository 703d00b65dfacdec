"""What only shows between records: the same address twice, an access to nothing."""
