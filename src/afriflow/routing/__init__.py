"""Which provider carries this payment, and why."""
