"""What the model reads: the descriptions of the two tools, and values within a budget of tokens."""
