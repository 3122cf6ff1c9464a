"""The durable queue behind one small port: a job is a wake-up, the truth is in our own rows."""
