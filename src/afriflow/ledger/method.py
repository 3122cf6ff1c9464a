"""How a payer's method is kept: a phone number sealed, found by its blind index, shown by its mask."""

from typing import cast

from afriflow.core.ids import Ids
from afriflow.core.method import MethodType, PaymentMethod
from afriflow.core.msisdn import Msisdn
from afriflow.core.operator import countries
from afriflow.core.place import Place
from afriflow.db.engine import Connection, Record
from afriflow.ledger import store
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault


async def keep_method(
    connection: Connection, vault: Vault, ids: Ids, caller: Caller, method: PaymentMethod
) -> str:
    """Find or write a payer's method; gives its id."""
    method_id, phone = ids.new("pm"), method.msisdn
    place = _place(caller.merchant_id, method_id)
    return await connection.fetchval(
        store.METHOD_UPSERT,
        caller.merchant_id,
        method_id,
        caller.mode,
        method.type,
        method.country,
        method.operator or "",
        phone_index(vault, caller.merchant_id, method),
        phone.masked if phone else "",
        await vault.seal(connection, phone.e164, place) if phone else None,
    )


async def load_method(connection: Connection, vault: Vault, row: Record) -> PaymentMethod:
    """Read a stored payment method. row: as `ledger.store.METHOD` gives it. Raises Unsealable."""
    country, msisdn = countries()[row["country"]], None
    if row["msisdn_sealed"] is not None:
        place = _place(row["merchant_id"], row["id"])
        e164 = cast("str", await vault.unseal(connection, row["msisdn_sealed"], place))
        msisdn = Msisdn(e164, country.alpha2, country.calling_code)
    return PaymentMethod(MethodType(row["type"]), country.alpha2, row["operator"] or None, msisdn)


def phone_index(vault: Vault, merchant_id: str, method: PaymentMethod) -> bytes:
    """Give what a method's phone is found by; empty where it has none."""
    return vault.index(merchant_id, method.msisdn.e164) if method.msisdn else b""


async def seal_customer_phone(
    connection: Connection, vault: Vault, merchant_id: str, transaction_id: str, phone: Msisdn | None
) -> bytes | None:
    """Seal the phone that a merchant gave with a transaction."""
    if phone is None:
        return None
    return await vault.seal(connection, phone.e164, _place_of_customer(merchant_id, transaction_id))


async def customer_phone(connection: Connection, vault: Vault, transaction: Record) -> str | None:
    """Open the phone that a merchant gave with a transaction. Raises Unsealable."""
    merchant_id, transaction_id = transaction["merchant_id"], transaction["id"]
    if not transaction["customer"].get("phone"):
        return None
    sealed = await connection.fetchval(store.CUSTOMER_PHONE, merchant_id, transaction_id)
    return cast(
        "str", await vault.unseal(connection, sealed, _place_of_customer(merchant_id, transaction_id))
    )


async def known_phone(connection: Connection, vault: Vault, transaction: Record) -> str | None:
    """Give the phone that is known of whoever pays a transaction: the customer's, or that of the chosen method."""
    phone = await customer_phone(connection, vault, transaction)
    if phone is None and transaction["payment_method_id"] is not None:
        row = await connection.fetchrow(
            store.METHOD, transaction["merchant_id"], transaction["payment_method_id"]
        )
        method = await load_method(connection, vault, row) if row else None
        phone = method.msisdn.e164 if method and method.msisdn else None
    return phone


def _place(merchant_id: str, method_id: str) -> Place:
    return Place("payment_methods", "msisdn_sealed", merchant_id, method_id)


def _place_of_customer(merchant_id: str, transaction_id: str) -> Place:
    return Place("transactions", "customer_phone_sealed", merchant_id, transaction_id)
