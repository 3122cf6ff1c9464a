"""A Redis that goes away is said to be away, in words that its callers listen for, whatever the event loop says."""

import asyncio

import pytest
import uvloop
from redis.exceptions import RedisError

from afriflow.db.redis import open_redis


async def ask_a_server_that_goes_away() -> None:
    """Talk to a server that answers once and then cuts the connection while it is being written to."""

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line.startswith(b"*"):
                writer.write(b"+OK\r\n")
        writer.close()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    redis = open_redis(f"redis://127.0.0.1:{port}", 1)
    await redis.get("a")
    [connection] = redis.connection_pool._available_connections
    connection._writer.transport.abort()
    await asyncio.sleep(0.05)
    try:
        with pytest.raises(RedisError):
            await redis.get("a")
    finally:
        await redis.aclose()
        server.close()


def test_a_connection_that_died_between_two_commands_is_an_absence_and_no_fault() -> None:
    uvloop.run(ask_a_server_that_goes_away())
