"""The commands that speak to a running AfriFlow over HTTP."""

import os
import uuid
from typing import Any

import aiohttp
import click
import msgspec

from afriflow.cli.words import asynchronous, language, t
from afriflow.settings import Settings


@click.command(help=t("checkout"))
@click.option("--amount", type=int, required=True, help=t("checkout_amount"))
@click.option("--currency", default="XOF", show_default=True)
@click.option("--country", default="SN", show_default=True)
@click.option("--phone", default=None, help=t("checkout_phone"))
@click.option("--operator", default=None, help=t("checkout_operator"))
@click.option("--otp", default=None, help=t("checkout_otp"))
@click.option("--reference", default=None, help=t("checkout_reference"))
@click.option("--key", default=None, help=t("checkout_key"))
@asynchronous
async def checkout(
    amount: int,
    currency: str,
    country: str,
    phone: str | None,
    operator: str | None,
    otp: str | None,
    reference: str | None,
    key: str | None,
) -> None:
    body: dict[str, Any] = {
        "amount": amount,
        "currency": currency,
        "country": country,
        "reference": reference or f"cli-{uuid.uuid4().hex[:12]}",
    }
    if phone:
        method = {"type": "mobile_money", "phone": phone, "operator": operator, "otp": otp}
        body["payment_method"] = {name: value for name, value in method.items() if value}
    await _show("POST", "/api/checkout", body=body, headers={"idempotency-key": key or uuid.uuid4().hex})


@click.command(help=t("transactions"))
@click.argument("transaction_id", required=False)
@click.option("--status", default=None)
@click.option("--needs-review", is_flag=True, help=t("transactions_needs_review"))
@click.option("--unresolved", is_flag=True, help=t("transactions_unresolved"))
@click.option("--limit", default=20, show_default=True)
@asynchronous
async def transactions(
    transaction_id: str | None, status: str | None, limit: int, *, needs_review: bool, unresolved: bool
) -> None:
    if transaction_id:
        await _show("GET", f"/api/transactions/{transaction_id}")
        return
    narrowed = {"status": status, "needs_review": needs_review, "unresolved": unresolved}
    query = {name: str(value).lower() for name, value in narrowed.items() if value}
    page = await _call("GET", "/api/transactions", query={"limit": str(limit), **query})
    for item in page["data"]:
        method: dict[str, Any] = item["payment_method"] or {}
        operator = method.get("operator") or "-"
        click.echo(
            f"{item['created_at'][:19]}  {item['id']}  {item['status']:<24}{item['amount_display']:>16}  "
            f"{operator:<14}{item['provider'] or '-':<10}{item['reference']}"
        )


@click.command(help=t("providers"))
@asynchronous
async def providers() -> None:
    page = await _call("GET", "/api/providers")
    for item in page["data"]:
        health = "✓" if item["healthy"] else "✗"
        countries = ",".join(sorted({route["country"] for route in item["routes"]}))
        click.echo(
            f"{health} {item['id']:<24}{item['provider']:<12}{item['mode']:<6}{item['status']:<8}{countries}"
        )
        for circuit in item["circuits"]:
            place = f"    {circuit['operation']} {circuit['operator'] or '*'}"
            click.echo(f"{place}  {t('providers_circuit_' + circuit['state'])}")
            if forced := circuit["forced"]:
                end = t(
                    "providers_until", time=forced["until"][:19], by=forced["by"], reason=forced["reason"]
                )
                click.echo(f"{place}  {t('providers_forced_' + forced['state'])} {end}")
        for standing in item["standings"]:
            facts = {"percent": standing["percent"], "outcomes": standing["outcomes"]}
            place = f"    {standing['operation']} {standing['operator'] or '-'}"
            click.echo(f"{place}  {t('providers_standing', **facts)}")


@click.group(help=t("breaker"))
def breaker() -> None:
    """Dispatch to what a person decides about a breaker."""


_OPERATION = click.option(
    "--operation",
    type=click.Choice(["initiate", "disburse"]),
    default="initiate",
    show_default=True,
    help=t("force_operation"),
)
_OPERATOR = click.option("--operator", default=None, help=t("force_operator"))


@breaker.command(help=t("force"))
@click.argument("account_id")
@click.option("--as", "state", type=click.Choice(["open", "closed"]), required=True, help=t("force_as"))
@_OPERATION
@_OPERATOR
@click.option("--minutes", type=click.IntRange(1), required=True, help=t("force_minutes"))
@click.option("--reason", required=True, help=t("force_reason"))
@asynchronous
async def force(
    account_id: str, state: str, operation: str, operator: str | None, minutes: int, reason: str
) -> None:
    place = {"operation": operation, "operator": operator}
    body = {**place, "state": state, "expires_in": 60 * minutes, "reason": reason}
    await _call("POST", f"/api/providers/{account_id}/force", body=body)
    click.echo(t("forced", id=account_id))


@breaker.command(help=t("unforce"))
@click.argument("account_id")
@_OPERATION
@_OPERATOR
@asynchronous
async def unforce(account_id: str, operation: str, operator: str | None) -> None:
    body = {"operation": operation, "operator": operator}
    await _call("POST", f"/api/providers/{account_id}/unforce", body=body)
    click.echo(t("forced", id=account_id))


async def _show(method: str, path: str, **how: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(await _call(method, path, **how)), indent=2).decode())


async def _call(
    method: str,
    path: str,
    *,
    body: Any = None,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Any:
    """Speak to a running AfriFlow: the one of AFRIFLOW_URL and AFRIFLOW_API_KEY, else the demo of this home."""
    url, key = os.environ.get("AFRIFLOW_URL"), os.environ.get("AFRIFLOW_API_KEY")
    if not (url and key):
        ready = Settings.from_environment().home / "ready.json"
        if not ready.exists():
            raise click.ClickException(t("not_running", path=ready))
        facts = msgspec.json.decode(ready.read_bytes())
        url, key = url or facts["url"], key or facts["api_key"]
    sent = {"authorization": f"Bearer {key}", "accept-language": language(), **(headers or {})}
    timeout = aiohttp.ClientTimeout(total=90)
    async with (
        aiohttp.ClientSession(trust_env=False, timeout=timeout) as session,
        session.request(method, url.rstrip("/") + path, json=body, params=query, headers=sent) as response,
    ):
        answer = await response.json(content_type=None)
    if response.status >= 400:
        lines = [answer.get("detail", str(response.status))]
        lines += [f"  {fault['pointer']}: {fault['detail']}" for fault in answer.get("errors", [])]
        lines += [f"  {item['account']}: {item['why']}" for item in answer.get("considered", [])]
        raise click.ClickException("\n".join(lines))
    return answer
