"""From a file to records: strict YAML, pydantic's errors explained, problems that name a remedy."""
