"""What people narrow a list to: read from an address, kept to what there is, and written back into one."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from litestar import Request

from afriflow.core.money import EXPONENTS
from afriflow.core.msisdn import read_msisdn, read_sandbox_msisdn
from afriflow.core.operator import countries, in_order, operators
from afriflow.core.transaction import Mode, TransactionStatus
from afriflow.ledger import search_store
from afriflow.ledger.search import Filter, named
from afriflow.ledger.search_out import FilterOut
from afriflow.port.factory import specs
from afriflow.web.auth import House, Who
from afriflow.web.form import read_query
from afriflow.web.render import zone_of

# What waits for a person stands among the statuses, and is none.
WAITS = ("needs_review", "unresolved")
STATUSES = (*(item.value for item in TransactionStatus), *WAITS)
STATUSES_OUT = ("processing", "succeeded", "failed", *WAITS)
# What a search leaves of a text: more is no id, no reference and no phone.
_TEXT_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list is narrowed to, in the words of its address; empty = any. since, until: days, both included."""

    q: str = ""
    status: str = ""
    provider: str = ""
    operator: str = ""
    country: str = ""
    currency: str = ""
    since: str = ""
    until: str = ""

    @property
    def words(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def is_detailed(self) -> bool:
        """Whether more is asked for than what stands beside the search."""
        return bool(self.words.keys() - {"q", "status"})

    def query(self, **more: str) -> str:
        return urlencode({**self.words, **more})


def read_asked(asked: Mapping[str, str], statuses: Collection[str]) -> Asked:
    """Read what is asked for; a word that means nothing narrows nothing."""
    found = {item.name: asked.get(item.name, "")[:_TEXT_CHARACTERS_MAX] for item in fields(Asked)}
    known: dict[str, Collection[str]] = {
        "status": statuses,
        "provider": specs(),
        "operator": operators(),
        "country": countries(),
        "currency": EXPONENTS,
    }
    for name, words in known.items():
        if found[name] not in words:
            found[name] = ""
    for name in ("since", "until"):
        if _day(found[name]) is None:
            found[name] = ""
    return Asked(**found)


def asked_of(request: Request[Any, Any, Any], statuses: Collection[str]) -> Asked:
    """Read what an address asks for."""
    return read_asked({item.name: read_query(request, item.name) for item in fields(Asked)}, statuses)


async def payments_wanted(house: House, caller: Who, asked: Asked) -> Filter:
    """Say it in the words of the ledger: a text that can be a phone number is one, unless nobody has it."""
    common = _common(caller, asked)
    if asked.q.startswith("lnk_"):
        return Filter(**common, status=_status(asked), link=asked.q)
    found = await _named(house, caller, search_store.PAYMENTS_OF_WORD, asked.q)
    return Filter(**common, status=_status(asked), **found)


async def money_out_wanted(house: House, caller: Who, asked: Asked) -> FilterOut:
    """Say it in the words of money out."""
    found = await _named(house, caller, search_store.MONEY_OUT_OF_WORD, asked.q)
    return FilterOut(**_common(caller, asked), status=_status(asked), **found)


def choices(language: str) -> dict[str, Any]:
    """What can be chosen: providers by name, operators by country, countries and currencies."""
    places = sorted(countries().values(), key=lambda item: in_order(item.name(language)))
    return {
        "providers": {name: spec.title for name, spec in sorted(specs().items())},
        "operators": [(item.name(language), item.operators) for item in places if item.operators],
        "countries": [(item.alpha2, item.name(language)) for item in places],
        "currencies": sorted({currency for item in places for currency in item.currencies}),
    }


def places(language: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Where money can go or come from: a country's name, its code and its currencies."""
    found = [(item.name(language), item.alpha2, item.currencies) for item in countries().values()]
    return sorted(found, key=lambda place: in_order(place[0]))


def home_place(country: str) -> str:
    """Give the merchant's own country and currency, as forms write them."""
    return f"{country} {countries()[country].currencies[0]}"


def _status(asked: Asked) -> str | None:
    return None if asked.status in WAITS else asked.status or None


def _common(caller: Who, asked: Asked) -> dict[str, Any]:
    zone = zone_of(caller.country)
    since, until = _day(asked.since), _day(asked.until)
    return {
        "provider": asked.provider or None,
        "operator": asked.operator or None,
        "country": asked.country or None,
        "currency": asked.currency or None,
        "since": since and datetime.combine(since, time(), zone).astimezone(UTC),
        "until": until and datetime.combine(until + timedelta(days=1), time(), zone).astimezone(UTC),
        "needs_review": True if asked.status == "needs_review" else None,
        "unresolved": True if asked.status == "unresolved" else None,
    }


async def _named(house: House, caller: Who, query: str, text: str) -> dict[str, Any]:
    if not text:
        return {}
    read = read_sandbox_msisdn if caller.mode is Mode.TEST else read_msisdn
    phone = read(text, caller.country)
    index = house.vault.index(caller.merchant_id, phone.e164) if phone else None
    async with house.database.connection() as connection:
        return await named(connection, caller, query, text, index)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        return None
    # Years that a person can mean; the ends of the calendar have no day before or after.
    return day if day is not None and 2000 <= day.year <= 2999 else None
