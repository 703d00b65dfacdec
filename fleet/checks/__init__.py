"""Problems that only show between records: the same address twice, an access to nothing."""
