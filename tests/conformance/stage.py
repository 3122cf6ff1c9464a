"""One provider alone on the whole system, the ways to pay that its SPEC names, and the people around it."""

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import phonenumbers
from conftest import eventually
from phones import a_phone

from afriflow.core.clock import SystemClock
from afriflow.core.method import MethodType
from afriflow.core.money import EXPONENTS
from afriflow.core.msisdn import read_msisdn
from afriflow.core.operator import countries, operators
from afriflow.core.transaction import Mode
from afriflow.port.factory import fill_config
from afriflow.port.provider import Account, Authorization, Route, Spec

WAITING = {"requires_payment_method", "requires_action", "processing"}
# What a page may call the same button.
BUTTONS = {"approve": ("pay", "approve"), "decline": ("cancel", "decline"), "no_funds": ("no_funds",)}
# A code that no operator gave: no simulated phone is ever sent it.
WRONG_CODE = "0000"
# How long something that must not happen is waited for: a notification is worked within a fraction of it.
QUIET_SECONDS = 1.5


@dataclass(frozen=True)
class Way:
    """One way to pay, or to be paid. number: prefix and count of digits that follow; None where there is no wallet."""

    route: Route
    number: tuple[str, int] | None

    def __str__(self) -> str:
        route = self.route
        return f"{route.operator or route.method.value} ({route.authorization.value}, {route.currency})"

    @property
    def is_settled_by_a_code(self) -> bool:
        return self.route.authorization is Authorization.OTP_FIRST

    @property
    def gets_a_code(self) -> bool:
        """Whether the provider sends a code to the payer and waits for it."""
        return self.route.authorization is Authorization.OTP_AFTER

    @property
    def asks_the_payer(self) -> bool:
        """Whether the payer says yes or no, on the phone or on a page."""
        return not (self.is_settled_by_a_code or self.gets_a_code)

    @property
    def amount(self) -> int:
        """An amount with as many decimals as the route carries."""
        with_decimals = EXPONENTS[self.route.currency] > 0 and self.route.decimals > 0
        return max(5025 if with_decimals else 5000, self.route.minimum_minor or 0)

    def method(self) -> dict[str, str]:
        if self.number is None:
            return {"type": self.route.method.value}
        return {
            "type": self.route.method.value,
            "operator": self.route.operator or "",
            "phone": a_phone(*self.number),
        }


def ways_among(routes: Iterable[Route]) -> list[Way]:
    """Give one way of each kind: what the payer does, with what, and whether the amount may have decimals."""
    found: dict[Any, Way] = {}
    for route in routes:
        kind = (route.method, route.authorization, route.decimals > 0)
        number = number_of(route) if route.method is MethodType.MOBILE_MONEY else None
        if kind not in found and (number or route.method is not MethodType.MOBILE_MONEY):
            found[kind] = Way(route, number)
    return list(found.values())


