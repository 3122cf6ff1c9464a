"""The style of the house, held: what a reader may rely on in every module of the product."""

import ast
import re
from collections.abc import Iterable
from typing import Any

import pytest
from tidy.sources import Module, called

LINES_OF_A_MODULE_MAX = 300
LINES_OF_A_FUNCTION_MAX = 70
MIGRATIONS = "db/migrations/"
TABLES_OF_FACTS = {
    "core/errors.py": "every refusal on one page: codes and statuses, no logic",
    "db/tables.py": "the whole database on one page: declarations, no logic",
    "settings.py": "every setting with its reason on one page, and the one reader of the environment",
}

# Whatever tells the time or draws lots makes a run unrepeatable; each place that does so has a reason.
CLOCKS_AND_LOTS = {
    ("assembly.py", "random.SystemRandom"): "the chance that is handed to whoever draws lots",
    ("cli/client.py", "uuid.uuid4"): "a key and a reference for a person who gave none",
    ("core/clock.py", "datetime.datetime.now"): "the clock itself",
    ("core/ids.py", "secrets.token_bytes"): "ids and links; handed in, so that a simulation draws its own",
    ("delivery/sign.py", "secrets.token_bytes"): "an endpoint's secret",
    ("demo/merchant.py", "secrets.token_urlsafe"): "the demo's password, made once",
    ("demo/run.py", "random.Random"): "the demo's phones: nobody repeats them",
    ("local/process.py", "time.monotonic"): "how long a server takes to start",
    ("merchants/api_keys.py", "secrets.token_bytes"): "API keys",
    ("merchants/password.py", "secrets.token_urlsafe"): "a password that nobody has",
    ("merchants/second_factor.py", "secrets.choice"): "recovery codes",
    ("merchants/second_factor.py", "secrets.token_bytes"): "the secret of an authenticator app",
    ("merchants/sessions.py", "secrets.token_urlsafe"): "sessions of people",
    ("merchants/team.py", "secrets.token_urlsafe"): "links that let people in",
    (
        "merchants/unlock.py",
        "secrets.token_bytes",
    ): "the demo's secret key, made once; what commands seal with",
    (
        "merchants/vault.py",
        "secrets.token_bytes",
    ): "data keys and nonces; handed in, so that a simulation draws its own",
    ("simulator/faults.py", "random.Random"): "lots with a seed: the same seed breaks the same requests",
    ("simulator/seat.py", "random.Random"): "lots with a seed",
    ("simulator/serve.py", "random.Random"): "phones of a provider that stands alone: nobody repeats them",
    ("cli/proof.py", "random.randrange"): "a seed for a person who gave none; it is said",
    ("torture/chaos.py", "random.Random"): "lots with a seed",
    ("torture/fleet.py", "random.Random"): "phones that decide nothing by themselves",
    ("torture/people.py", "random.Random"): "lots with a seed",
    ("torture/stage.py", "random.Random"): "lots with a seed",
    ("web/pace.py", "time.monotonic"): "how fast a bucket fills while Redis is away, in this process alone",
    ("web/throttle.py", "time.monotonic"): "a window of tries while Redis is away, in this process alone",
}
_CLOCK_OR_LOT = re.compile(
    r"(time\.(time|time_ns|monotonic|monotonic_ns|perf_counter)|uuid\.uuid[1-8]|random\.\w+|secrets\.(token_\w+|choice|randbelow|randbits)"
    r"|os\.urandom|datetime\.(datetime|date)\.(now|utcnow|today))"
)

