"""What happens, seen from outside: logs, metrics and reports of faults."""
