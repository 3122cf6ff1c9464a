"""The database holds what the code believes: every statement fits the tables, the tables fit their page, and what
must never be two is never two."""

import contextlib
import importlib
import os
import pkgutil
import re
import signal
import uuid
from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

import afriflow
from afriflow.core.errors import RoleMissing, Unavailable
from afriflow.core.money import AMOUNT_MINOR_MAX
from afriflow.db.engine import Database
from afriflow.db.grants import APPLICATION, EVERY_COLUMN, WRITTEN_ONCE, as_role, grant
from afriflow.db.migrate import migrate
from afriflow.db.tables import metadata
from afriflow.delivery.store import DELIVERY_TRIED
from afriflow.ledger.store import Sending
from afriflow.local.servers import LocalServers
from afriflow.merchants import vault_store

_SQL = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b")
_NOT_OURS = ("afriflow.simulator", "afriflow.providers")  # simulators have their own little notebooks


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    servers = LocalServers(tmp_path_factory.mktemp("database"), redis=False)
    try:
        addresses = await servers.start()
        await migrate(addresses.database_url)
        yield addresses.database_url
    finally:
        await servers.stop()


@pytest.fixture
async def connection(url: str) -> AsyncIterator[Any]:
    """A connection whose work is undone after the test."""
    opened = await asyncpg.connect(url)
    undo = opened.transaction()
    await undo.start()
    yield opened
    await undo.rollback()
    await opened.close()


@pytest.fixture
async def restricted(url: str) -> AsyncIterator[Any]:
    """A connection of the role that the product runs under."""
    await grant(url, APPLICATION, make=True)
    opened = await asyncpg.connect(as_role(url, APPLICATION))
    yield opened
    await opened.close()


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool
    )
    yield made
    await made.dispose()


def statements() -> dict[str, str]:
    """Every SQL constant of ours by its full name."""
    found: dict[str, str] = {}
    for module_info in pkgutil.walk_packages(afriflow.__path__, "afriflow."):
        name = module_info.name
        if name.startswith((*_NOT_OURS, "afriflow.db.migrations", "afriflow.__main__")):
            continue
        module = importlib.import_module(name)
        for constant, value in vars(module).items():
            if constant.isupper() and isinstance(value, str) and _SQL.match(value):
                found[f"{name}.{constant}"] = value
            if isinstance(value, Sending):
                found |= {
                    f"{name}.{constant}.{item.name}": getattr(value, item.name) for item in fields(value)
                }
    # A piece that others are put together from is no statement by itself.
    pieces = {
        name for name, sql in found.items() if any(sql in other for other in found.values() if sql != other)
    }
    found = {
        name: sql
        for name, sql in found.items()
        if not (name in pieces and name.rpartition(".")[2].startswith("_"))
    }
    for sealed in vault_store.SEALED_COLUMNS:
        name = f"{vault_store.__name__}.{sealed.table}.{sealed.column}"
        found |= {f"{name}.batch": sealed.batch, f"{name}.again": sealed.again}
    return found


async def test_each_way_of_restoring_a_database_makes_another_incarnation_that_every_process_learns(
    tmp_path: Path,
) -> None:
    servers = LocalServers(tmp_path, redis=False)
    try:
        url = (await servers.start()).database_url

        async def open_pool() -> Database:
            return await Database.connect(url, connections_max=1, statement_timeout_seconds=10)

        one, other = await open_pool(), await open_pool()
        seen = [one.incarnation]
        assert other.incarnation == one.incarnation, "processes on one database do not share what they keep"
        # What replaces the tables, as pg_restore --clean does, and what empties them for a restore of rows alone.
        for sql in ("CREATE TABLE idempotency_keys (key text)", "TRUNCATE idempotency_keys"):
            async with one.connection() as connection:
                await connection.execute(sql)
            await other.close()
            other = await open_pool()
            seen.append(other.incarnation)
        # Files of an older moment can be put back only while the server stands still.
        os.kill(servers.process_ids["postgres"], signal.SIGKILL)
        await servers.start()
        while True:
            with contextlib.suppress(Unavailable):
                async with one.connection() as connection:
                    await connection.fetchval("SELECT 1")
                break
        assert one.incarnation not in seen, "a process that outlived the restore goes on with what it knew"
        assert len(set(seen)) == 3
        await one.close()
        await other.close()
    finally:
        await servers.stop()


