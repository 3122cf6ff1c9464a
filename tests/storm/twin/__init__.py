"""PostgreSQL's twin in memory, for simulations: it runs the product's own SQL on the product's own schema.

    engine = Engine(clock=clock.now, turn=loop_turn)      # one database
    database = Database(Pool(engine, size=10))            # one per process
    ...
    pool.kill()                                           # the process dies; what it committed stays

Each text is parsed and compiled once; what the twin does not know raises `Unsupported` then. `clock` gives now()
and clock_timestamp(); `turn` is awaited before every statement, BEGIN, COMMIT and ROLLBACK, so that a seeded loop
can put something else in between, and an exception from it is a lost connection. Waiting for a lock is a future of
the running loop, first come first served, without real time. Sequences count from 1 and are never rolled back.
`engine.contents()` shows everything that is committed; `engine.statement(text).source` the Python of a statement,
`.scans` the tables that it goes through whole. A row costs about 1 kB, and the collector goes through all of
them in vain: `gc.freeze()` or `gc.disable()` in a long run, and a new Engine now and then. tests/storm/test_the_twin.py holds it against PostgreSQL.
"""

from storm.twin.engine import Engine
from storm.twin.kinds import Record, Unsupported
from storm.twin.pool import Pool

__all__ = ["Engine", "Pool", "Record", "Unsupported"]
