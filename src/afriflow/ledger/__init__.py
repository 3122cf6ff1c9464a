"""What happened: the one door through which a payment changes, and the reads that show it."""
