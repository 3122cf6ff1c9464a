"""The pure vocabulary of payments: no I/O, no clock of its own, no framework."""
