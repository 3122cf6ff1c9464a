"""Redis as one run has it: the product's own Lua scripts on a shared dictionary, away or emptied as the run decides."""

import asyncio
from functools import cache
from typing import Any

from lupa.lua51 import LuaRuntime
from redis.exceptions import ConnectionError as RedisAway
from storm.process import Faults, Gate


class Memory:
    """What all processes share. Time is the run's, as Redis' own clock."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.hashes: dict[str, dict[str, str]] = {}

    def flush(self) -> None:
        self.values.clear()
        self.hashes.clear()

    def evaluate(self, script: str, keys: list[str], args: list[Any]) -> Any:
        lua, run = _compiled(script)
        words = [str(word) for word in args]
        answer = run(_Commands(self, lua), lua.table_from(keys), lua.table_from(words))
        return _plain(answer)


class _Commands:
    """`redis.call`, as far as our scripts use it."""

    def __init__(self, memory: Memory, lua: Any) -> None:
        self._memory, self._lua = memory, lua

    def call(self, command: str, *args: Any) -> Any:
        words = [_text(word) for word in args]
        return getattr(self, f"_{command.lower()}")(*words)

    def _time(self) -> Any:
        seconds = asyncio.get_running_loop().time()
        return self._lua.table_from([str(int(seconds)), str(int(seconds % 1 * 1_000_000))])

    def _hgetall(self, key: str) -> Any:
        fields = self._memory.hashes.get(key, {})
        return self._lua.table_from([part for pair in fields.items() for part in pair])

    def _hset(self, key: str, *pairs: str) -> int:
        fields = self._memory.hashes.setdefault(key, {})
        fields.update(zip(pairs[::2], pairs[1::2], strict=True))
        return 1

    def _hdel(self, key: str, *names: str) -> int:
        fields = self._memory.hashes.get(key, {})
        return sum(fields.pop(name, None) is not None for name in names)

    def _hincrby(self, key: str, name: str, by: str) -> int:
        fields = self._memory.hashes.setdefault(key, {})
        fields[name] = str(int(fields.get(name, "0")) + int(by))
        return int(fields[name])

    def _del(self, key: str) -> int:
        return int(self._memory.hashes.pop(key, None) is not None)

    def _expire(self, key: str, seconds: str) -> int:
        return 1


class Redis:
    """The client of one process: passes its gate, and may find nobody."""

    def __init__(self, gate: Gate, memory: Memory, faults: Faults) -> None:
        self._gate, self._memory, self._faults = gate, memory, faults

    async def get(self, name: str) -> bytes | None:
        await self._pass("redis get")
        return self._memory.values.get(name)

    async def set(self, name: str, value: bytes, *, ex: int) -> None:
        await self._pass("redis set")
        self._memory.values[name] = value

    def register_script(self, script: str) -> Any:
        async def run(*, keys: list[str], args: list[Any]) -> Any:
            await self._pass("redis script")
            return self._memory.evaluate(script, keys, args)

        return run

    async def aclose(self) -> None: ...

    async def _pass(self, label: str) -> None:
        await self._gate.pass_through(label)
        if self._faults.strikes("redis_lost"):
            await asyncio.sleep(0.05)
            raise RedisAway("away")


@cache
def _compiled(script: str) -> tuple[Any, Any]:
    lua: Any = LuaRuntime(unpack_returned_tuples=True)
    return lua, lua.eval(f"function(redis, KEYS, ARGV)\n{script}\nend")


def _text(word: Any) -> str:
    """Redis takes Lua's whole numbers without a fraction."""
    return str(int(word)) if isinstance(word, float) and word.is_integer() else str(word)


def _plain(answer: Any) -> Any:
    """Give a Lua answer as Redis does: tables as lists, numbers cut to integers."""
    if hasattr(answer, "values"):
        return [_plain(item) for item in answer.values()]
    return int(answer) if isinstance(answer, float) else answer
