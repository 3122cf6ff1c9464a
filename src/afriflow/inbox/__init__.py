"""Provider → us: kept as it came before it is believed, read by a job, lost by nobody."""