class TestStatements:
    def test_there_are_as_many_as_there_should_be(self) -> None:
        stores = {name.rpartition(".")[0] for name in statements()}
        assert {
            f"afriflow.{station}.store" for station in ("ledger", "inbox", "delivery", "merchants")
        } <= stores
        assert len(statements()) > 50

    @pytest.mark.parametrize("name", statements())
    async def test_postgresql_understands_it(self, connection: Any, name: str) -> None:
        await connection.prepare(statements()[name])

    def test_what_happened_is_only_ever_added_to(self) -> None:
        history = "transaction_events|provider_logs|events|delivery_attempts|audit_log"
        changing = re.compile(rf"\b(?:UPDATE|DELETE\s+FROM)\s+(?:{history})\b", re.IGNORECASE)
        assert [name for name, sql in statements().items() if changing.search(sql)] == []
        assert changing.search("DELETE FROM transaction_events WHERE true")

    def test_every_statement_about_a_merchants_rows_names_the_merchant(self) -> None:
        # Looked up before the merchant is known, or across merchants on purpose; each with its reason.
        open_to_all = {
            "afriflow.checkout.approve_store.OVERDUE": "what runs by the clock runs for all",
            "afriflow.db.engine._INCARNATION": "about the database, not about rows",
            "afriflow.merchants.api_keys_store.KEY_OWNER": "whose key is it",
            "afriflow.merchants.api_keys_store.KEY_PLACE": "whose key does a person at a terminal mean",
            "afriflow.merchants.store.ACCOUNT_OWNER": "whose notification is it",
            "afriflow.merchants.store.ACCOUNTS_OF_ALL": "what runs by the clock runs for all",
            "afriflow.merchants.store.ACCOUNTS_OF_PROVIDER": "the doctor looks at every account of a provider",
            "afriflow.merchants.people_store.PERSON_OF_EMAIL": "whose address is it",
            "afriflow.merchants.people_store.SESSION": "whose session is it",
            "afriflow.merchants.people_store.SESSION_END_BY_HASH": "known by its token",
            "afriflow.merchants.people_store.SESSIONS_PRUNE": "housekeeping",
            "afriflow.merchants.people_store.LINK": "whose invitation is it",
            "afriflow.merchants.people_store.LINK_TAKE": "known by its token",
            "afriflow.merchants.people_store.LINKS_PRUNE": "housekeeping",
            "afriflow.merchants.vault_store.DATA_KEYS_WRAPPED_BY_OTHERS": "every data key is wrapped again",
            "afriflow.merchants.vault_store.NEWEST_DATA_KEYS": "everybody's values are sealed again",
            "afriflow.checkout.prompts_store.PROMPTS_OF_PHONE": "a phone is one person's, whoever asks it to pay",
            "afriflow.checkout.prompts_store.PROMPT_LOCK": "one after the other for each phone",
            "afriflow.checkout.prompts_store.PROMPTS_FORGET": "housekeeping",
            "afriflow.ledger.store.TRANSACTION_BY_TOKEN": "whose link is it",
            "afriflow.checkout.store.LINK_BY_TOKEN": "whose link is it",
            "afriflow.ledger.watch_store.CHANGED": "one look for all whose pages are open",
            "afriflow.ledger.tally_store.HOURS_CHANGED": "what runs by the clock runs for all",
            "afriflow.ledger.store.TRANSACTION_OWNER": "whose payment does a person at a terminal mean",
            "afriflow.ledger.store.DISBURSEMENT_OWNER": "whose refund or payout does a person at a terminal mean",
            "afriflow.reconcile.measure_store.ORDERS_OPEN": "the metric is of the whole house",
            "afriflow.reconcile.measure_store.INBOX": "the metric is of the whole house",
            "afriflow.reconcile.measure_store.DELIVERIES": "the metric is of the whole house",
            "afriflow.reconcile.measure_store.ACCOUNT_PROVIDERS": "the metric is of the whole house",
            "afriflow.routing.hours_store.BEGIN": "what runs by the clock runs for all",
            "afriflow.routing.hours_store.FORGET": "what has had its time goes, whoever's it is",
            "afriflow.routing.store.STANDINGS_MEASURE": "how orders ended is measured for all at once",
            "afriflow.ledger.store.REFERENCE_OWNER": "whose reference is it",
            "afriflow.torture.store.PAYMENTS": "its database holds nothing but what it did",
            "afriflow.torture.store.MONEY_OUT": "its database holds nothing but what it did",
            "afriflow.merchants.audit_log_store.AUDIT_HEADS": "whoever runs the installation verifies every chain",
            "afriflow.merchants.audit_log_store.AUDIT_MERCHANTS": "whoever runs the installation verifies every chain",
            "afriflow.reconcile.store.FORGET_PROVIDER_LOGS": "what has had its time goes, whoever's it is",
            "afriflow.reconcile.store.FORGET_NOTIFICATIONS": "what has had its time goes, whoever's it is",
            "afriflow.reconcile.store.FORGET_DELIVERY_ANSWERS": "what has had its time goes, whoever's it is",
            "afriflow.reconcile.store.VIOLATIONS_PER_RULE": "the metric is of the whole house",
            "afriflow.reconcile.rules_store.PROCESSING_HAS_ATTEMPT": "the audit looks at everybody's rows",
            "afriflow.reconcile.rules_store.KEY_LEADS_SOMEWHERE": "the audit looks at everybody's rows",
        }
        own = {
            name
            for name, sql in statements().items()
            if "jobs." not in sql
            and not re.search(r"merchant_id\s*=\s*(?:\$|'')|\(\s*merchant_id|, merchant_id", sql)
        }
        assert own - set(open_to_all) == set()
        assert set(open_to_all) <= set(statements()), "one of these is no more"


