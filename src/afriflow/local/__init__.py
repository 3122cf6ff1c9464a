"""The embedded PostgreSQL and Valkey: what `scripts/start` and the tests run on when no address is set."""
