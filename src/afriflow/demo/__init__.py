"""`afriflow start`: everything on one machine, with a merchant, two simulated providers and a first payment."""