class TestTheApplicationsRole:
    """X18: what happened cannot be changed by whoever runs the product, or came in through it."""

    async def test_it_may_do_whatever_the_product_does(self, restricted: Any) -> None:
        """PostgreSQL asks for the right when a statement begins, and so for EXPLAIN."""
        refused: dict[str, str] = {}
        for name, sql in statements().items():
            try:
                await restricted.execute(f"EXPLAIN (GENERIC_PLAN) {sql}")
            except asyncpg.InsufficientPrivilegeError as error:
                refused[name] = str(error)
        assert refused == {}

    async def test_it_may_neither_change_nor_remove_what_is_written_once(self, restricted: Any) -> None:
        tried = [f"DELETE FROM {table} WHERE false" for table in WRITTEN_ONCE]  # noqa: S608
        tried += [f"TRUNCATE {table}" for table in WRITTEN_ONCE]
        tried += [
            f"UPDATE {table} SET {column.name} = {column.name} WHERE false"  # noqa: S608
            for table, columns in WRITTEN_ONCE.items()
            for column in metadata.tables[table].c
            if columns is EVERY_COLUMN or column.name in columns
        ]
        tried += [
            "CREATE TABLE public.mine (id int)",
            "ALTER TABLE audit_log DISABLE TRIGGER ALL",
            "ALTER TABLE audit_log OWNER TO CURRENT_USER",
            "DROP TABLE audit_log",
            "CREATE INDEX ON audit_log (hash)",
            "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE ROLE another SUPERUSER",
            "SET session_replication_role = replica",
            "SET ROLE afriflow",
            "COPY audit_log TO PROGRAM 'cat'",
            "UPDATE alembic_version SET version_num = '0001'",
        ]
        let_through: list[str] = []
        for statement in tried:
            try:
                await restricted.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                continue
            let_through.append(statement)
        assert let_through == []
        assert len(tried) > 100

    async def test_every_column_that_is_written_once_is_there(self) -> None:
        missing = [
            f"{table}.{column}"
            for table, columns in WRITTEN_ONCE.items()
            if columns is not EVERY_COLUMN
            for column in columns
            if column not in metadata.tables[table].c
        ]
        assert missing == []

    @pytest.mark.usefixtures("restricted")
    async def test_granting_takes_away_what_was_given_before(self, url: str) -> None:
        owner = await asyncpg.connect(url)
        await owner.execute(f"GRANT ALL ON audit_log TO {APPLICATION}")
        await grant(url, APPLICATION)
        held = await owner.fetchval(f"SELECT has_table_privilege('{APPLICATION}', 'audit_log', 'UPDATE')")
        await owner.close()
        assert held is False

    async def test_a_role_that_is_not_there_is_said(self, url: str) -> None:
        with pytest.raises(RoleMissing):
            await grant(url, "somebody_else")


