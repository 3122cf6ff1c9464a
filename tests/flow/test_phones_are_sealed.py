"""A phone number is in the database for whoever has the keys, and for nobody else; it is found all the same."""

import asyncio
import json
import os
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from afriflow.db.migrate import migrate
from afriflow.local.servers import LocalServers
from afriflow.merchants.unlock import open_vault
from afriflow.settings import Settings

ROOT = "a secret key of a test, 32 bytes or more"


async def places_of(rows: Any, *canaries: str) -> set[str]:
    """Name every column of every table in which one of these stands, however it is written."""
    columns = await rows.fetch(
        "SELECT table_schema AS s, table_name AS t, column_name AS c, data_type AS k FROM information_schema.columns"
        " WHERE table_schema IN ('public', 'jobs')"
    )
    found: set[str] = set()
    for column in columns:
        name = f'"{column["c"]}"'
        text = f"encode({name}, 'escape')" if column["k"] == "bytea" else f"{name}::text"
        for canary in canaries:
            query = f'SELECT count(*) FROM "{column["s"]}"."{column["t"]}" WHERE strpos({text}, $1) > 0'  # noqa: S608
            if await rows.fetchval(query, canary):
                found.add(f"{column['t']}.{column['c']}")
    return found


async def test_a_dump_of_everything_holds_no_number_of_anybody(
    rows: Any, merchant: Any, payer: Any, session: Any
) -> None:
    paid, named, paid_out = (f"7712{int.from_bytes(os.urandom(3)) % 10**5:05d}" for _ in range(3))
    made = await merchant.pay(
        "orange_sn", f"+221 {paid[:2]} {paid[2:5]} {paid[5:]}", customer={"phone": named}
    )
    assert made["payment_method"]["phone"] == f"+22177•••{paid[-4:]}"
    assert made["customer"]["phone"] == f"+22177•••{named[-4:]}"
    await payer.decide(f"+221{paid}", "approve")
    await merchant.until(made["id"], "succeeded")
    _, linked = await merchant.checkout(customer={"phone": named})
    async with session.get(linked["checkout_url"]) as page:
        assert named in await page.text()  # the payer sees his own number, whole
    body = {
        "amount": 1000, "currency": "XOF", "country": "SN", "reference": f"payout-{uuid.uuid4().hex[:8]}",
        "recipient": {"name": "Awa"}, "payment_method": {"operator": "orange_sn", "phone": paid_out},
    }  # fmt: skip
    status, payout = await merchant.call(
        "POST", "/api/payouts", body, headers={"idempotency-key": uuid.uuid4().hex}
    )
    assert status == 201, payout
    await asyncio.sleep(1)
    assert await places_of(rows, paid, named, paid_out) == set()


async def test_a_payment_is_found_by_the_whole_number_however_it_is_written(merchant: Any) -> None:
    national = f"7712{int.from_bytes(os.urandom(3)) % 10**5:05d}"
    made = await merchant.pay("orange_sn", national)
    for written in (national, f"+221{national}", f"00221 {national[:2]} {national[2:5]} {national[5:]}"):
        _, found = await merchant.call("GET", f"/api/transactions?phone={quote(written)}")
        assert [item["id"] for item in found["data"]] == [made["id"]], written
    _, found = await merchant.call("GET", f"/api/transactions?phone={national[:-1]}0")
    assert made["id"] not in {item["id"] for item in found["data"]}


async def test_what_stood_in_clear_before_is_sealed_by_the_migration(tmp_path: Path) -> None:
    servers = LocalServers(tmp_path, redis=False)
    try:
        url = (await servers.start()).database_url
        await migrate(url, "0014")
        old = await asyncpg.connect(url)
        for number in range(3):
            await old.execute(
                "INSERT INTO payment_methods (merchant_id, id, mode, type, country, operator, msisdn)"
                " VALUES ('mer_1', $1, 'test', 'mobile_money', 'SN', 'orange_sn', $2)",
                f"pm_{number}",
                f"+22177123456{number}",
            )
            await old.execute(
                "INSERT INTO transactions (merchant_id, id, mode, status, amount_minor, currency, country, reference,"
                " customer, payment_method_id, payer_chooses, language, metadata, idempotency_key, token)"
                " VALUES ('mer_1', $1, 'test', 'processing', 5000, 'XOF', 'SN', $1, $2, $3, false, 'fr', '{}', $1, $1)",
                f"txn_{number}",
                json.dumps({"name": "Awa", "phone": f"+22176123456{number}"}),
                f"pm_{number}",
            )
        await old.execute(
            "INSERT INTO webhook_events (merchant_id, id, provider, method, path, headers, body, verdict,"
            " verdict_reason, status) VALUES ('mer_1', 'whe_1', 'acme', 'POST', '/', '{}', $1, 'hint', '', 'handled')",
            b'{"phone": "221771234561"}',
        )
        with pytest.raises(RuntimeError, match="there is no key"):
            await migrate(url)
        vault = open_vault(Settings(secret_key=ROOT))
        await migrate(url, unlock=lambda: vault)
        assert await places_of(old, "77123456", "76123456") == set()
        row = await old.fetchrow(
            "SELECT * FROM payment_methods WHERE msisdn_index = $1", vault.index("mer_1", "+221771234561")
        )
        assert (row["id"], row["msisdn_mask"]) == ("pm_1", "+22177•••4561")
        await old.close()
    finally:
        await servers.stop()
