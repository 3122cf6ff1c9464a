"""A list that is narrowed to a currency is found by an index: one that nobody pays in was looked for among all payments."""

from afriflow.db.online import add_index

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    add_index("ix_transactions_currency", "transactions", ["merchant_id", "mode", "currency", "id"])
