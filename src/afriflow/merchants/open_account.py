"""How a merchant's contract with a provider comes in and changes: checked by the provider's own rules, secrets kept unless given anew."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from afriflow.core.errors import NotFound
from afriflow.core.ids import Ids
from afriflow.db.engine import Connection
from afriflow.merchants import audit_log
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.keys import Caller
from afriflow.port.factory import specs
from afriflow.port.provider import Account, Secret
from afriflow.port.question import check_answers, read_answers

PRIORITY = 100


async def add_account(
    connection: Connection,
    accounts: Accounts,
    ids: Ids,
    caller: Caller,
    provider: str,
    answers: Mapping[str, str],
    *,
    priority: int = PRIORITY,
    base_url: str | None = None,
) -> str:
    """Open an account in the caller's mode and give its id, which is ours: it stands in the provider's callbacks.

    answers: by field, as people write them. Raises WrongAnswer, NotFound for a provider that is not installed. In a
    transaction.
    """
    spec = specs().get(provider)
    if spec is None:
        raise NotFound(id="")
    values = read_answers(spec, answers)
    check_answers(spec, caller.mode, values)
    account_id = ids.new(provider)
    await _keep(connection, accounts, caller, account_id, provider, values, base_url, priority)
    await _write(connection, caller, "account.opened", account_id, provider, sorted(values))
    return account_id


async def change_account(
    connection: Connection,
    accounts: Accounts,
    caller: Caller,
    account_id: str,
    answers: Mapping[str, str],
    *,
    priority: int,
) -> None:
    """Change an account; a secret without an answer stays. Raises WrongAnswer, NotFound. In a transaction."""
    account = await account_of(connection, accounts, caller, account_id)
    spec = specs()[account.provider]
    before = values_of(account)
    secrets = {name: value for name, value in before.items() if isinstance(value, Secret)}
    held = {name: value.reveal() for name, value in secrets.items()}
    # What no page asks for stays, too.
    others = {name: value for name, value in before.items() if name not in answers and name not in secrets}
    values = {**held, **others, **read_answers(spec, answers)}
    check_answers(spec, caller.mode, values)
    changed = sorted(name for name, value in values.items() if value != {**before, **held}.get(name))
    await _keep(
        connection, accounts, caller, account_id, account.provider, values, account.base_url, priority
    )
    await _write(connection, caller, "account.changed", account_id, account.provider, changed)


async def account_of(connection: Connection, accounts: Accounts, caller: Caller, account_id: str) -> Account:
    """Give an account of the caller's mode. Raises NotFound."""
    account = await accounts.account(connection, caller.merchant_id, account_id)
    if account.mode is not caller.mode:
        raise NotFound(id=account_id)
    return account


def values_of(account: Account) -> dict[str, Any]:
    """Give what an account's config holds, without what is empty."""
    config = account.config
    held = {item.name: getattr(config, item.name) for item in dataclasses.fields(config)}
    return {name: value for name, value in held.items() if value is not None}


async def _keep(
    connection: Connection,
    accounts: Accounts,
    caller: Caller,
    account_id: str,
    provider: str,
    values: Mapping[str, Any],
    base_url: str | None,
    priority: int,
) -> None:
    await accounts.open_account(
        connection,
        merchant_id=caller.merchant_id,
        account_id=account_id,
        mode=caller.mode,
        provider=provider,
        config=values,
        base_url=base_url,
        priority=priority,
    )


async def _write(
    connection: Connection, caller: Caller, action: str, account_id: str, provider: str, names: list[str]
) -> None:
    await audit_log.write(
        connection,
        merchant_id=caller.merchant_id,
        who=caller.who,
        action=action,
        subject=account_id,
        details={"mode": caller.mode, "provider": provider, "fields": names},
    )
