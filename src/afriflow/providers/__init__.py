"""One folder per provider, found by the factory; nothing else lives here."""
