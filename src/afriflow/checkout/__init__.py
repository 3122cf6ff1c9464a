"""A payment from the request to its final state."""
