"""Is a provider what its adapter takes it for? Asked of its simulator, or of its real sandbox with real credentials."""
