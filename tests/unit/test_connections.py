"""No order is written into a connection that its server may just be closing."""

import asyncio

import pytest

from afriflow.port import reach


async def connections_of(pause_seconds: float) -> int:
    """Send two requests with a pause between; gives on how many connections they came."""
    made = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, reach.open_session(connections_max=2, reach=reach.ANYWHERE) as session:
        for seconds in (pause_seconds, 0.0):
            async with session.get(url) as response:
                assert response.status == 200
            await asyncio.sleep(seconds)
    return made


async def test_a_connection_that_was_idle_too_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await connections_of(0.0) == 1
    monkeypatch.setattr(reach, "IDLE_SECONDS_MAX", 0.01)
    assert await connections_of(0.3) == 2


def test_idle_connections_are_given_up_before_servers_do() -> None:
    assert reach.IDLE_SECONDS_MAX < 5  # Apache's KeepAliveTimeout, uvicorn's timeout_keep_alive
