"""Phone numbers are sealed, found by a blind index and shown by a mask; so is what providers sent. What stood in clear is sealed here, in one commit."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.util import await_only

from afriflow.core.msisdn import mask
from afriflow.core.place import Place

revision = "0015"
down_revision = "0014"

_ROWS = 1000
_HASH = """
sha256(convert_to('[' || to_json(o.reference) || ',' || to_json(o.account_id) || ',' || o.amount_minor || ','
    || to_json(o.currency) || ',' || coalesce(to_json(nullif(m.operator, ''))::text, 'null') || ',' || {phone} || ']', 'UTF8'))
"""


def upgrade() -> None:
    op.add_column(
        "payment_methods",
        sa.Column("msisdn_index", sa.LargeBinary(), server_default="", nullable=False),
    )
    op.add_column("payment_methods", sa.Column("msisdn_mask", sa.Text(), server_default="", nullable=False))
    op.add_column("payment_methods", sa.Column("msisdn_sealed", sa.LargeBinary()))
    op.add_column("transactions", sa.Column("customer_phone_sealed", sa.LargeBinary()))
    await_only(_seal())
    # Its constraint and its index go with it.
    op.drop_column("payment_methods", "msisdn")
    op.create_unique_constraint(
        "uq_payment_methods_method",
        "payment_methods",
        ["merchant_id", "mode", "type", "country", "operator", "msisdn_index"],
    )
    op.create_index("ix_payment_methods_msisdn", "payment_methods", ["merchant_id", "mode", "msisdn_index"])


async def _seal() -> None:
    rows: Any = op.get_bind().connection.driver_connection
    if not await rows.fetchval(
        "SELECT EXISTS (SELECT 1 FROM payment_methods WHERE msisdn <> '')"
        " OR EXISTS (SELECT 1 FROM webhook_events)"
        " OR EXISTS (SELECT 1 FROM transactions WHERE coalesce(customer->>'phone', '') <> '')"
    ):
        return
    unlock = op.get_context().config.attributes.get("unlock")
    if unlock is None:
        raise RuntimeError("phone numbers are to be sealed, and there is no key")
    vault = unlock()
    while found := await rows.fetch(
        "SELECT merchant_id, id, msisdn FROM payment_methods WHERE msisdn <> '' AND msisdn_sealed IS NULL LIMIT $1",
        _ROWS,
    ):
        for row in found:
            place = Place("payment_methods", "msisdn_sealed", row["merchant_id"], row["id"])
            await rows.execute(
                "UPDATE payment_methods SET msisdn_index = $3, msisdn_mask = $4, msisdn_sealed = $5"
                " WHERE merchant_id = $1 AND id = $2",
                row["merchant_id"],
                row["id"],
                vault.index(row["merchant_id"], row["msisdn"]),
                mask(row["msisdn"]),
                await vault.seal(rows, row["msisdn"], place),
            )
    while found := await rows.fetch(
        "SELECT merchant_id, id, customer->>'phone' AS phone FROM transactions"
        " WHERE coalesce(customer->>'phone', '') <> '' AND customer_phone_sealed IS NULL LIMIT $1",
        _ROWS,
    ):
        for row in found:
            place = Place("transactions", "customer_phone_sealed", row["merchant_id"], row["id"])
            await rows.execute(
                "UPDATE transactions SET customer = jsonb_set(customer, '{phone}', $3), customer_phone_sealed = $4"
                " WHERE merchant_id = $1 AND id = $2",
                row["merchant_id"],
                row["id"],
                json.dumps(mask(row["phone"])),
                await vault.seal(rows, row["phone"], place),
            )
    last = ("", "")
    while found := await rows.fetch(
        "SELECT merchant_id, id, body FROM webhook_events WHERE (merchant_id, id) > ($1, $2) AND octet_length(body) > 0"
        " ORDER BY merchant_id, id LIMIT $3",
        *last,
        _ROWS,
    ):
        last = (found[-1]["merchant_id"], found[-1]["id"])
        for row in found:
            place = Place("webhook_events", "body", row["merchant_id"], row["id"])
            await rows.execute(
                "UPDATE webhook_events SET body = $3 WHERE merchant_id = $1 AND id = $2",
                row["merchant_id"],
                row["id"],
                await vault.seal_bytes(rows, row["body"], place),
            )
    # What must never differ between two sends was hashed with the number, which a hash does not hide.
    old, new = (
        _HASH.format(phone="to_json(m.msisdn)"),
        _HASH.format(phone="to_json(encode(m.msisdn_index, 'hex'))"),
    )
    for table in ("attempts", "disbursements"):
        await rows.execute(
            f"UPDATE {table} o SET body_hash = {new} FROM payment_methods m"
            f" WHERE m.merchant_id = o.merchant_id AND m.id = o.payment_method_id AND m.msisdn <> '' AND o.body_hash = {old}"
        )
