"""Phone numbers for tests: nobody else's, and none that a simulator has plans of its own for."""

import itertools
import os

# Simulators act by themselves on some endings (001 declines, 003 never pays, …789 pays at once); not on this one.
_PLAIN_ENDING = "555"
_numbers = itertools.count(os.getpid() * 37)


def a_phone(prefix: str = "+22177", digits: int = 7) -> str:
    """Give a number that no other test of this run uses. prefix: E.164, the operator's. digits: how many follow."""
    free = digits - len(_PLAIN_ENDING)
    return f"{prefix}{next(_numbers) % 10**free:0{free}d}{_PLAIN_ENDING}"
