"""The embedded servers keep what they were given: over a stop, a kill of theirs, a kill of ours."""

import asyncio
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from afriflow.local import programs
from afriflow.local.errors import LocalServersBusy, LocalServersFailed, LocalServersMissing
from afriflow.local.servers import Addresses, LocalServers

Home = Callable[..., LocalServers]


@pytest.fixture
async def servers_of() -> AsyncIterator[Home]:
    """Whatever a test starts is ended, however the test ends."""
    made: list[LocalServers] = []

    def make(home: Path, **wanted: bool) -> LocalServers:
        made.append(LocalServers(home, **wanted))
        return made[-1]

    yield make
    for servers in made:
        await servers.stop()


async def write(addresses: Addresses) -> None:
    connection = await asyncpg.connect(addresses.database_url)
    await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('reçu')")
    await connection.close()
    async with Redis.from_url(addresses.redis_url) as redis:
        await redis.set("kept", "reçu")
        await redis.waitaof(1, 0, 5000)


async def read(addresses: Addresses) -> list[str]:
    connection = await asyncpg.connect(addresses.database_url)
    in_postgres = await connection.fetchval("SELECT word FROM kept")
    await connection.close()
    async with Redis.from_url(addresses.redis_url, decode_responses=True) as redis:
        return [in_postgres, await redis.get("kept")]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def mode(folder: Path) -> int | None:
    return stat.S_IMODE(folder.stat().st_mode) if folder.exists() else None


async def test_a_second_start_finds_its_data(servers_of: Home, tmp_path: Path) -> None:
    servers = servers_of(tmp_path)
    await write(await servers.start())
    pids = servers.process_ids
    assert sorted(pids) == ["postgres", "redis"]

    await servers.stop()
    await servers.stop()
    assert servers.process_ids == {}
    assert not any(runs(pid) for pid in pids.values())

    assert await read(await servers.start()) == ["reçu", "reçu"]


async def test_servers_that_were_killed_come_back_with_their_data(servers_of: Home, tmp_path: Path) -> None:
    servers = servers_of(tmp_path)
    before = await servers.start()
    await write(before)
    for pid in servers.process_ids.values():
        os.kill(pid, signal.SIGKILL)

    assert await servers.start() == before
    assert await read(before) == ["reçu", "reçu"]


async def test_a_killed_holder_leaves_a_home_that_the_next_one_takes_over(
    servers_of: Home, tmp_path: Path
) -> None:
    code = """
import asyncio, pathlib, sys
from afriflow.local.servers import LocalServers
async def hold():
    servers = LocalServers(pathlib.Path(sys.argv[1]))
    await servers.start()
    print(*servers.process_ids.values(), flush=True)
    await asyncio.sleep(60)
asyncio.run(hold())
"""
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert holder.stdout
    orphans = [int(pid) for pid in (await holder.stdout.readline()).split()]
    holder.kill()
    await holder.wait()
    assert len(orphans) == 2
    assert all(runs(pid) for pid in orphans)

    addresses = await servers_of(tmp_path).start()

    assert not any(runs(pid) for pid in orphans)
    await write(addresses)
    assert await read(addresses) == ["reçu", "reçu"]


async def test_a_process_number_that_went_to_a_stranger_neither_ends_him_nor_stops_us(
    servers_of: Home, tmp_path: Path
) -> None:
    servers = servers_of(tmp_path, redis=False)
    await servers.start()
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    content = pid_file.read_text()
    await servers.stop()
    stranger = await asyncio.create_subprocess_exec("sleep", "60", user=pid_file.parent.stat().st_uid)
    pid_file.write_text(content.replace(content.split()[0], str(stranger.pid), 1))

    await servers.start()

    assert runs(stranger.pid)
    stranger.kill()
    await stranger.wait()


async def test_a_home_too_deep_for_a_socket_has_its_sockets_elsewhere_until_it_stops(
    servers_of: Home, tmp_path: Path
) -> None:
    home = tmp_path / "très profond, avec des espaces" / ("d" * 120)
    servers = servers_of(home)
    addresses = await servers.start()
    await write(addresses)
    sockets = Path((home / "sockets").read_text())
    assert mode(sockets) == 0o700

    await servers.stop()
    assert mode(sockets) is None

    assert await read(await servers.start()) == ["reçu", "reçu"]


async def test_a_home_in_use_says_so_and_by_whom(servers_of: Home, tmp_path: Path) -> None:
    first = servers_of(tmp_path, postgres=False)
    await first.start()

    with pytest.raises(LocalServersBusy) as refusal:
        await servers_of(tmp_path, postgres=False).start()

    assert f"(process {os.getpid()})" in str(refusal.value)
    assert "tourne déjà" in refusal.value.message("fr_SN")
    assert first.process_ids


async def test_what_was_answered_is_on_the_disk(servers_of: Home, tmp_path: Path) -> None:
    addresses = await servers_of(tmp_path, redis=False).start()
    assert addresses.redis_url == ""
    connection = await asyncpg.connect(addresses.database_url)
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await connection.fetchval(f"SHOW {setting}") == "on", setting
    await connection.close()


async def test_the_servers_do_not_hear_the_terminal(servers_of: Home, tmp_path: Path) -> None:
    servers = servers_of(tmp_path, postgres=False)
    await servers.start()
    assert os.getsid(servers.process_ids["redis"]) != os.getsid(0)


async def test_a_server_that_cannot_start_tells_its_own_last_words(servers_of: Home, tmp_path: Path) -> None:
    servers = servers_of(tmp_path, redis=False)
    await servers.start()
    await servers.stop()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")
    started = time.monotonic()

    with pytest.raises(
        LocalServersFailed, match=r"PostgreSQL did not start: .*incompatible with server .*version 9.6"
    ):
        await servers.start()

    assert time.monotonic() - started < 5
    assert servers.process_ids == {}


def test_programs_that_nobody_has_are_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda _package: None)
    monkeypatch.setattr(programs, "_INSTALLED_POSTGRES", ())
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LocalServersMissing, match="afriflow\\[local\\]") as missing:
        programs.postgres_programs()
    assert "\n" not in missing.value.message("fr")
    with pytest.raises(LocalServersMissing, match="REDIS_URL"):
        programs.valkey_program()
