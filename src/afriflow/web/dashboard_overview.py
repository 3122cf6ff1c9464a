"""The dashboard's overview: how payments went in a time, by every way that they can go, and what needs a person now."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_decimal
from litestar import Controller, Request, Response, get

from afriflow.core.language import say
from afriflow.core.money import Money
from afriflow.core.operator import country_name
from afriflow.core.permission import Permission
from afriflow.jobs.held import count_held
from afriflow.ledger.needs import count_needs
from afriflow.ledger.present import show_amount
from afriflow.ledger.tally import Sums, Way, read_tally
from afriflow.merchants.keys import Caller
from afriflow.web.api_providers import shown_accounts
from afriflow.web.auth import House, Who, require_person
from afriflow.web.chart import Chart, draw
from afriflow.web.dashboard import dashboard_page
from afriflow.web.form import read_query, require_own_page
from afriflow.web.render import page_language, zone_of
from afriflow.web.sign_in import HOME

# Days of each period, today's included.
PERIODS = {"today": 1, "week": 7, "month": 30}
_CURRENCIES_DRAWN_MAX = 3
# What may wait for a person: where it is seen to, and who is told of it.
_NEEDS = {
    "payments_review": (f"{HOME}?status=needs_review", Permission.TRANSACTIONS_READ),
    "payments_unresolved": (f"{HOME}?status=unresolved", Permission.TRANSACTIONS_READ),
    "refunds_review": (f"{HOME}/money-out/refunds?status=needs_review", Permission.REFUNDS_READ),
    "refunds_unresolved": (f"{HOME}/money-out/refunds?status=unresolved", Permission.REFUNDS_READ),
    "payouts_review": (f"{HOME}/money-out/payouts?status=needs_review", Permission.PAYOUTS_READ),
    "payouts_unresolved": (f"{HOME}/money-out/payouts?status=unresolved", Permission.PAYOUTS_READ),
    "jobs_held": (f"{HOME}/jobs", Permission.JOBS_READ),
    "accounts_paused": (f"{HOME}/providers", Permission.PROVIDERS_READ),
    "breakers_open": (f"{HOME}/providers", Permission.PROVIDERS_READ),
    "breakers_forced": (f"{HOME}/providers", Permission.PROVIDERS_READ),
    "endpoints_disabled": (f"{HOME}/webhooks", Permission.WEBHOOKS_READ),
    "deliveries_failing": (f"{HOME}/webhooks", Permission.WEBHOOKS_READ),
    "deliveries_given_up": (f"{HOME}/webhooks", Permission.WEBHOOKS_READ),
}


@dataclass(slots=True)
class Bin:
    """One hour or day of the picture, and its line in the table. volumes: by currency."""

    label: str
    sums: Sums = field(default_factory=Sums)
    volumes: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True, slots=True)
class Line:
    """One way that orders went, as it is shown."""

    provider: str
    operator: str
    country: str
    volume: str
    sums: Sums


class OverviewPages(Controller):
    """How it goes."""

    path = f"{HOME}/overview"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.TRANSACTIONS_READ)
    async def show(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """Show how payments of a period went, and what needs a person."""
        period = read_query(request, "period")
        period = period if period in PERIODS else "today"
        language, now, zone = page_language(request, caller.language), house.clock.now(), _zone(caller, house)
        today = now.astimezone(zone).date()
        first = today - timedelta(days=PERIODS[period] - 1)
        tally = await read_tally(
            house.database,
            caller.merchant_id,
            caller.mode,
            _midnight(first, zone),
            _midnight(today + timedelta(days=1), zone),
        )
        whole, volumes = Sums(), Counter[str]()
        bins = _hours() if period == "today" else _days(first, today, language)
        for hour, currency, sums in tally.hours:
            local = hour.astimezone(zone)
            found = bins[local.hour if period == "today" else (local.date() - first).days]
            for total, amounts in ((whole, volumes), (found.sums, found.volumes)):
                total.add(sums)
                amounts[currency] += sums.amount_minor
        currencies = [currency for currency, amount in volumes.most_common() if amount]

        def money(amount_minor: int, currency: str) -> str:
            return show_amount(Money(amount_minor, currency), language)

        return dashboard_page(
            request,
            caller,
            "overview.html",
            period=period,
            periods=list(PERIODS),
            zone_name=zone.key if isinstance(zone, ZoneInfo) else "UTC",
            whole=whole,
            volumes=[money(volumes[currency], currency) for currency in currencies],
            bins=bins,
            currencies=currencies,
            money=money,
            payments_chart=draw([_pile(item.sums) for item in bins]),
            volume_charts=_volume_charts(bins, currencies),
            lines=_lines(tally.ways, language, money),
            needs=await _needs(house, caller, now),
            number=partial(format_decimal, locale=language),
            duration=partial(show_duration, language=language),
        )


async def _needs(house: House, caller: Caller, now: datetime) -> list[tuple[str, str, int]]:
    """Count what waits for a person, as far as this one may see it: kind, address, count."""
    async with house.database.connection() as connection:
        found = await count_needs(connection, caller.merchant_id, caller.mode, now)
        found["jobs_held"] = await count_held(connection, caller.merchant_id)
    for account in await shown_accounts(house, caller):
        found["accounts_paused"] += account.paused_at is not None
        found["breakers_forced"] += sum(circuit.forced is not None for circuit in account.circuits)
        found["breakers_open"] += sum(
            circuit.forced is None and circuit.state != "closed" for circuit in account.circuits
        )
    return [
        (kind, url, found[kind])
        for kind, (url, permission) in _NEEDS.items()
        if found[kind] and permission in caller.permissions
    ]


def show_duration(seconds: int | None, language: str) -> str:
    """Write a duration as short as it can be read: 14 s, 2 min 10 s, 3 h 5 min."""
    if seconds is None:
        return "–"
    minutes, hours = seconds // 60, seconds // 3600
    if minutes == 0:
        return say("overview.seconds", language, seconds=seconds)
    if hours == 0:
        return say("overview.minutes", language, minutes=minutes, seconds=seconds % 60)
    return say("overview.hours", language, hours=hours, minutes=minutes % 60)


def _zone(caller: Caller, house: House) -> tzinfo:
    """Give the merchant's time zone; UTC where it is not whole hours away from it, as none in Africa is."""
    zone = zone_of(caller.country)
    away = zone.utcoffset(house.clock.now().replace(tzinfo=None)) or timedelta()
    return UTC if away % timedelta(hours=1) else zone


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def _hours() -> list[Bin]:
    return [Bin(f"{hour:02}:00") for hour in range(24)]


def _days(first: date, last: date, language: str) -> list[Bin]:
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [Bin(format_date(day, "d MMM", locale=language)) for day in days]


def _pile(sums: Sums) -> list[tuple[str, int]]:
    return [
        ("good", sums.succeeded),
        ("lost", sums.ended - sums.succeeded),
        ("open", sums.begun - sums.ended),
    ]


def _volume_charts(bins: Sequence[Bin], currencies: Iterable[str]) -> list[tuple[str, Chart]]:
    drawn = list(currencies)[:_CURRENCIES_DRAWN_MAX]
    return [(currency, draw([[("good", item.volumes[currency])] for item in bins])) for currency in drawn]


def _lines(ways: Iterable[Way], language: str, money: Callable[[int, str], str]) -> list[Line]:
    """Show the ways that orders went, the most used first."""
    return [
        Line(
            way.provider,
            way.operator,
            country_name(way.country, language),
            money(way.sums.amount_minor, way.currency),
            way.sums,
        )
        for way in sorted(ways, key=lambda way: (-way.sums.begun, way.provider, way.operator, way.country))
    ]
