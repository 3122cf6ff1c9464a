"""The whole under fire: real processes killed, stopped and cut off by a seed, and the books compared afterwards."""
