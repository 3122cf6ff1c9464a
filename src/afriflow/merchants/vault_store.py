"""The SQL of data keys, and of sealing again what they sealed."""

from dataclasses import dataclass

# Another transaction's row is committed when we see it, and our own carries our own transaction's time.
DATA_KEYS = """
SELECT number, wrapped, wrapped_by, created_at < now() AS committed FROM data_keys
WHERE merchant_id = $1 ORDER BY number
"""
DATA_KEY_INSERT = """
INSERT INTO data_keys (merchant_id, number, wrapped, wrapped_by) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
DATA_KEY_LOCK = """
SELECT wrapped, wrapped_by FROM data_keys WHERE merchant_id = $1 AND number = $2 FOR UPDATE
"""
DATA_KEY_REWRAP = """
UPDATE data_keys SET wrapped = $3, wrapped_by = $4 WHERE merchant_id = $1 AND number = $2
"""
# Of all merchants: for whoever runs the installation, at a terminal.
DATA_KEYS_WRAPPED_BY_OTHERS = """
SELECT merchant_id, number FROM data_keys WHERE wrapped_by <> $1 ORDER BY merchant_id, number LIMIT $2
"""
NEWEST_DATA_KEYS = """
SELECT k.merchant_id, k.number FROM data_keys k
WHERE ($1::text IS NULL OR k.merchant_id > $1)
  AND NOT EXISTS (SELECT 1 FROM data_keys n WHERE n.merchant_id = k.merchant_id AND n.number > k.number)
ORDER BY k.merchant_id LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column that holds sealed values. row: the column of the row's id within the merchant's.

    batch: rows of a merchant that are sealed otherwise than under this header, from this id on. again: writes the
    new sealing where the old one still stands, so that nothing that was written meanwhile is lost.
    """

    table: str
    column: str
    row: str
    batch: str
    again: str


def _sealed(table: str, column: str, row: str = "id") -> SealedColumn:
    return SealedColumn(
        table,
        column,
        row,
        batch=f"""
SELECT {row} AS row, {column} AS sealed FROM {table}
WHERE merchant_id = $1 AND {row} > $2 AND octet_length({column}) > 0 AND substring({column} FROM 1 FOR 5) <> $3
ORDER BY {row} LIMIT $4
""",
        again=f"UPDATE {table} SET {column} = $4 WHERE merchant_id = $1 AND {row} = $2 AND {column} = $3",
    )


# Every column of the database that the vault seals; a test compares it with the tables.
SEALED_COLUMNS = (
    _sealed("provider_accounts", "sealed"),
    _sealed("webhook_endpoints", "sealed_secret"),
    _sealed("webhook_endpoints", "sealed_old_secret"),
    _sealed("people", "second_factor_sealed"),
    _sealed("people", "second_factor_pending_sealed"),
    _sealed("payment_methods", "msisdn_sealed"),
    _sealed("transactions", "customer_phone_sealed"),
    _sealed("webhook_events", "body"),
)
