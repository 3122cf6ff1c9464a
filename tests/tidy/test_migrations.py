"""A schema changes under payments: each step is such that the release before it still runs, and nobody waits for it.

Expand, then contract: a release adds what it needs, and a later one removes what nobody reads any more, in a step that
says so (`phase = "contract"`). What is built on a table that payments are written to all the time is built beside them.
"""

import ast
import re
from pathlib import Path

import pytest
from tidy.sources import called

from afriflow.db import migrations
from afriflow.db.tables import metadata

# Until 0.1.0 is released there is no installation that could be held up.
BEFORE_THE_FIRST_RELEASE = 20
VERSIONS = Path(str(migrations.__file__)).parent / "versions"
# These stay small whatever is sold; every other table grows with payments, with time or with merchants.
SMALL = {
    *("merchants", "api_keys", "people", "provider_accounts", "merchant_policies", "routing_rules"),
    *("webhook_endpoints", "audits", "audit_heads", "violations", "data_keys", "brands"),
}
_REMOVES = {"drop_table", "drop_column", "drop_constraint", "rename_table", "alter_column", "drop_index"}
_WRITES = re.compile(r"\s*(UPDATE|DELETE FROM|LOCK|VACUUM|CLUSTER|REINDEX)\b", re.IGNORECASE)


def wrong_in(text: str) -> list[str]:
    """Name what a step does that would hold up payments, or break the release before it."""
    tree = ast.parse(text)
    contracts = any(
        isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "phase"
        and ast.literal_eval(node.value) == "contract"
        for node in tree.body
    )
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made_here = {_word(call, 0) for call in calls if called(call) == "create_table"}
    return [fault for call in calls for fault in _faults(call, contracts=contracts, free=made_here | SMALL)]


def _faults(call: ast.Call, *, contracts: bool, free: set[str]) -> list[str]:
    what = called(call)
    on = (
        _word(call, 1)
        if what in {"create_index", "create_check_constraint", "create_unique_constraint"}
        else _word(call, 0)
    )
    if what in _REMOVES and not contracts:
        return [f"{what} breaks the release before: remove it one release later, in a step of phase contract"]
    if what == "create_index" and on not in free:
        return [f"create_index on {on} stops everybody who writes there: db.online.add_index does not"]
    if what == "create_check_constraint" and on not in free and not _keyword(call, "postgresql_not_valid"):
        return [
            f"a constraint on {on} reads the whole table under a lock: add it NOT VALID, then validate it"
        ]
    if what in {"create_unique_constraint", "create_foreign_key", "create_primary_key"} and on not in free:
        return [f"{what} on {on} builds an index under a lock: db.online.add_index, unique, does not"]
    if what == "add_column" and on not in free and _fills(call):
        return [f"a column of {on} that must be filled needs a constant default"]
    if what == "execute" and _WRITES.match(_text(call)):
        return ["a statement over a whole table holds its rows: do it in batches, by a job of the release"]
    return []


def _word(call: ast.Call, place: int) -> str:
    argument = call.args[place] if len(call.args) > place else None
    return str(argument.value) if isinstance(argument, ast.Constant) else ""


def _text(call: ast.Call) -> str:
    constants = [
        node.value
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return constants[0] if constants else ""


def _keyword(call: ast.Call, name: str) -> bool:
    return any(item.arg == name and ast.literal_eval(item.value) for item in call.keywords)


def _fills(call: ast.Call) -> bool:
    """Tell whether rows that are there already must get a value that is not the same for all."""
    column = next((node for node in call.args[1:] if isinstance(node, ast.Call)), call)
    named = {item.arg: item.value for item in column.keywords}
    must = "nullable" in named and ast.literal_eval(named["nullable"]) is False
    default = ast.unparse(named["server_default"]) if "server_default" in named else ""
    volatile = re.search(r"random|clock_timestamp|gen_random|nextval", default)
    return must and (not default or bool(volatile))


def test_no_step_holds_up_payments_or_breaks_the_release_before() -> None:
    steps = [path for path in VERSIONS.glob("[0-9]*.py") if int(path.name[:4]) > BEFORE_THE_FIRST_RELEASE]
    found = [f"{path.name}: {fault}" for path in steps for fault in wrong_in(path.read_text("utf-8"))]
    assert found == []


def test_every_small_table_is_one() -> None:
    assert SMALL - set(metadata.tables) == set()


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("op.create_index('ix', 'events', ['type'])", "stops everybody"),
        ("op.drop_column('people', 'email')", "breaks the release before"),
        ("op.alter_column('people', 'email', type_=sa.Text())", "breaks the release before"),
        ("op.create_check_constraint('ck', 'attempts', 'true')", "NOT VALID"),
        ("op.create_unique_constraint('uq', 'attempts', ['id'])", "builds an index"),
        ("op.add_column('transactions', sa.Column('x', sa.Text(), nullable=False))", "constant default"),
        (
            "op.add_column('events', sa.Column('x', sa.Text(), nullable=False, server_default=sa.text('clock_timestamp()')))",
            "constant default",
        ),
        ("op.execute('UPDATE transactions SET review = NULL')", "in batches"),
    ],
)
def test_each_rule_sees_its_own_violation(step: str, fault: str) -> None:
    found = wrong_in(step)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    "step",
    [
        "add_index('ix', 'events', ['type'])",
        "op.create_index('ix', 'people', ['email'])",
        "op.create_table('new', sa.Column('x'))\nop.create_index('ix', 'new', ['x'])",
        "phase = 'contract'\nop.drop_column('people', 'email')",
        "op.create_check_constraint('ck', 'attempts', 'true', postgresql_not_valid=True)",
        "op.add_column('transactions', sa.Column('x', sa.Text(), nullable=False, server_default='none'))",
        "op.add_column('transactions', sa.Column('x', sa.Text()))",
    ],
)
def test_what_holds_up_nobody_passes(step: str) -> None:
    assert wrong_in(step) == []


def test_the_steps_are_one_chain_each_named_by_its_place_in_it() -> None:
    paths = sorted(path for path in VERSIONS.glob("*.py") if path.name[0].isdigit())
    said = re.compile(r'^(?:down_)?revision = "?(\d{4}|None)"?$', re.MULTILINE)
    chain = [(path.name[:4], *said.findall(path.read_text("utf-8"))) for path in paths]
    places = [f"{place:04}" for place in range(1, len(paths) + 1)]
    assert chain == list(zip(places, places, ["None", *places], strict=False))