class TestTables:
    async def test_the_migrated_tables_are_those_of_the_page(self, engine: AsyncEngine) -> None:
        def compare(connection: Connection) -> list[Any]:
            options = {"compare_type": True, "compare_server_default": True}
            return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

        async with engine.connect() as connection:
            assert await connection.run_sync(compare) == []

    async def test_so_are_their_constraints_and_indexes_to_the_letter(self, engine: AsyncEngine) -> None:
        """Alembic compares no checks and no conditions of indexes: PostgreSQL is asked to write both down."""
        constraints = """
            SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
            FROM pg_constraint WHERE connamespace = CAST(:schema AS regnamespace)"""
        indexes = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = :schema"

        async def described(connection: Any, schema: str) -> set[tuple[str, ...]]:
            found: set[tuple[str, ...]] = set()
            for query in (constraints, indexes):
                rows = await connection.execute(text(query), {"schema": schema})
                found |= {tuple(str(part).replace(f"{schema}.", "") for part in row) for row in rows}
            return {row for row in found if row[0] != "alembic_version"}

        async with engine.connect() as connection:
            await connection.execute(text("CREATE SCHEMA page"))
            await connection.execute(text("SET LOCAL search_path TO page"))
            await connection.run_sync(metadata.create_all)
            page, migrated = await described(connection, "page"), await described(connection, "public")
            await connection.rollback()
        assert len(page) > 60
        assert page == migrated

    async def test_migrating_again_changes_nothing(self, url: str, connection: Any) -> None:
        before = await connection.fetch("SELECT version_num FROM alembic_version")
        await migrate(url)
        assert await connection.fetch("SELECT version_num FROM alembic_version") == before

    def test_every_table_names_the_merchant(self) -> None:
        assert [table.name for table in metadata.sorted_tables if "merchant_id" not in table.c] == []

    def test_no_amount_is_a_float(self) -> None:
        types = {
            str(column.type)
            for table in metadata.sorted_tables
            for column in table.c
            if "minor" in column.name
        }
        assert types == {"BIGINT"}


