"""The commands: what a person types, in French and in English."""

import functools
import locale
import os
import sys
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import click
import msgspec

from afriflow.core.errors import AfriFlowError
from afriflow.core.language import LANGUAGES, say
from afriflow.core.transaction import Mode
from afriflow.port.examine import Finding
from afriflow.port.factory import specs
from afriflow.port.provider import Spec
from afriflow.settings import Settings

Command = Callable[..., Coroutine[Any, Any, None]]


def _language() -> str:
    """Read the person's language as the shell says it, English where it says nothing of ours."""
    for variable in ("AFRIFLOW_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        text = os.environ.get(variable, "")
        if text:
            return text[:2] if text[:2] in LANGUAGES else "en"
    return (locale.getlocale()[0] or "en")[:2]


def _t(key: str, **facts: object) -> str:
    return say(f"cli.{key}", _language(), **facts)


def _async(command: Command) -> Callable[..., None]:
    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        import uvloop  # noqa: PLC0415 — not on every system; asyncio's own loop does elsewhere

        from afriflow.local.errors import LocalServersError  # noqa: PLC0415

        try:
            uvloop.run(command(*arguments, **options))
        except KeyboardInterrupt:
            sys.exit(130)
        except LocalServersError as error:
            raise click.ClickException(error.message(_language())) from error
        except AfriFlowError as error:
            sentence = say(f"error.{error.code}", _language(), **error.facts)
            raise click.ClickException(sentence) from error
        except (ValueError, OSError) as error:
            raise click.ClickException(str(error)) from error

    return run


@click.group(help=_t("afriflow"))
def main() -> None:
    """Dispatch to a command."""


@main.command(help=_t("start"))
@_async
async def start() -> None:
    from afriflow.demo.run import start as run  # noqa: PLC0415 — other commands need no demo

    await run(Settings.from_environment(), _welcome)


def _welcome(facts: dict[str, Any]) -> None:
    click.echo(
        _t(
            "ready",
            url=facts["url"],
            dashboard_url=facts["dashboard_url"],
            user=facts["dashboard_user"],
            password=facts["dashboard_password"],
            phone_url=facts["phone_url"],
            api_key=facts["api_key"],
            first_payment=facts["first_payment"],
        )
    )


@main.command(help=_t("serve"))
@_async
async def serve() -> None:
    from afriflow.serve import serve as run  # noqa: PLC0415

    await run(Settings.from_environment())


@main.command(help=_t("work"))
@_async
async def work() -> None:
    from afriflow.serve import work as run  # noqa: PLC0415

    await run(Settings.from_environment())


@main.command(help=_t("migrate"))
@_async
async def migrate() -> None:
    from afriflow.db.migrate import migrate as run  # noqa: PLC0415

    await run(_settings().database_url)
    click.echo(_t("migrated"))


@main.command(help=_t("doctor"))
@click.option("--provider", default=None, help=_t("doctor_provider"))
@_async
async def doctor(provider: str | None) -> None:
    from afriflow.conformance.checkup import check_up  # noqa: PLC0415
    from afriflow.doctor import examine  # noqa: PLC0415

    if provider is None:
        findings = await examine(_settings())
    else:
        findings = await check_up(Settings.from_environment(), _spec(provider), os.environ)
    sys.exit(0 if _said(findings) else 1)


@main.command(help=_t("conformance"))
@click.argument("provider")
@click.option("--live", is_flag=True, help=_t("conformance_live"))
@_async
async def conformance(provider: str, live: bool) -> None:
    from afriflow.conformance.run import NotReady, run  # noqa: PLC0415

    try:
        findings = await run(Settings.from_environment(), _spec(provider), os.environ if live else None)
    except NotReady as lack:
        _said([lack.finding])
        sys.exit(3)
    sys.exit(0 if _said(findings) else 1)


def _said(findings: Sequence[Finding]) -> bool:
    """Say what was found, and tell whether all of it is good."""
    for finding in findings:
        click.echo(
            f"{'✓' if finding.good else '✗'} {say(f'doctor.{finding.code}', _language(), **finding.facts)}"
        )
    return all(finding.good for finding in findings)


def _spec(provider: str) -> Spec:
    found = specs().get(provider)
    if found is None:
        raise click.ClickException(_t("no_provider", known=", ".join(specs())))
    return found


@main.command(help=_t("simulate"))
@click.argument("provider")
@click.option("--port", default=0, help=_t("simulate_port"))
@click.option("--callback-url", default=None, help=_t("simulate_callback_url"))
@_async
async def simulate(provider: str, port: int, callback_url: str | None) -> None:
    from afriflow.simulator.seat import simulated_providers  # noqa: PLC0415
    from afriflow.simulator.serve import PHONE_PATH, standing_alone, until_stopped  # noqa: PLC0415

    if provider not in simulated_providers():
        raise click.ClickException(_t("not_simulated", known=", ".join(simulated_providers())))
    spec = specs()[provider]
    try:
        async with standing_alone(provider, spec.demo_config, port=port, callback_url=callback_url) as url:
            click.echo(
                _t(
                    "simulated",
                    title=spec.title,
                    url=url,
                    base_url=url + urlsplit(spec.base_urls[Mode.TEST]).path,
                    credentials="\n                     ".join(
                        f"{k} = {v}" for k, v in spec.demo_config.items()
                    ),
                    callback_url=callback_url or _t("simulated_nowhere"),
                    phone_url=f"{url}{PHONE_PATH}",
                )
            )
            await until_stopped()
    except OSError as error:
        raise click.ClickException(_t("simulate_not_possible", port=port, reason=error)) from error


@main.command(help=_t("checkout"))
@click.option("--amount", type=int, required=True, help=_t("checkout_amount"))
@click.option("--currency", default="XOF", show_default=True)
@click.option("--country", default="SN", show_default=True)
@click.option("--phone", default=None, help=_t("checkout_phone"))
@click.option("--operator", default=None, help=_t("checkout_operator"))
@click.option("--otp", default=None, help=_t("checkout_otp"))
@click.option("--reference", default=None, help=_t("checkout_reference"))
@click.option("--key", default=None, help=_t("checkout_key"))
@_async
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


@main.command(help=_t("transactions"))
@click.argument("transaction_id", required=False)
@click.option("--status", default=None)
@click.option("--limit", default=20, show_default=True)
@_async
async def transactions(transaction_id: str | None, status: str | None, limit: int) -> None:
    if transaction_id:
        await _show("GET", f"/api/transactions/{transaction_id}")
        return
    page = await _call(
        "GET", "/api/transactions", query={"limit": str(limit), **({"status": status} if status else {})}
    )
    for item in page["data"]:
        method: dict[str, Any] = item["payment_method"] or {}
        operator = method.get("operator") or "-"
        click.echo(
            f"{item['created_at'][:19]}  {item['id']}  {item['status']:<24}{item['amount_display']:>16}  "
            f"{operator:<14}{item['provider'] or '-':<10}{item['reference']}"
        )


@main.command(help=_t("providers"))
@_async
async def providers() -> None:
    page = await _call("GET", "/api/providers")
    for item in page["data"]:
        health = "✓" if item["healthy"] else "✗"
        countries = ",".join(sorted({route["country"] for route in item["routes"]}))
        click.echo(
            f"{health} {item['id']:<24}{item['provider']:<12}{item['mode']:<6}{item['status']:<8}{countries}"
        )


def _settings() -> Settings:
    settings = Settings.from_environment()
    if not settings.database_url:
        raise click.ClickException(_t("database_url_missing"))
    return settings


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
            raise click.ClickException(_t("not_running", path=ready))
        facts = msgspec.json.decode(ready.read_bytes())
        url, key = url or facts["url"], key or facts["api_key"]
    sent = {"authorization": f"Bearer {key}", "accept-language": _language(), **(headers or {})}
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
