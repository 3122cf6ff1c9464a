"""What is wrong with the accounts at one provider, asked of the provider itself, and said so that it can be mended."""

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
import asyncpg

from afriflow.conformance.credentials import account_in, missing_in
from afriflow.conformance.orders import new_reference, order_of
from afriflow.core.clock import Clock, SystemClock
from afriflow.core.errors import AfriFlowError
from afriflow.core.evidence import Missing, Unclear
from afriflow.db.engine import Database
from afriflow.merchants import store
from afriflow.merchants.accounts import Accounts
from afriflow.merchants.unlock import open_vault
from afriflow.port.examine import Examines, Finding
from afriflow.port.factory import OpenProvider, PaymentFactory
from afriflow.port.provider import Account, Spec
from afriflow.port.reach import ANYWHERE, Lines, open_session
from afriflow.settings import Settings

# Signatures live for minutes and allow ±300 s; a clock this wrong is noticed long before.
CLOCK_DRIFT_SECONDS_MAX = 30
# For the two questions that no adapter asks: is our address reached, what time is it there?
_TIMEOUT = aiohttp.ClientTimeout(total=10)


async def check_up(settings: Settings, spec: Spec, environ: Mapping[str, str]) -> list[Finding]:
    """Look at every account of a provider: those in the database, or without one the one in the environment."""
    clock = SystemClock()
    accounts, findings = await _accounts(settings, spec, environ)
    async with open_session(connections_max=4, reach=ANYWHERE) as session:
        factory = PaymentFactory(
            Lines(session, session), clock, timeout_seconds=settings.provider_timeout_seconds
        )
        for account in accounts:
            facts = {"account": account.id, "mode": account.mode.value, "url": account.base_url}
            findings.append(Finding("account", good=True, facts=facts))
            findings += await _keys(factory.open(account), clock)
            findings += await _clock(session, account, clock)
            findings += await _callback(session, account)
    return findings


async def _accounts(
    settings: Settings, spec: Spec, environ: Mapping[str, str]
) -> tuple[list[Account], list[Finding]]:
    if settings.database_url:
        return await _accounts_in_database(settings, spec)
    missing = missing_in(environ, spec)
    if missing:
        return [], [Finding("credentials_missing", good=False, facts={"missing": ", ".join(missing)})]
    try:
        return [account_in(environ, spec, settings.base_url)], []
    except AfriFlowError as error:
        return [], [Finding("account_unreadable", good=False, facts={"account": spec.name, "reason": error})]


async def _accounts_in_database(settings: Settings, spec: Spec) -> tuple[list[Account], list[Finding]]:
    accounts: list[Account] = []
    findings: list[Finding] = []
    try:
        database = await Database.connect(
            settings.database_url,
            connections_max=1,
            statement_timeout_seconds=settings.statement_timeout_seconds,
        )
    except (OSError, asyncpg.PostgresError, AfriFlowError) as error:
        return [], [Finding("database_away", good=False, facts={"reason": str(error)[:200]})]
    known = Accounts(open_vault(settings), settings.base_url)
    try:
        async with database.connection() as connection:
            for row in await connection.fetch(store.ACCOUNTS_OF_PROVIDER, spec.name):
                try:
                    accounts.append(await known.account(connection, row["merchant_id"], row["id"]))
                except (
                    AfriFlowError
                ) as error:  # sealed under another secret key, or of another version's config
                    facts = {"account": row["id"], "reason": error.code}
                    findings.append(Finding("account_unreadable", good=False, facts=facts))
    finally:
        await database.close()
    if not accounts and not findings:
        findings.append(Finding("no_account", good=False, facts={"provider": spec.title}))
    return accounts, findings


async def _keys(opened: OpenProvider, clock: Clock) -> list[Finding]:
    """Ask about an order that nobody sent: whoever may ask hears that it is not known."""
    order = order_of(opened.account, opened.spec.routes[0], clock)
    # Some ask by an id of their own; any will do that they never gave.
    word = (await opened.adapter.verify(replace(order, provider_reference=new_reference(clock)))).word
    if isinstance(word, Missing):
        findings = [Finding("keys", good=True, facts={"provider": opened.spec.title})]
        if isinstance(opened.adapter, Examines):
            findings += await opened.adapter.examine()
        return findings
    reason = word.reason if isinstance(word, Unclear) else type(word).__name__
    said = opened.http.exchanges[-1] if opened.http.exchanges else None
    if said is not None and said.status is None:
        facts = {"url": opened.account.base_url, "reason": said.error or reason}
        return [Finding("provider_away", good=False, facts=facts)]
    return [Finding("keys_refused", good=False, facts={"provider": opened.spec.title, "reason": reason})]


async def _clock(session: aiohttp.ClientSession, account: Account, clock: Clock) -> list[Finding]:
    """Compare with the Date header, whatever is answered; who does not answer is told of elsewhere."""
    asked_at = clock.now()
    try:
        async with session.get(account.base_url, timeout=_TIMEOUT, allow_redirects=False) as response:
            date = response.headers.get("Date", "")
    except (aiohttp.ClientError, TimeoutError, OSError):
        return []
    with suppress(ValueError, TypeError):  # no date, or one without a zone
        now = asked_at + (clock.now() - asked_at) / 2
        drift_seconds = abs((now - parsedate_to_datetime(date)).total_seconds())
        facts = {"seconds": round(drift_seconds), "allowed": CLOCK_DRIFT_SECONDS_MAX}
        return [Finding("clock_of_provider", drift_seconds <= CLOCK_DRIFT_SECONDS_MAX, facts)]
    return []


async def _callback(session: aiohttp.ClientSession, account: Account) -> list[Finding]:
    """Knock at our own public address, from here; a provider comes from elsewhere."""
    url = account.callback_url
    if _is_private(url) and not _is_private(account.base_url):
        return [Finding("callback_private", good=False, facts={"url": url})]
    try:
        async with session.get(url, timeout=_TIMEOUT, allow_redirects=False) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        facts = {"url": url, "reason": str(error) or type(error).__name__}
        return [Finding("callback_unreachable", good=False, facts=facts)]
    if status != 200:
        return [Finding("callback_unreachable", good=False, facts={"url": url, "reason": f"HTTP {status}"})]
    return [Finding("callback_reachable", good=True, facts={"url": url})]


def _is_private(url: str) -> bool:
    """Tell whether only this machine or this network finds it there, as far as the address alone says."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or "." not in host