class TestWhatMustNeverBe:
    """The last wall: what the code forbids, PostgreSQL refuses too."""

    NOW = datetime(2026, 11, 22, tzinfo=UTC)

    async def insert(self, connection: Any, table: str, **values: Any) -> None:
        columns = ", ".join(values)
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", *values.values())  # noqa: S608

    async def transaction(self, connection: Any, **changes: Any) -> str:
        transaction_id = f"txn_{uuid.uuid4().hex}"
        values = {
            "merchant_id": "mer_1", "id": transaction_id, "mode": "test", "status": "processing", "amount_minor": 5000,
            "currency": "XOF", "country": "SN", "reference": uuid.uuid4().hex, "customer": "{}", "payer_chooses": False,
            "language": "fr", "metadata": "{}", "idempotency_key": uuid.uuid4().hex, "token": uuid.uuid4().hex,
            "expires_at": self.NOW,
        }  # fmt: skip
        await self.insert(connection, "transactions", **{**values, **changes})
        return transaction_id

    async def attempt(self, connection: Any, transaction_id: str, number: int, **changes: Any) -> None:
        values = {
            "merchant_id": "mer_1", "id": uuid.uuid4().hex, "mode": "test", "transaction_id": transaction_id,
            "number": number, "provider": "p", "account_id": "p_1", "reference": uuid.uuid4().hex, "status": "unknown",
            "amount_minor": 5000, "currency": "XOF", "payment_method_id": "pm_1", "body_hash": b"",
        }  # fmt: skip
        await self.insert(connection, "attempts", **{**values, **changes})

    @pytest.mark.parametrize("first", ["planned", "unknown", "pending", "succeeded"])
    @pytest.mark.parametrize("second", ["planned", "unknown", "pending", "succeeded"])
    async def test_two_live_attempts_of_one_payment(self, connection: Any, first: str, second: str) -> None:
        transaction_id = await self.transaction(connection)
        await self.attempt(connection, transaction_id, 1, status=first)
        with pytest.raises(asyncpg.UniqueViolationError, match="uq_attempts_one_live"):
            await self.attempt(connection, transaction_id, 2, status=second)

    @pytest.mark.parametrize("ended", ["failed", "not_sent", "never_received"])
    async def test_an_ended_attempt_makes_room(self, connection: Any, ended: str) -> None:
        transaction_id = await self.transaction(connection)
        await self.attempt(connection, transaction_id, 1, status=ended)
        await self.attempt(connection, transaction_id, 2)
        await self.attempt(connection, await self.transaction(connection), 1)

    async def test_an_ended_attempt_that_comes_back_beside_a_live_one(self, connection: Any) -> None:
        transaction_id = await self.transaction(connection)
        await self.attempt(connection, transaction_id, 1, id="att_1", status="failed")
        await self.attempt(connection, transaction_id, 2)
        with pytest.raises(asyncpg.UniqueViolationError, match="uq_attempts_one_live"):
            await connection.execute("UPDATE attempts SET status = 'succeeded' WHERE id = 'att_1'")

    @pytest.mark.parametrize("amount", [0, -1, AMOUNT_MINOR_MAX + 1])
    async def test_an_amount_that_is_none(self, connection: Any, amount: int) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="ck_transactions_amount"):
            await self.transaction(connection, amount_minor=amount)

    @pytest.mark.parametrize("amount", [0, -1, AMOUNT_MINOR_MAX + 1])
    async def test_an_attempt_at_such_an_amount(self, connection: Any, amount: int) -> None:
        transaction_id = await self.transaction(connection)
        with pytest.raises(asyncpg.CheckViolationError, match="ck_attempts_amount"):
            await self.attempt(connection, transaction_id, 1, amount_minor=amount)

    async def test_the_same_reference_twice_in_one_mode(self, connection: Any) -> None:
        await self.transaction(connection, reference="order-1")
        await self.transaction(connection, reference="order-1", mode="live")
        await self.transaction(connection, reference="order-1", merchant_id="mer_2")
        with pytest.raises(asyncpg.UniqueViolationError, match="reference"):
            await self.transaction(connection, reference="order-1")

    async def test_the_same_key_twice_in_one_mode(self, connection: Any) -> None:
        key = {"key": "k", "fingerprint": b"", "object_id": "txn_1"}
        await self.insert(connection, "idempotency_keys", merchant_id="mer_1", mode="test", **key)
        await self.insert(connection, "idempotency_keys", merchant_id="mer_1", mode="live", **key)
        await self.insert(connection, "idempotency_keys", merchant_id="mer_2", mode="test", **key)
        with pytest.raises(asyncpg.UniqueViolationError):
            await self.insert(connection, "idempotency_keys", merchant_id="mer_1", mode="test", **key)

    async def test_one_provider_reference_of_two_payments(self, connection: Any) -> None:
        first = await self.transaction(connection)
        await self.attempt(connection, first, 1, reference="ours")
        with pytest.raises(asyncpg.UniqueViolationError, match="reference"):
            await self.attempt(connection, await self.transaction(connection), 1, reference="ours")

    @pytest.mark.parametrize("status", ["paid", "", "SUCCEEDED", "refunded"])
    async def test_a_status_that_is_none(self, connection: Any, status: str) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="ck_transactions_status"):
            await self.transaction(connection, status=status)

    @pytest.mark.parametrize("mode", ["prod", "", "TEST"])
    async def test_a_mode_that_is_none(self, connection: Any, mode: str) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="ck_transactions_mode"):
            await self.transaction(connection, mode=mode)

    @pytest.mark.parametrize(("refunded", "reserved"), [(-1, 0), (1, 0), (0, 5001), (5001, 5001)])
    async def test_more_given_back_than_was_set_aside_or_came(
        self, connection: Any, refunded: int, reserved: int
    ) -> None:
        amounts = {"refunded_minor": refunded, "refund_reserved_minor": reserved}
        with pytest.raises(asyncpg.CheckViolationError, match="ck_transactions_refunded"):
            await self.transaction(connection, status="succeeded", **amounts)

    async def test_something_given_back_that_never_came(self, connection: Any) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="ck_transactions_refunded_only_when_paid"):
            await self.transaction(connection, status="failed", refunded_minor=1, refund_reserved_minor=1)

    async def test_one_account_of_two_merchants(self, connection: Any) -> None:
        account = {
            "id": "pawapay_1", "mode": "test", "provider": "pawapay", "base_url": "", "config": "{}", "sealed": b"",
            "priority": 1,
        }  # fmt: skip
        await self.insert(connection, "provider_accounts", merchant_id="mer_1", **account)
        with pytest.raises(asyncpg.UniqueViolationError, match="uq_provider_accounts_id"):
            await self.insert(connection, "provider_accounts", merchant_id="mer_2", **account)


