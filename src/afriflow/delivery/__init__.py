"""Us → merchant: what merchants are told, signed, in order, until they have heard it."""