_SQL = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|SHOW|CREATE|ALTER|DROP|TRUNCATE|LOCK|PRAGMA|REFRESH|VACUUM)\s+[a-zA-Z_{*(\"1]"
)
_COMMAND_TAG = re.compile(r"(INSERT 0|UPDATE|DELETE) \d+")
SQL_ELSEWHERE = {
    "simulator/notebook.py": "a simulated provider's notebook is a file of its own, and no part of the database",
}

# What goes out to a provider or a merchant. `session.request` and `session.post` are aiohttp's.
_CALLS_OUT = {
    *("initiate", "verify", "authenticate", "payout", "verify_payout", "refund", "verify_refund"),
    *("request", "post"),
}
_BORROWS = {"transaction", "connection"}

_MONEY = re.compile(r"(^|_)(amount|money|price|fee|minor|balance|total)(_|$)")


def test_every_module_opens_with_a_sentence(modules: list[Module]) -> None:
    silent = [module.name for module in modules if not _opens_with_a_sentence(module.tree)]
    assert not silent, "\n".join(silent)


def test_no_module_is_longer_than_one_sitting(modules: list[Module]) -> None:
    lines = {
        module.name: module.text.count("\n") for module in modules if not module.name.startswith(MIGRATIONS)
    }
    too_long = {name: count for name, count in lines.items() if count > LINES_OF_A_MODULE_MAX}
    found = [f"{name}: {count} lines" for name, count in too_long.items() if name not in TABLES_OF_FACTS]
    assert not found, "\n".join(found)
    assert set(TABLES_OF_FACTS) <= set(too_long), "an exception that is none any more"


def test_no_function_is_longer_than_one_screen(modules: list[Module]) -> None:
    found = [
        f"{module.name}: {function.name}: {lines} lines"
        for module in modules
        if not module.name.startswith(MIGRATIONS)
        for function in module.functions
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > LINES_OF_A_FUNCTION_MAX
    ]
    assert not found, "\n".join(found)


def test_time_and_lots_come_only_from_where_they_may(modules: list[Module]) -> None:
    found = {(module.name, what) for module in modules for what in _clocks_and_lots(module.tree)}
    assert found - set(CLOCKS_AND_LOTS) == set(), "no reason is written down for it"
    assert set(CLOCKS_AND_LOTS) - found == set(), "an exception that is none any more"


def test_sql_stands_only_in_stores_the_database_and_the_queue(modules: list[Module]) -> None:
    found = [
        f"{module.name}:{line}: {' '.join(text.split())[:60]}"
        for module in modules
        if not _may_hold_sql(module.name)
        for line, text in module.strings
        if _is_sql(text)
    ]
    found += [f"{module.name}: sqlalchemy" for module in modules if _takes_sqlalchemy(module)]
    assert not found, "\n".join(found)


def test_the_engine_of_the_queue_is_known_to_the_queue_alone(modules: list[Module]) -> None:
    found = [
        module.name
        for module in modules
        if not module.name.startswith(("jobs/", MIGRATIONS))
        and re.search(r"\b(import|from) pgqueuer\b", module.text)
    ]
    assert not found, "\n".join(found)


def test_no_provider_is_named_outside_its_folder(modules: list[Module], texts: dict[str, str]) -> None:
    providers = _providers(texts)
    named = re.compile("|".join(providers), re.IGNORECASE)
    found = [
        f"{module.name}:{line}: {text[:60]}"
        for module in modules
        for line, text in [*module.strings, *_identifiers(module.tree)]
        if any(word.lower() != _own_provider(module.name) for word in named.findall(text))
    ]
    for name, text in texts.items():
        inside = name.removeprefix("src/afriflow/")
        if inside == name or name.endswith((".py", ".md")) or "language/" in name:
            continue
        found += [
            f"{inside}: {word}" for word in named.findall(text) if word.lower() != _own_provider(inside)
        ]
    assert not found, "\n".join(found)


def test_no_float_comes_near_money_in_the_core(modules: list[Module]) -> None:
    # `core/language` weighs languages, which are not money.
    found = [
        f"{module.name}:{line}"
        for module in modules
        if module.name.startswith("core/") and not module.name.startswith("core/language/")
        for line in _floats(module.tree)
    ]
    assert not found, "\n".join(found)


def test_no_amount_is_declared_as_float_anywhere(modules: list[Module]) -> None:
    found = [
        f"{module.name}:{line}: {name}" for module in modules for line, name in _float_amounts(module.tree)
    ]
    assert not found, "\n".join(found)


def test_nobody_is_called_while_a_database_connection_is_held(modules: list[Module]) -> None:
    # Simulators and embedded servers hold none of our connections, and their names would only be confused with ours.
    ours = [module for module in modules if not re.search(r"(^|/)(demo|local|simulator)/", module.name)]
    found = _held_calls(ours)
    assert not found, "\n".join(found)


ASKS_WHILE_HOLDING = """
async def settle(self):
    async with self.database.transaction() as connection:
        await self.check(connection)
async def check(self, connection):
    await self.adapter.verify(connection)
"""
POSTS_WHILE_HOLDING = """
async def tell(self):
    async with self.database.connection(), self.session.post(url) as answer:
        return answer
"""


@pytest.mark.parametrize(
    ("source", "breaks"),
    [
        ('"""no sentence"""', lambda it: not _opens_with_a_sentence(it.tree)),
        ("from random import uniform\nuniform(1, 2)", lambda it: _clocks_and_lots(it.tree)),
        ("import datetime as d\nd.datetime.now()", lambda it: _clocks_and_lots(it.tree)),
        ('x = f"UPDATE {table} SET a = 1"', lambda it: any(_is_sql(text) for _, text in it.strings)),
        ("total = amount / 3", lambda it: _floats(it.tree)),
        ("def charge(amount_minor: float): ...", lambda it: _float_amounts(it.tree)),
        ("def acme_fee(): ...", lambda it: (1, "acme_fee") in _identifiers(it.tree)),
        (ASKS_WHILE_HOLDING, lambda it: _held_calls([it]) == ["planted.py:4: check"]),
        (POSTS_WHILE_HOLDING, lambda it: _held_calls([it]) == ["planted.py:3: post"]),
    ],
)
def test_each_rule_sees_its_own_violation(source: str, breaks: Any) -> None:
    assert breaks(Module("planted.py", source))


# ── what the rules look at ──────────────────────────────────────────────────────────────────────────────────────
def _opens_with_a_sentence(tree: ast.Module) -> bool:
    first = (ast.get_docstring(tree) or "").partition("\n\n")[0]
    return first.rstrip().endswith((".", "?"))


def _clocks_and_lots(tree: ast.Module) -> set[str]:
    """Name what tells the time or draws lots, under its full name, however it was imported."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {item.asname or item.name: item.name for item in node.names}
        if isinstance(node, ast.ImportFrom):
            imported |= {item.asname or item.name: f"{node.module}.{item.name}" for item in node.names}
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            first, _, rest = ast.unparse(node).partition(".")
            name = ".".join(filter(None, (imported.get(first, ""), rest)))
            # `random.Random` in an annotation draws nothing; to call it is to make a source of lots.
            if _CLOCK_OR_LOT.fullmatch(name) and (name != "random.Random" or id(node) in calls):
                found.add(name)
    return found


def _may_hold_sql(name: str) -> bool:
    return name.startswith(("db/", "jobs/")) or name.endswith("store.py") or name in SQL_ELSEWHERE


def _is_sql(text: str) -> bool:
    return bool(_SQL.match(text)) and not _COMMAND_TAG.fullmatch(text)


def _takes_sqlalchemy(module: Module) -> bool:
    if module.name.startswith("db/") or module.name in SQL_ELSEWHERE:
        return False
    return bool(re.search(r"^\s*(import|from) sqlalchemy\b", module.text, re.MULTILINE))


def _providers(texts: dict[str, str]) -> list[str]:
    inside = "src/afriflow/providers/"
    return sorted(
        {name.removeprefix(inside).partition("/")[0] for name in texts if name.startswith(inside)}
        - {"__init__.py"}
    )


def _own_provider(name: str) -> str:
    return name.removeprefix("providers/").partition("/")[0] if name.startswith("providers/") else ""


def _identifiers(tree: ast.Module) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "module", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                found.append((getattr(node, "lineno", 0), name))
    return found


def _floats(tree: ast.Module) -> list[int]:
    """Lines with a float, a division or a rounding; `isinstance(x, float)` only recognises one."""
    asked = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance"
        for part in ast.walk(node)
    }
    found: list[int] = []
    for node in ast.walk(tree):
        is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
        is_float |= isinstance(node, ast.Name) and node.id in {"float", "round"} and id(node) not in asked
        is_float |= isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        if is_float:
            found.append(getattr(node, "lineno", 0))
    return found


def _float_amounts(tree: ast.Module) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            name, annotation = node.arg, node.annotation
        elif isinstance(node, ast.AnnAssign):
            name, annotation = ast.unparse(node.target).rpartition(".")[2], node.annotation
        else:
            continue
        if (
            annotation is not None
            and _MONEY.search(name)
            and re.search(r"\bfloat\b", ast.unparse(annotation))
        ):
            found.append((node.lineno, name))
    return found


def _awaited(node: ast.AST) -> list[tuple[int, str]]:
    """What is awaited or entered with `async with` below a node, not in functions defined there."""
    found: list[tuple[int, str]] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        entered: Iterable[ast.expr] = ()
        if isinstance(child, ast.Await):
            entered = [child.value]
        elif isinstance(child, ast.AsyncWith):
            entered = [item.context_expr for item in child.items]
        found += [(call.lineno, called(call)) for call in entered if isinstance(call, ast.Call)]
        found += _awaited(child)
    return found


def _held_calls(modules: list[Module]) -> list[str]:
    out = _what_calls_out(modules)
    return [
        f"{module.name}:{line}: {name}"
        for module in modules
        for line, name in _awaited_while_borrowed(module.tree)
        if name in out or (module.name, name) in out
    ]


def _awaited_while_borrowed(tree: ast.Module) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.AsyncWith):
            continue
        names = [
            called(item.context_expr) if isinstance(item.context_expr, ast.Call) else ""
            for item in node.items
        ]
        borrows = [place for place, name in enumerate(names) if name in _BORROWS]
        if borrows:
            found += [(node.lineno, name) for name in names[borrows[0] + 1 :]]
            for statement in node.body:
                found += _awaited(ast.Module([statement], []))
    return found


def _what_calls_out(modules: Iterable[Module]) -> set[Any]:
    """Name every function that reaches a provider or a merchant, itself or through others.

    Private names count in their own module only, as (module, name); public ones wherever they are awaited.
    """
    awaits: dict[Any, set[Any]] = {}
    for module in modules:
        for function in module.functions:
            name = (module.name, function.name) if function.name.startswith("_") else function.name
            awaits.setdefault(name, set()).update(
                (module.name, awaited) if awaited.startswith("_") else awaited
                for _, awaited in _awaited(function)
            )
    out: set[Any] = set(_CALLS_OUT)
    while more := {name for name, awaited in awaits.items() if awaited & out} - out:
        out |= more
    return out