@pytest.mark.parametrize(
    ("ended", "late", "stands"),
    [
        ("delivered", "waiting", "delivered"),
        ("delivered", "given_up", "delivered"),
        ("given_up", "waiting", "given_up"),
        ("given_up", "delivered", "delivered"),
        ("waiting", "waiting", "waiting"),
    ],
)
async def test_a_worker_that_comes_back_late_takes_back_no_delivery(
    connection: Any, ended: str, late: str, stands: str
) -> None:
    """A second process delivers while the first is stopped: the job is gone then, and nobody would try again."""
    await connection.execute(
        "INSERT INTO deliveries (merchant_id, id, mode, event_id, endpoint_id, subject_id, sequence, status)"
        " VALUES ('mer_1', 'dlv_1', 'test', 'evt_1', 'wep_1', 'txn_1', 1, 'waiting')"
    )
    for status in (ended, late):
        await connection.execute(DELIVERY_TRIED, "mer_1", "dlv_1", None, "", "TimeoutError", 1, status, 5.0)
    row = await connection.fetchrow("SELECT status, tries, finished_at FROM deliveries WHERE id = 'dlv_1'")
    assert (row["status"], row["tries"]) == (stands, 2)
    assert (row["finished_at"] is None) is (stands == "waiting")


async def test_the_database_answers_only_what_is_on_disk(url: str) -> None:
    """S10: whatever the server's default says, our own connections wait for the disk."""

    database = await Database.connect(url, connections_max=1, statement_timeout_seconds=5)
    try:
        async with database.connection() as connection:
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
            assert await connection.fetchval("SHOW timezone") == "UTC"
            assert await connection.fetchval("SHOW fsync") == "on"
    finally:
        await database.close()
