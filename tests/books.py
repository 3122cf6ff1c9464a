"""A merchant's payments and money out of the past, for tests of what lists show."""

import uuid
from datetime import UTC, datetime
from typing import Any

from desk import Desk

from afriflow.core.ids import first_id
from afriflow.core.msisdn import mask

DAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
AWA = "+221773456789"


class Books:
    """A merchant's payments and payouts, written as the ledger would have."""

    def __init__(self, desk: Desk, merchant_id: str) -> None:
        self.rows, self.vault, self.merchant_id = desk.rows, desk.house.vault, merchant_id
        self.methods: dict[tuple[str, ...], str] = {}

    async def _insert(self, table: str, **values: Any) -> None:
        values = {"merchant_id": self.merchant_id, **values}
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        query = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})"  # noqa: S608 — names of a test
        await self.rows.execute(query, *values.values())

    async def method(self, operator: str, country: str, phone: str, mode: str) -> str:
        key = (operator, country, phone, mode)
        if key in self.methods:
            return self.methods[key]
        method_id = self.methods[key] = f"pm_{uuid.uuid4().hex}"
        index = self.vault.index(self.merchant_id, phone)
        await self._insert(
            "payment_methods",
            id=method_id, mode=mode, type="mobile_money", country=country, operator=operator,
            msisdn_index=index, msisdn_mask=mask(phone),
        )  # fmt: skip
        return method_id

    async def payment(
        self,
        reference: str,
        *,
        operator: str = "orange_sn",
        country: str = "SN",
        currency: str = "XOF",
        provider: str = "pawapay",
        status: str = "succeeded",
        phone: str = "",
        at: datetime = DAY,
        mode: str = "test",
        **flags: Any,
    ) -> str:
        phone = phone or f"+22177{uuid.uuid4().int % 10**7:07}"
        transaction_id = first_id("txn", at)[:-8] + uuid.uuid4().hex[:8]
        method_id = await self.method(operator, country, phone, mode)
        await self._insert(
            "transactions",
            id=transaction_id, mode=mode, status=status, amount_minor=5000, currency=currency, country=country,
            reference=reference, customer="{}", payment_method_id=method_id, payer_chooses=False, language="fr",
            metadata="{}", idempotency_key=uuid.uuid4().hex, token=uuid.uuid4().hex, created_at=at, expires_at=at,
            **flags,
        )  # fmt: skip
        await self._insert(
            "attempts",
            id=f"att_{reference}", mode=mode, transaction_id=transaction_id, number=1, provider=provider,
            account_id="acc", reference=f"ours-{reference}", provider_reference=f"theirs-{reference}",
            operator_reference=f"MP-{reference}", status="succeeded" if status == "succeeded" else "failed",
            amount_minor=5000, currency=currency, payment_method_id=method_id, body_hash=b"",
        )  # fmt: skip
        return transaction_id

    async def out(
        self, reference: str, *, kind: str = "payout", phone: str = AWA, at: datetime = DAY, **more: Any
    ) -> str:
        found = first_id("pyt" if kind == "payout" else "ref", at)[:-8] + uuid.uuid4().hex[:8]
        method_id = await self.method("wave_sn", "SN", phone, "test")
        await self._insert(
            "disbursements",
            **{
                "id": found, "mode": "test", "kind": kind, "status": "succeeded", "amount_minor": 700,
                "currency": "XOF", "country": "SN", "payment_method_id": method_id, "metadata": "{}",
                "language": "fr", "provider": "pawapay", "account_id": "acc", "reference": f"ours-{reference}",
                "provider_reference": f"theirs-{reference}", "operator_reference": f"MP-{reference}",
                "merchant_reference": reference if kind == "payout" else None, "body_hash": b"",
                "created_at": at, **more,
            },
        )  # fmt: skip
        return found