def number_of(route: Route) -> tuple[str, int] | None:
    """Say how numbers of an operator are made: from its prefix, or the country's where it has none."""
    example = phonenumbers.example_number_for_type(route.country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return None
    international = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    calling_code = countries()[route.country].calling_code
    operator = operators().get(route.operator or "")
    prefixes = [*(operator.prefixes if operator else ()), international[1 : len(calling_code) + 3]]
    for prefix in prefixes:
        digits = len(international) - 1 - len(prefix)
        if read_msisdn(a_phone(f"+{prefix}", digits), route.country):
            return f"+{prefix}", digits
    return None


def adapter_of(spec: Spec) -> Any:
    """Make an adapter only to ask what it can do; it has nobody to speak to."""
    config = fill_config(spec, "conformance", spec.demo_config)
    account = Account("conformance", "mer_nobody", spec.name, Mode.TEST, "http://127.0.0.1:1", "", config)
    return spec.adapter(account, None, SystemClock(), {})  # type: ignore[arg-type]


@dataclass
class Asked:
    """A payment whose provider was asked. made: as the merchant's server was answered. because: what was wrong."""

    way: Way
    phone: str | None
    made: Any
    because: str = ""

    @property
    def id(self) -> str:
        return self.made["id"]


@dataclass
class Stage:
    """A provider, its simulator, and who pays and is paid."""

    spec: Spec
    merchant: Any
    payer: Any
    session: Any
    seat_url: str
    callback_url: str
    ways: list[Way] = field(default_factory=list[Way])

    async def ask(self, way: Way, code: str | None = None, **fields: Any) -> Asked:
        """Begin a payment as a shop does; who needs a code first dials for it and types it over."""
        merchant, method = self.merchant, way.method()
        status, made = await merchant.checkout(
            amount=way.amount,
            currency=way.route.currency,
            country=way.route.country,
            payment_method=method,
            **fields,
        )
        assert status == 201, made
        if way.is_settled_by_a_code:
            assert (made["status"], made["attempts"]) == ("requires_action", []), made
            code = code or await self._dial(method["phone"], made["next_action"])
            confirmation = {"otp": code}
            status, made = await merchant.call(
                "POST", f"/api/transactions/{made['id']}/confirm", confirmation
            )
            assert status == 200, made
        assert {attempt["provider"] for attempt in made["attempts"]} == {self.spec.name}, made
        return Asked(way, method.get("phone"), made)

    async def ask_all(self) -> list[Asked]:
        return await each(self.ways, self.ask)

    async def act(self, asked: Asked, action: str) -> None:
        """Do what the payer does: on the phone where a prompt appears, else on the page that one is sent to."""

        async def look() -> Any:
            found = await self.merchant.read(asked.id)
            if found["status"] not in WAITING:
                return "over", None
            if (found["next_action"] or {}).get("type") == "enter_otp":
                return "code", found
            prompts = await self.prompts(asked)
            if prompts and prompts[-1]["state"] != "waiting":  # decided by itself, and not heard of here yet
                return "over", None
            if prompts:
                return "phone", f"{self.payer.url}/prompts/{prompts[-1]['id']}"
            url = (found["next_action"] or {}).get("url")
            if not asked.way.asks_the_payer and not url and found["attempts"][-1]["status"] == "pending":
                return "over", None  # the code was taken, and the payer has nothing left to do
            return ("page", url) if url else (None, found)

        where, url = await eventually(look, lambda seen: seen[0], f"something to do: {asked.way}")
        if where == "phone":
            async with self.session.post(url, json={"action": action}) as response:
                assert response.status == 200, await response.text()
        elif where == "page":
            await self._press(url, action)
        elif where == "code":
            code = await self._sent_code(asked) if asked.way.gets_a_code else None
            code = code or await self._dial(asked.phone or "", url["next_action"])
            status, made = await self.give_code(asked, code)
            assert status == 200, made

    async def decide(self, prompt: Any, action: str) -> None:
        """Decide about one prompt on the phone."""
        url = f"{self.payer.url}/prompts/{prompt['id']}"
        async with self.session.post(url, json={"action": action}) as response:
            assert response.status == 200, await response.text()

    async def prompts(self, asked: Asked) -> list[Any]:
        """Give what this payer was ever asked to approve."""
        if asked.phone is None:
            return []
        async with self.session.get(f"{self.payer.url}/prompts", params={"phone": asked.phone}) as response:
            return [item for item in await response.json() if item["kind"] != "otp"]

    async def pays(self, asked: Asked) -> Any:
        """Approve, and hold the end to what every payment promises: charged once, heard once, in order."""
        await self.act(asked, "approve")
        paid = await self.is_paid_once(asked)
        assert (paid["needs_review"], paid["late"], paid["next_action"]) == (False, False, None)
        await self.hears(asked.id, "transaction", "succeeded")
        return paid

    async def is_paid_once(self, asked: Asked) -> Any:
        """Wait for the success, and compare it with the provider's own book."""
        paid = await self.merchant.until(asked.id, "succeeded")
        assert [attempt["status"] for attempt in paid["attempts"]] == ["succeeded"], paid
        assert paid["attempts"][0]["reference"] == asked.made["attempts"][0]["reference"]
        assert len(await self.prompts(asked)) <= 1, "the payer was asked twice"
        assert len(await self.moved(paid)) == 1, "the provider's book says otherwise"
        return paid

    async def give_code(self, asked: Asked, code: str) -> tuple[int, Any]:
        return await self.merchant.call("POST", f"/api/transactions/{asked.id}/confirm", {"otp": code})

    async def moved(self, found: Any) -> list[Any]:
        """Give what came in for a transaction by the provider's own book."""
        names = [
            attempt[name] for attempt in found["attempts"] for name in ("reference", "provider_reference")
        ]
        return [
            entry
            for entry in await self.book()
            if any(name and (entry["order"] == name or name in entry["said"]) for name in names)
        ]

    async def book(self, *ways: str) -> list[Any]:
        """Give all that moved at the provider in these ways, "in", "out", "back"; in all when none is named."""
        async with self.session.get(f"{self.seat_url}/moved") as response:
            return [entry for entry in await response.json() if not ways or entry["way"] in ways]

    async def hears(self, object_id: str, kind: str, end: str) -> list[Any]:
        """Wait for the last message, then make sure that each came once, in order, and the end at the end."""
        merchant, last = self.merchant, f"{kind}.{end}"

        async def look() -> list[Any]:
            return await merchant.heard(object_id)

        await eventually(
            look, lambda heard: last in [item["type"] for item in heard], f"the shop to hear {last}"
        )
        await asyncio.sleep(0.5)  # a second copy would come now
        heard = await look()
        assert [item["sequence"] for item in heard] == list(range(1, len(heard) + 1)), heard
        types = [item["type"] for item in heard]
        assert (types[0], types[-1], types.count(last)) == (f"{kind}.created", last, 1), types
        return heard

    async def callbacks(self) -> list[Any]:
        """Give every try of the simulator to tell us something."""
        async with self.session.get(f"{self.seat_url}/callbacks") as response:
            return await response.json()

    async def _sent_code(self, asked: Asked) -> str:
        """Read the newest code that this payer was sent."""
        params = {"phone": asked.phone or ""}
        async with self.session.get(f"{self.payer.url}/prompts", params=params) as response:
            return [item["code"] for item in await response.json() if item["kind"] == "otp"][-1]

    async def _dial(self, phone: str, next_action: Any) -> str:
        assert next_action["type"] == "enter_otp", next_action
        dialled = {"phone": phone, "code": next_action["code"] or "*000#"}
        async with self.session.post(f"{self.payer.url}/dial", json=dialled) as response:
            assert response.status == 201, await response.text()
            return (await response.json())["code"]

    async def _press(self, url: str, action: str) -> None:
        """Press a button of a page's form, as a browser without JavaScript does."""
        async with self.session.get(url) as response:
            page = await response.text()
            assert response.status == 200, page
        target = re.search(r'<form[^>]*action="([^"]*)"', page)
        offered = re.findall(r'<button[^>]*name="action"[^>]*value="([^"]*)"', page)
        button = next((name for name in BUTTONS[action] if name in offered), None)
        assert button, f"the page offers {offered}"
        form = urljoin(url, target[1]) if target else url
        async with self.session.post(form, data={"action": button}, allow_redirects=False) as response:
            assert response.status in {200, 302, 303}, await response.text()


async def each(asked: Iterable[Any], story: Callable[[Any], Awaitable[Any]]) -> list[Any]:
    """Tell a story of each, at once; what goes wrong in one names it and does not end the others."""
    these = list(asked)
    ends = await asyncio.gather(*(story(item) for item in these), return_exceptions=True)
    faults: list[Exception] = []
    for item, end in zip(these, ends, strict=True):
        if isinstance(end, Exception):
            end.add_note(f"{getattr(item, 'way', item)} {getattr(item, 'because', '')}")
            faults.append(end)
        elif isinstance(end, BaseException):
            raise end
    if faults:
        raise ExceptionGroup("not every way of this provider", faults)
    return ends


def another_reference() -> str:
    return str(uuid.uuid4())
