"""The whole database on one page.

Every table carries `merchant_id`, first in its primary key: today the wall between tenants, tomorrow the column
that a fleet is distributed by. Tables that answer "whose is this?" (an API key, a payment link, a provider's
reference) are the only ones keyed otherwise; they are small and would be copied to every node. Amounts are integers
of minor units. What people or providers wrote is never trusted to be short: limits stand in the checks.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from afriflow.core.money import AMOUNT_MINOR_MAX

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_NOW = text("now()")


def _time(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=None if nullable else _NOW)


def _merchant() -> Column[str]:
    return Column("merchant_id", Text, nullable=False)


def _mode() -> tuple[Column[str], CheckConstraint]:
    return Column("mode", Text, nullable=False), CheckConstraint("mode IN ('test', 'live')", name="mode")


def _json(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, JSONB, nullable=nullable)


# ── who is who ──────────────────────────────────────────────────────────────────────────────────────────────────
merchants = Table(
    "merchants",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("prompts_unlimited", Boolean, nullable=False, server_default=text("false")),
    _time("created_at"),
)

api_keys = Table(  # looked up by its hash before the merchant is known
    "api_keys",
    metadata,
    Column("key_hash", LargeBinary, primary_key=True),
    _merchant(),
    *_mode(),
    Column("id", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("scopes", ARRAY(Text)),  # NULL = every permission
    Column("made_by", Text, nullable=False, server_default=""),
    _time("created_at"),
    _time("expires_at", nullable=True),
    _time("used_at", nullable=True),
    _time("revoked_at", nullable=True),
    Column("replaced_by", Text),
    UniqueConstraint("merchant_id", "id"),
)

people = Table(  # looked up by address before the merchant is known
    "people",
    metadata,
    Column("email", Text, primary_key=True),
    _merchant(),
    Column("id", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("second_factor_sealed", LargeBinary),  # as the one that waits for its first code
    Column("second_factor_pending_sealed", LargeBinary),
    _time("second_factor_since", nullable=True),
    Column(
        "second_factor_step", BigInteger
    ),  # the last code's: no code counts twice, none before it counts any more
    _time("created_at"),
    _time("suspended_at", nullable=True),
    UniqueConstraint("merchant_id", "id"),
    CheckConstraint("role IN ('owner', 'developer', 'finance', 'support', 'read_only')", name="role"),
    CheckConstraint(
        "(second_factor_sealed IS NULL) = (second_factor_since IS NULL)",
        name="second_factor",
    ),
)

recovery_codes = Table(  # those that were not used yet
    "recovery_codes",
    metadata,
    _merchant(),
    Column("person_id", Text, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("merchant_id", "person_id", "code_hash"),
)

dashboard_sessions = Table(  # looked up by its token's hash before the merchant is known
    "dashboard_sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    _merchant(),
    Column("id", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("code_wanted", Boolean, nullable=False),  # a password was given, the second factor not yet
    Column("agent", Text, nullable=False),
    Column("address", Text, nullable=False),
    _time("created_at"),
    _time("proven_at"),
    _time("seen_at"),
    _time("expires_at"),
    UniqueConstraint("merchant_id", "id"),
    Index("ix_dashboard_sessions_person", "merchant_id", "person_id"),
)

person_links = Table(  # invitations and resets that were not used yet, looked up by their token's hash
    "person_links",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    _merchant(),
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("role", Text),
    Column("forget_factor", Boolean, nullable=False),
    Column("made_by", Text, nullable=False),
    _time("created_at"),
    _time("expires_at"),
    UniqueConstraint("merchant_id", "email"),
    CheckConstraint("kind IN ('invitation', 'reset')", name="kind"),
    CheckConstraint("(kind = 'invitation') = (role IS NOT NULL)", name="role"),
)

saved_views = Table(  # filters of lists under a name
    "saved_views",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    Column("listing", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("shared", Boolean, nullable=False),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "id"),
    UniqueConstraint("merchant_id", "made_by", "listing", "name"),
)

provider_accounts = Table(
    "provider_accounts",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("provider", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    _json("config", nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("priority", Integer, nullable=False),
    _json("bounds"),  # what the provider told of the account when it was last asked
    _json("forced"),  # the circuits that people hold open or closed, until when
    _json("standings"),  # how its orders ended lately, for each operation and operator
    _time("paused_at", nullable=True),
    Column("paused_by", Text),
    Column("paused_why", Text),
    Column("sequence", Integer, nullable=False, server_default="0"),  # of what merchants are told about it
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "id"),
    UniqueConstraint("id"),  # a notification's address names the account and nobody else
)

account_hours = Table(  # how calls and orders went, counted by the clock
    "account_hours",
    metadata,
    _merchant(),
    Column("account_id", Text, nullable=False),
    Column("hour", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("good", Integer, nullable=False),
    Column("slow", Integer, nullable=False),
    Column("milliseconds", BigInteger, nullable=False),
    PrimaryKeyConstraint("merchant_id", "account_id", "hour", "kind", "operation", "operator"),
    CheckConstraint("kind IN ('call', 'order')", name="kind"),
    Index("ix_account_hours_hour", "hour"),
)

merchant_policies = Table(
    "merchant_policies",
    metadata,
    _merchant(),
    *_mode(),
    Column("late_success", Text, nullable=False, server_default="hold"),
    Column("second_factor", Text, nullable=False, server_default="money"),  # of whom, in live mode
    Column("updated_by", Text, nullable=False),
    _time("updated_at"),
    Column("approval_above", JSONB),  # by currency: payouts of more wait for a second person
    PrimaryKeyConstraint("merchant_id", "mode"),
    CheckConstraint("late_success IN ('hold', 'accept', 'auto_refund')", name="late_success"),
    CheckConstraint("second_factor IN ('nobody', 'money', 'everybody')", name="second_factor"),
)

brands = Table(  # how a merchant looks to its payers; one without a row looks as we do
    "brands",
    metadata,
    _merchant(),
    Column("public_name", Text, nullable=False, server_default=""),
    Column("accent", Text),
    Column("support_phone", Text, nullable=False, server_default=""),
    Column("support_whatsapp", Text, nullable=False, server_default=""),
    Column("support_email", Text, nullable=False, server_default=""),
    Column("logo", LargeBinary),  # drawn by us, never as it came
    Column("logo_hash", Text),
    Column("updated_by", Text, nullable=False),
    _time("updated_at"),
    PrimaryKeyConstraint("merchant_id"),
    CheckConstraint("(logo IS NULL) = (logo_hash IS NULL)", name="logo"),
)

data_keys = (
    Table(  # what a merchant's secrets are sealed with, each wrapped by a key that is not in the database
        "data_keys",
        metadata,
        _merchant(),  # empty: what came in while nobody knew whose it is
        Column("number", Integer, nullable=False),
        Column("wrapped", LargeBinary, nullable=False),
        Column("wrapped_by", Text, nullable=False),
        _time("created_at"),
        PrimaryKeyConstraint("merchant_id", "number"),
    )
)

routing_rules = Table(
    "routing_rules",
    metadata,
    _merchant(),
    *_mode(),
    _json("rules", nullable=False),
    _time("updated_at"),
    PrimaryKeyConstraint("merchant_id", "mode"),
)

routing_drafts = Table(  # rules in the making, until they are put in force or thrown away
    "routing_drafts",
    metadata,
    _merchant(),
    *_mode(),
    _json("rules", nullable=False),
    Column("revision", Integer, nullable=False),
    Column("by", Text, nullable=False),
    _time("at"),
    PrimaryKeyConstraint("merchant_id", "mode"),
)

# ── payments ────────────────────────────────────────────────────────────────────────────────────────────────────
payment_methods = Table(
    "payment_methods",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("type", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("operator", Text, nullable=False, server_default=""),
    # Found by its blind index, shown by its mask, read by whoever has the keys; all empty without a phone.
    Column("msisdn_index", LargeBinary, nullable=False, server_default=""),
    Column("msisdn_mask", Text, nullable=False, server_default=""),
    Column("msisdn_sealed", LargeBinary),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "id"),
    UniqueConstraint(
        "merchant_id", "mode", "type", "country", "operator", "msisdn_index", name="uq_payment_methods_method"
    ),
    Index("ix_payment_methods_msisdn", "merchant_id", "mode", "msisdn_index"),
)

transactions = Table(
    "transactions",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("status", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("refund_reserved_minor", BigInteger, nullable=False, server_default="0"),
    Column("refunded_minor", BigInteger, nullable=False, server_default="0"),
    Column("country", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("description", Text),
    _json("customer", nullable=False),
    Column("customer_phone_sealed", LargeBinary),  # whose mask is in `customer`
    Column("payment_method_id", Text),
    Column("payer_chooses", Boolean, nullable=False),
    Column("language", Text, nullable=False),
    Column("return_url", Text),
    Column("cancel_url", Text),
    _json("metadata", nullable=False),
    _json("next_action"),
    _json("failure"),
    Column("late", Boolean, nullable=False, server_default=text("false")),
    Column("needs_review", Boolean, nullable=False, server_default=text("false")),
    _json("review"),  # the reasons, while there are any
    _json("warnings"),  # what its creation was warned about
    Column("unresolved", Boolean, nullable=False, server_default=text("false")),
    _json("routing"),
    Column("idempotency_key", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("sequence", Integer, nullable=False, server_default="0"),
    Column("story_length", Integer, nullable=False, server_default="0"),
    _time("created_at"),
    _time("updated_at"),
    _time("expires_at"),
    PrimaryKeyConstraint("merchant_id", "id"),
    UniqueConstraint("merchant_id", "mode", "reference"),
    CheckConstraint(
        "status IN ('requires_payment_method', 'requires_action', 'processing', 'succeeded', 'failed', 'cancelled', 'expired')",
        name="status",
    ),
    CheckConstraint(f"amount_minor BETWEEN 1 AND {AMOUNT_MINOR_MAX}", name="amount"),
    CheckConstraint(  # S8: what is promised back never exceeds what came, whatever races
        "refunded_minor BETWEEN 0 AND refund_reserved_minor AND refund_reserved_minor <= amount_minor",
        name="refunded",
    ),
    CheckConstraint("refunded_minor = 0 OR status = 'succeeded'", name="refunded_only_when_paid"),
    Index("ix_transactions_recent", "merchant_id", "mode", "id"),
    Index("ix_transactions_method", "merchant_id", "payment_method_id", "created_at"),
    Index("ix_transactions_status", "merchant_id", "mode", "status", "id"),
    Index("ix_transactions_country", "merchant_id", "mode", "country", "id"),
    Index("ix_transactions_currency", "merchant_id", "mode", "currency", "id"),
    Index(  # what waits for a person, oldest first
        "ix_transactions_review",
        "merchant_id",
        "mode",
        "created_at",
        "id",
        postgresql_where=text("needs_review"),
    ),
    Index(
        "ix_transactions_unresolved",
        "merchant_id",
        "mode",
        "created_at",
        "id",
        postgresql_where=text("unresolved"),
    ),
    Index("ix_transactions_changed", "updated_at"),
    Index(
        "ix_transactions_unfinished",
        "expires_at",
        postgresql_where=text("status IN ('requires_payment_method', 'requires_action', 'processing')"),
    ),
)

checkout_sessions = Table(  # looked up by the token in a payer's link
    "checkout_sessions",
    metadata,
    Column("token", Text, primary_key=True),
    _merchant(),
    Column("transaction_id", Text, nullable=False),
)

payment_links = Table(
    "payment_links",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("token", Text, nullable=False),
    Column("amount_minor", BigInteger),
    Column("amount_min_minor", BigInteger),
    Column("amount_max_minor", BigInteger),
    Column("currency", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("description", Text),
    Column("return_url", Text),
    _json("metadata", nullable=False),
    Column("language", Text, nullable=False),
    Column("uses_max", Integer),
    _time("created_at"),
    _time("expires_at", nullable=True),
    _time("disabled_at", nullable=True),
    PrimaryKeyConstraint("merchant_id", "id"),
    UniqueConstraint("token"),  # the address is all that a payer has
    Index("ix_payment_links_recent", "merchant_id", "mode", "id"),
)

payment_link_uses = Table(  # a payer who went on: the place is taken before the payment is made
    "payment_link_uses",
    metadata,
    _merchant(),
    Column("link_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("transaction_id", Text),
    _time("began_at"),
    PrimaryKeyConstraint("merchant_id", "link_id", "number"),
    UniqueConstraint("merchant_id", "link_id", "nonce"),
)

attempts = Table(
    "attempts",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("transaction_id", Text, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("provider_reference", Text),
    Column("operator_reference", Text),
    Column("status", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("payment_method_id", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("sends", SmallInteger, nullable=False, server_default="0"),
    Column("checks", SmallInteger, nullable=False, server_default="0"),
    _json("failure"),
    Column("surplus", Boolean, nullable=False, server_default=text("false")),  # brought money beside another
    _time("created_at"),
    _time("last_sent_at", nullable=True),
    _time("in_flight_until", nullable=True),
    _time("updated_at"),
    _time("finished_at", nullable=True),
    PrimaryKeyConstraint("merchant_id", "id"),
    UniqueConstraint("merchant_id", "transaction_id", "number"),
    UniqueConstraint("merchant_id", "reference"),
    CheckConstraint(
        "status IN ('planned', 'unknown', 'pending', 'succeeded', 'failed', 'not_sent', 'never_received')",
        name="status",
    ),
    CheckConstraint(f"amount_minor BETWEEN 1 AND {AMOUNT_MINOR_MAX}", name="amount"),
    Index(  # S1: at most one attempt of a payment may hold or bring money
        "uq_attempts_one_live",
        "merchant_id",
        "transaction_id",
        unique=True,
        postgresql_where=text("status IN ('planned', 'unknown', 'pending', 'succeeded')"),
    ),
    Index(
        "ix_attempts_open",
        "merchant_id",
        "created_at",
        postgresql_where=text("status IN ('planned', 'unknown', 'pending')"),
    ),
    Index("ix_attempts_provider_reference", "merchant_id", "provider_reference"),
    Index(
        "ix_attempts_operator_reference",
        "merchant_id",
        "operator_reference",
        postgresql_where=text("operator_reference IS NOT NULL"),
    ),
    Index("ix_attempts_provider", "merchant_id", "mode", "provider", "transaction_id"),
)

disbursements = (
    Table(  # money out: a refund of a transaction, or a payout to a person; each is sent as one order
        "disbursements",
        metadata,
        _merchant(),
        Column("id", Text, nullable=False),
        *_mode(),
        Column("kind", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("amount_minor", BigInteger, nullable=False),
        Column("currency", Text, nullable=False),
        Column("country", Text, nullable=False),
        Column("transaction_id", Text),
        Column("merchant_reference", Text),
        Column("payment_method_id", Text, nullable=False),
        Column("recipient_name", Text),
        Column("description", Text),
        _json("metadata", nullable=False),
        Column("language", Text, nullable=False),
        Column("provider", Text, nullable=False),
        Column("account_id", Text, nullable=False),
        Column("cause", Text),  # of a refund that nobody asked for
        Column("payment_attempt_id", Text),  # whose money a refund gives back
        Column("batch_id", Text),  # of payouts that were ordered together
        _json("routing"),
        Column("reference", Text, nullable=False),
        Column("provider_reference", Text),
        Column("operator_reference", Text),
        Column("body_hash", LargeBinary, nullable=False),
        Column("sends", SmallInteger, nullable=False, server_default="0"),
        Column("checks", SmallInteger, nullable=False, server_default="0"),
        _json("failure"),
        Column("needs_review", Boolean, nullable=False, server_default=text("false")),
        Column("unresolved", Boolean, nullable=False, server_default=text("false")),
        Column("sequence", Integer, nullable=False, server_default="0"),
        Column("story_length", Integer, nullable=False, server_default="0"),
        _time("created_at"),
        _time("last_sent_at", nullable=True),
        _time("in_flight_until", nullable=True),
        _time("updated_at"),
        _time("finished_at", nullable=True),
        PrimaryKeyConstraint("merchant_id", "id"),
        UniqueConstraint("merchant_id", "reference"),
        UniqueConstraint("merchant_id", "mode", "kind", "merchant_reference"),
        CheckConstraint("kind IN ('refund', 'payout')", name="kind"),
        CheckConstraint("(kind = 'refund') = (transaction_id IS NOT NULL)", name="refund_of"),
        CheckConstraint(
            "status IN ('unknown', 'pending', 'succeeded', 'failed', 'not_sent', 'never_received')",
            name="status",
        ),
        CheckConstraint(f"amount_minor BETWEEN 1 AND {AMOUNT_MINOR_MAX}", name="amount"),
        CheckConstraint("cause IN ('late', 'overpaid')", name="cause"),
        Index(  # what goes back by itself goes back once
            "uq_disbursements_cause",
            "merchant_id",
            "transaction_id",
            "cause",
            "payment_attempt_id",
            unique=True,
            postgresql_where=text("cause IS NOT NULL"),
        ),
        Index("ix_disbursements_recent", "merchant_id", "mode", "kind", "id"),
        Index("ix_disbursements_transaction", "merchant_id", "transaction_id"),
        Index("ix_disbursements_batch", "merchant_id", "batch_id"),
        Index("ix_disbursements_status", "merchant_id", "mode", "kind", "status", "id"),
        Index("ix_disbursements_method", "merchant_id", "payment_method_id"),
        Index("ix_disbursements_provider_reference", "merchant_id", "provider_reference"),
        Index(
            "ix_disbursements_operator_reference",
            "merchant_id",
            "operator_reference",
            postgresql_where=text("operator_reference IS NOT NULL"),
        ),
        Index(
            "ix_disbursements_review",
            "merchant_id",
            "mode",
            "created_at",
            "id",
            postgresql_where=text("needs_review"),
        ),
        Index(
            "ix_disbursements_unresolved",
            "merchant_id",
            "mode",
            "created_at",
            "id",
            postgresql_where=text("unresolved"),
        ),
        Index("ix_disbursements_changed", "updated_at"),
        Index(
            "ix_disbursements_open",
            "merchant_id",
            "created_at",
            postgresql_where=text("status IN ('unknown', 'pending')"),
        ),
    )
)

payout_batches = Table(
    "payout_batches",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "id"),
    Index("ix_payout_batches_recent", "merchant_id", "mode", "id"),
)

payout_approvals = (
    Table(  # payouts that wait, or waited, for a second person; approved, one is a disbursement of this id
        "payout_approvals",
        metadata,
        _merchant(),
        Column("id", Text, nullable=False),
        *_mode(),
        Column("status", Text, nullable=False, server_default="waiting"),
        Column("key", Text, nullable=False),
        Column("amount_minor", BigInteger, nullable=False),
        Column("currency", Text, nullable=False),
        Column("country", Text, nullable=False),
        Column("merchant_reference", Text, nullable=False),
        Column("payment_method_id", Text, nullable=False),
        Column("recipient_name", Text),
        Column("description", Text),
        Column("metadata", JSONB, nullable=False),
        Column("language", Text, nullable=False),
        Column("asked_by", Text, nullable=False),
        Column("decided_by", Text),
        Column("reason", Text),
        _time("created_at"),
        Column("expires_at", DateTime(timezone=True), nullable=False),
        _time("decided_at", nullable=True),
        PrimaryKeyConstraint("merchant_id", "id"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("status IN ('waiting', 'approved', 'refused', 'expired')", name="status"),
        CheckConstraint("decided_by <> asked_by OR status <> 'approved'", name="two"),
        Index(
            "uq_payout_approvals_reference",
            "merchant_id",
            "mode",
            "merchant_reference",
            unique=True,
            postgresql_where=text("status = 'waiting'"),
        ),
        Index("ix_payout_approvals_recent", "merchant_id", "mode", "id"),
        Index("ix_payout_approvals_waiting", "expires_at", postgresql_where=text("status = 'waiting'")),
    )
)

prompts = Table(  # how often a phone was asked to pay, whoever asked: see checkout/prompt_limit.py
    "prompts",
    metadata,
    _merchant(),
    Column("transaction_id", Text, nullable=False),
    *_mode(),
    Column("phone_hash", LargeBinary, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    PrimaryKeyConstraint("merchant_id", "transaction_id"),
    Index("ix_prompts_phone", "mode", "phone_hash", "asked_at"),
    Index("ix_prompts_old", "asked_at"),
)

provider_references = Table(  # a notification knows only a reference: whose is it?
    "provider_references",
    metadata,
    Column("provider", Text, nullable=False),
    Column("reference", Text, nullable=False),
    _merchant(),
    Column("account_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    PrimaryKeyConstraint("provider", "reference"),
    CheckConstraint("kind IN ('payment', 'refund', 'payout')", name="kind"),
)

transaction_events = Table(  # append-only: what happened, in order, and on whose word
    "transaction_events",
    metadata,
    _merchant(),
    Column("subject_id", Text, nullable=False),  # the transaction, or the disbursement
    Column("position", Integer, nullable=False),
    *_mode(),
    Column("attempt_id", Text),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    _json("facts", nullable=False),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "subject_id", "position"),
)

idempotency_keys = Table(  # S9: a key names one payment for ever
    "idempotency_keys",
    metadata,
    _merchant(),
    *_mode(),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("response", LargeBinary),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "mode", "key"),
)

# ── how it went, by the hour: see ledger/tally.py ───────────────────────────────────────────────────────────────
tallies = Table(  # provider empty: all payments, each once; else the orders to that provider
    "tallies",
    metadata,
    _merchant(),
    *_mode(),
    Column("hour", DateTime(timezone=True), nullable=False),
    Column("provider", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("begun", Integer, nullable=False),
    Column("ended", Integer, nullable=False),
    Column("succeeded", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # of what succeeded
    Column("took", ARRAY(Integer), nullable=False),
    PrimaryKeyConstraint("merchant_id", "mode", "hour", "provider", "operator", "country", "currency"),
)

tallied = Table(  # until when what changed has been summed up; one row, of nobody
    "tallied",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("until", DateTime(timezone=True), nullable=False),
)

# ── what was said ───────────────────────────────────────────────────────────────────────────────────────────────
provider_logs = Table(
    "provider_logs",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("account_id", Text, nullable=False),
    Column("transaction_id", Text),
    Column("attempt_id", Text),
    Column("operation", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text, nullable=False),
    _json("request_headers", nullable=False),
    Column("request_body", Text, nullable=False),
    Column("status", SmallInteger),
    Column("response_body", Text, nullable=False),
    Column("error", Text),
    Column("duration_ms", Integer, nullable=False),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "id"),
    Index("ix_provider_logs_transaction", "merchant_id", "transaction_id", "id"),
    Index(
        "ix_provider_logs_order", "merchant_id", "attempt_id", "id"
    ),  # an attempt's, a refund's or a payout's
    Index("ix_provider_logs_created_at", "created_at"),
)

webhook_events = (
    Table(  # inbound: as it came, with the verdict on its sender, before anything is read out of it
        "webhook_events",
        metadata,
        _merchant(),  # empty while nobody knows whose it is
        Column("id", Text, nullable=False),
        Column("mode", Text),
        Column("provider", Text, nullable=False),
        Column("account_id", Text),
        Column("method", Text, nullable=False),
        Column("path", Text, nullable=False),
        _json("headers", nullable=False),
        Column("body", LargeBinary, nullable=False),  # sealed; empty once it is forgotten
        Column("verdict", Text, nullable=False),
        Column("verdict_reason", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("outcome", Text),
        Column("transaction_id", Text),
        Column("attempt_id", Text),
        _time("received_at"),
        _time("handled_at", nullable=True),
        PrimaryKeyConstraint("merchant_id", "id"),
        CheckConstraint("status IN ('received', 'handled', 'ignored', 'unmatched')", name="status"),
        Index("ix_webhook_events_transaction", "merchant_id", "transaction_id", "id"),
        Index("ix_webhook_events_order", "merchant_id", "attempt_id", "id"),
        Index("ix_webhook_events_list", "merchant_id", "mode", "provider", "verdict", "status", "id"),
        Index("ix_webhook_events_bodies", "received_at", postgresql_where=text("octet_length(body) > 0")),
        Index(
            "ix_webhook_events_waiting",
            "received_at",
            postgresql_where=text("status IN ('received', 'unmatched')"),
        ),
    )
)

# ── what merchants are told ─────────────────────────────────────────────────────────────────────────────────────
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("types", ARRAY(Text)),  # NULL = every event
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("sealed_old_secret", LargeBinary),  # signs beside the other until then
    _time("old_secret_until", nullable=True),
    _time("created_at"),
    _time("hears_since"),  # it was told of everything it wants that came later
    _time("disabled_at", nullable=True),
    Column("disabled_why", Text),
    PrimaryKeyConstraint("merchant_id", "id"),
)
replays = Table(  # events of a time that an endpoint is told once more, in batches
    "replays",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("endpoint_id", Text, nullable=False),
    _time("since"),
    _time("until", nullable=True),  # NULL = until it was made
    Column("types", ARRAY(Text)),  # NULL = every event
    Column("after_id", Text, nullable=False),  # events up to this one are done
    Column("before_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("events", Integer, nullable=False),
    Column("staged", Integer, nullable=False, server_default="0"),
    Column("made_by", Text, nullable=False),
    _time("created_at"),
    _time("finished_at", nullable=True),
    PrimaryKeyConstraint("merchant_id", "id"),
    CheckConstraint("status IN ('running', 'finished', 'stopped')", name="status"),
    Index("ix_replays_endpoint", "merchant_id", "endpoint_id", "id"),
    Index(
        "uq_replays_one_running",
        "merchant_id",
        "endpoint_id",
        unique=True,
        postgresql_where=text("status = 'running'"),
    ),
)

events = Table(  # outbound: the very bytes that are sent, written in the transaction that made them true
    "events",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("subject_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "id"),
    UniqueConstraint("merchant_id", "subject_id", "sequence"),
    Index("ix_events_recent", "merchant_id", "mode", "id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _merchant(),
    Column("id", Text, nullable=False),
    *_mode(),
    Column("event_id", Text, nullable=False),
    Column("endpoint_id", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("type", Text, nullable=False, server_default=""),  # the event's, so that lists narrow to it
    Column("status", Text, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    _time("created_at"),
    _time("next_try_at"),
    _time("finished_at", nullable=True),
    PrimaryKeyConstraint("merchant_id", "id"),
    CheckConstraint("status IN ('waiting', 'delivered', 'given_up')", name="status"),
    Index("ix_deliveries_order", "merchant_id", "endpoint_id", "subject_id", "sequence"),
    Index("ix_deliveries_event", "merchant_id", "event_id"),
    Index("ix_deliveries_state", "merchant_id", "endpoint_id", "status", "id"),
    Index("ix_deliveries_type", "merchant_id", "endpoint_id", "type", "status", "id"),
    Index("ix_deliveries_waiting", "created_at", postgresql_where=text("status = 'waiting'")),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    _merchant(),
    Column("delivery_id", Text, nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("status", SmallInteger),
    Column("answer", Text, nullable=False),
    Column("error", Text),
    Column("duration_ms", Integer, nullable=False),
    _time("created_at"),
    PrimaryKeyConstraint("merchant_id", "delivery_id", "number"),
    Index("ix_delivery_attempts_created_at", "created_at"),
)

# ── what the audit found ────────────────────────────────────────────────────────────────────────────────────────
audits = Table(  # how far the look by the clock has come; one row, of nobody
    "audits",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("looked_until", DateTime(timezone=True), nullable=False),
    _time("finished_at", nullable=True),
)

violations = Table(  # what is broken now: a row goes when the next look finds it whole
    "violations",
    metadata,
    _merchant(),
    Column("rule", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("detail", Text, nullable=False),
    _time("found_at"),
    _time("seen_at"),
    PrimaryKeyConstraint("merchant_id", "rule", "subject_id"),
)

# ── who did what ────────────────────────────────────────────────────────────────────────────────────────────────
audit_log = Table(  # append-only, and each entry holds the hash of the one before: see merchants/audit_log.py
    "audit_log",
    metadata,
    _merchant(),
    Column("sequence", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),  # JSON to the letter, as it was hashed
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("merchant_id", "sequence"),
    Index("ix_audit_log_who", "merchant_id", "who", "sequence"),
    Index("ix_audit_log_action", "merchant_id", "action", "sequence"),
    Index("ix_audit_log_subject", "merchant_id", "subject", "sequence"),
    Index("ix_audit_log_at", "merchant_id", "at"),
)

audit_heads = Table(  # how far each chain has come; its row is the lock that orders writers
    "audit_heads",
    metadata,
    Column("merchant_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
