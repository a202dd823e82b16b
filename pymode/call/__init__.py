"""One call of `search` or `execute`, from its record in the log to its result."""
