"""What a simulated run stands on: PostgreSQL's twin in memory. (`real_pool` is PostgreSQL itself, twenty times slower.)"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from storm.twin import Engine, Pool

# Every process may hold a few connections: none is held while a provider is called.
CONNECTIONS_MAX = 20


def twin(now: Callable[[], datetime]) -> Callable[[], Any]:
    """Give a maker of pools on one empty database."""
    engine = _engine()
    engine.empty(now)
    return lambda: Pool(engine, size=CONNECTIONS_MAX)


@cache
def _engine() -> Engine:
    return Engine(turn=None)  # the gates have let others go first
