"""The demo's merchant: made once, remembered in the home directory, found again at the next start."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from afriflow.assembly import Assembly
from afriflow.core.errors import Unauthenticated
from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.delivery.endpoints import add_endpoint, endpoints_of, remove_endpoint
from afriflow.merchants.accounts import make_merchant
from afriflow.merchants.api_keys import caller_of_key, make_key
from afriflow.merchants.keys import Caller
from afriflow.merchants.policy import FactorPolicy, put_factor_policy
from afriflow.merchants.team import add_person
from afriflow.port.factory import specs

_WHO = "afriflow start"  # in the audit log


class DemoMerchant(msgspec.Struct, frozen=True):
    """What only its maker knows; kept readable for its owner alone."""

    merchant_id: str
    api_key: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The demo merchant, set up against the addresses of this start."""

    merchant: DemoMerchant
    caller: Caller
    webhook_secret: str


async def ready_merchant(
    house: Assembly, home: Path, providers: list[str], *, others_url: str | None = None
) -> Ready:
    """Find or make the merchant, point its accounts at the simulators and its endpoint at its shop.

    others_url: where the simulators and the shop are; None = on this very site.
    """
    others_url = others_url or house.settings.base_url
    merchant, caller = await _find(house, home / "demo.json")
    async with house.database.transaction() as connection:
        for priority, provider in enumerate(providers, start=1):
            spec = specs()[provider]
            await house.accounts.open_account(
                connection,
                merchant_id=merchant.merchant_id,
                account_id=account_id(merchant, provider),
                mode=Mode.TEST,
                provider=provider,
                config=spec.demo_config,
                base_url=simulator_url(others_url, provider) + urlsplit(spec.base_urls[Mode.TEST]).path,
                priority=priority * 10,
            )
        secret = await _endpoint(house, connection, merchant.merchant_id, others_url)
    return Ready(merchant, caller, secret)


def account_id(merchant: DemoMerchant, provider: str) -> str:
    """Name an account: one of each provider, and no other database's."""
    return f"{provider}_{merchant.merchant_id[-8:]}"


def write_private(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, whole or not at all: scripts wait for it to appear."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(content)
    unfinished.replace(path)


def simulator_url(site_url: str, provider: str) -> str:
    return f"{site_url}/simulators/{provider}"


async def _find(house: Assembly, path: Path) -> tuple[DemoMerchant, Caller]:
    if path.exists():
        merchant = msgspec.json.decode(path.read_bytes(), type=DemoMerchant)
        try:
            async with house.database.connection() as connection:
                return merchant, await caller_of_key(connection, house.vault, f"Bearer {merchant.api_key}")
        except Unauthenticated:
            pass  # another database or another secret key: this merchant is not of it
    merchant_id = house.ids.new("mer")
    email, password = f"demo-{merchant_id[-8:]}@afriflow.test", secrets.token_urlsafe(9)
    async with house.database.transaction() as connection:
        await make_merchant(
            connection,
            house.ids,
            name="Boutique Teranga",
            country="SN",
            language="fr",
            merchant_id=merchant_id,
        )
        key = await make_key(connection, house.vault, house.ids, merchant_id=merchant_id, mode=Mode.TEST)
        await add_person(
            connection,
            house.ids,
            merchant_id=merchant_id,
            email=email,
            password=password,
            role=Role.OWNER,
        )
        # No real money ever moves here: who looks at live mode needs no second factor.
        await put_factor_policy(connection, merchant_id, _WHO, FactorPolicy.NOBODY)
        caller = await caller_of_key(connection, house.vault, f"Bearer {key}")
    merchant = DemoMerchant(merchant_id, key, email, password)
    write_private(path, msgspec.json.format(msgspec.json.encode(merchant)))
    return merchant, caller


async def _endpoint(house: Assembly, connection: Any, merchant_id: str, others_url: str) -> str:
    """Keep exactly one endpoint of the demo's own shop, at this start's address."""
    url = f"{others_url}/simulators/shop/webhooks"
    for known in await endpoints_of(connection, house.vault, merchant_id, Mode.TEST):
        if known.url == url:
            return known.secret
        if known.url.endswith("/simulators/shop/webhooks"):
            await remove_endpoint(
                connection, merchant_id=merchant_id, mode=Mode.TEST, endpoint_id=known.id, who=_WHO
            )
    made = await add_endpoint(
        connection, house.vault, house.ids, merchant_id=merchant_id, mode=Mode.TEST, url=url, who=_WHO
    )
    return made.secret
