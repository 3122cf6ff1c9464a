"""Whatever a provider answers, an adapter says a word of ours: nothing raises, and nothing ends that its words do not end."""

import asyncio
import dataclasses
import itertools
import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afriflow.core.clock import SystemClock
from afriflow.core.evidence import Failed, Missing, Pending, Refused, Succeeded, Word
from afriflow.core.method import PaymentMethod
from afriflow.core.money import Money
from afriflow.core.msisdn import Msisdn
from afriflow.core.operator import countries
from afriflow.core.transaction import Mode
from afriflow.port.factory import fill_config, specs
from afriflow.port.http import NoAnswer, NothingSent, Reply
from afriflow.port.money_out import PayoutOrder, Payouts, RefundOrder, Refunds
from afriflow.port.provider import Account, Order, Route, Secret, Spec

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REFERENCE = "8a57a1d0-6751-4c19-aa64-0c566a708c72"
TOKEN = "test_kept00token"
# No answer below holds it: what brings this money was not said by anybody.
MONEY_MINOR = 87_654_321
# Without one of these in what it said, no provider has ended an order.
ENDING = (
    "fail",
    "cancel",
    "reject",
    "refus",
    "errors",
    "response_code",
    "reason",
    "success",
    "message",
    "1001",
)
ANSWERS_MAX = 5

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=9,
)
BODIES = st.binary(max_size=99) | JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
# Shapes that providers document, with anything in the place of any of their parts.
_STATUS = st.sampled_from(
    [*("COMPLETED", "FAILED", "REJECTED", "ACCEPTED", "DUPLICATE_IGNORED", "FOUND", "NOT_FOUND", "ENQUEUED"),
     *("completed", "failed", "cancelled", "pending", "created", "success", "PROCESSING"), None, 0, "completé", "FAILED "]
)  # fmt: skip
_ID = st.sampled_from([REFERENCE, REFERENCE.upper(), TOKEN, "", None, 7])
_REASON = st.fixed_dictionaries(
    {},
    optional={
        "failureCode": st.sampled_from(
            ["PAYER_LIMIT_REACHED", "INVALID_AMOUNT", "UNKNOWN_ERROR", "NEW", None, 3]
        ),
        "failureMessage": st.none() | st.text(max_size=9),
    },
)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(
        ("depositId", "payoutId", "refundId", "token", "disburse_token", "disburse_invoice"), _ID
    ),
    "status": _STATUS,
    "failureReason": _REASON | JSON,
    "amount": st.sampled_from(["5000", "5000.00", 5000, 1.5, None, "many"]),
    "currency": st.sampled_from(["XOF", "USD", None, 1]),
    "response_code": st.sampled_from(["00", "1001", "4003", "4004", "99", 0, None]),
    "response_text": st.sampled_from(["https://app.paydunya.com/i", "javascript:alert(1)", "no", None, []]),
    "success": st.sampled_from([True, False, "true", None]),
    "message": st.sampled_from(
        ["Invalid or Expired OTP Code!", "Vous devez fournir un numéro valide", "", {}]
    ),
    "url": st.sampled_from(["https://pay.example/1", "javascript:alert(1)", "data:text/html,x", 5, None]),
    "redirectUrl": st.sampled_from(["https://pay.example/1", "javascript:alert(1)", None]),
    "authorizationUrl": st.sampled_from(["https://pay.example/1", "javascript:alert(1)", None]),
    "mode": st.sampled_from(["test", "live", None]),
    "custom_data": st.fixed_dictionaries({}, optional={"afriflow_reference": _ID}) | JSON,
    "invoice": st.fixed_dictionaries(
        {}, optional={"token": _ID, "total_amount": st.sampled_from([5000, "5000", -1])}
    ),
    "other_url": JSON,
    "errors": JSON,
    "balances": JSON,
}
# What they document, of the answers that say something.
_IDS = {"depositId": REFERENCE, "payoutId": REFERENCE, "refundId": REFERENCE}
_WHY = {"failureReason": {"failureCode": "PAYER_LIMIT_REACHED", "failureMessage": "no"}}
_ORDER = {**_IDS, **_WHY}
_INVOICE = {"response_code": "00", "mode": "test", "invoice": {"token": TOKEN, "total_amount": 5000}}
_DOCUMENTED: list[dict[str, Any]] = [
    {"status": "FOUND", "data": {**_ORDER, "status": "COMPLETED"}},
    {"status": "FOUND", "data": {**_ORDER, "status": "FAILED"}},
    {**_IDS, "status": "ACCEPTED"},
    {**_IDS, "status": "DUPLICATE_IGNORED"},
    {
        **_IDS,
        "status": "REJECTED",
        "failureReason": {"failureCode": "INVALID_AMOUNT", "failureMessage": "no"},
    },
    {"status": "NOT_FOUND"},
    {"response_code": "00", "token": TOKEN, "response_text": "https://app.paydunya.com/i"},
    {**_INVOICE, "status": "completed", "custom_data": {"afriflow_reference": REFERENCE}},
    {**_INVOICE, "status": "failed"},
    {**_INVOICE, "status": "cancelled"},
    {"response_code": "1001", "response_text": "no"},
    {"response_code": "4004", "response_text": "no"},
    {"success": True, "message": "yes", "url": "https://pay.example/1"},
    {"success": False, "message": "Invalid or Expired OTP Code!"},
]


@st.composite
def _near(draw: st.DrawFn) -> Any:
    """One of these with up to two of its fields, at either depth, changed to anything."""
    said = dict(draw(st.sampled_from(_DOCUMENTED)))
    inside = said["data"] = dict(said["data"]) if "data" in said else {}
    if not inside:
        del said["data"]
    for name in draw(st.lists(st.sampled_from(sorted(_FIELDS)), max_size=2)):
        (inside if inside and draw(st.booleans()) else said)[name] = draw(_FIELDS[name])
    return [said] if draw(st.integers(0, 19)) == 0 else said


_WELL = _near().map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
_REPLIES = st.builds(
    Reply,
    st.just(200)
    | st.just(200)
    | st.sampled_from([201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 599]),
    st.just({"content-type": "application/json"}),
    _WELL | _WELL | _WELL | BODIES,
)
ANSWERS = st.lists(
    _REPLIES | _REPLIES | st.sampled_from([NoAnswer("slow"), NothingSent("refused")]),
    min_size=1,
    max_size=ANSWERS_MAX,
)


class Says:
    """A line on which a provider says these one after the other, and then the last of them for ever."""

    def __init__(self, answers: list[Reply | Exception]) -> None:
        self.exchanges: list[Any] = []
        self.rest_seconds = None
        self.said: list[Reply | Exception] = []
        self._left = list(answers)

    async def send(self, *_: Any, **__: Any) -> Reply:
        answer = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        self.said.append(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def text(self) -> str:
        return " ".join(
            item.body.decode("utf-8", "replace") for item in self.said if isinstance(item, Reply)
        ).lower()


def an_adapter(spec: Spec, line: Any) -> Any:
    config = fill_config(spec, "acc_1", dict(spec.demo_config))
    urls = ("https://provider.test", "https://us.test/hook")
    account = Account("acc_1", "mer_1", spec.name, Mode.TEST, *urls, config)
    return spec.adapter(account, line, SystemClock(), {})


async def keep(reference: str, _: Any = None) -> None:
    assert reference
    assert isinstance(reference, str)


def order_of(route: Route, *, reference: str | None) -> Order:
    calling_code = str(countries()[route.country].calling_code)
    msisdn = Msisdn(f"+{calling_code}771234567", route.country, calling_code)
    return Order(
        reference=REFERENCE,
        transaction_id="txn_1",
        merchant_name="Boutique",
        money=Money(MONEY_MINOR, route.currency),
        method=PaymentMethod(route.method, route.country, route.operator, msisdn if route.operator else None),
        return_url="https://us.test/pay/a/return",
        cancel_url="https://us.test/pay/a/cancelled",
        created_at=NOW,
        provider_reference=reference,
        otp=Secret("123456"),
    )


def ways(spec: Spec) -> list[Route]:
    """One route for each thing that a payer may have to do."""
    return list({(route.authorization, route.method): route for route in spec.routes}.values())


def calls(adapter: Any, spec: Spec) -> list[Any]:
    """Everything that is asked of a provider about an order, each as a function of the provider's own reference."""
    found: list[Any] = []
    for route in ways(spec):
        found += [
            lambda known, route=route: adapter.initiate(order_of(route, reference=known), keep),
            lambda known, route=route: adapter.verify(order_of(route, reference=known)),
        ]
    plain = ways(spec)[0]
    order = order_of(plain, reference=None)
    if isinstance(adapter, Payouts):
        wanted = PayoutOrder(REFERENCE, "pay_1", "Boutique", order.money, order.method, NOW)
        found += [
            lambda known: adapter.payout(dataclasses.replace(wanted, provider_reference=known), keep),
            lambda known: adapter.verify_payout(dataclasses.replace(wanted, provider_reference=known)),
        ]
    if isinstance(adapter, Refunds):
        back = RefundOrder(REFERENCE, "ref_1", order.money, REFERENCE, TOKEN, NOW)
        found += [
            lambda known: adapter.refund(dataclasses.replace(back, provider_reference=known), keep),
            lambda known: adapter.verify_refund(dataclasses.replace(back, provider_reference=known)),
        ]
    return found


@pytest.mark.parametrize("provider", sorted(specs()))
def test_whatever_a_provider_answers_is_a_word_and_ends_nothing_that_it_did_not_end(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, rest = specs()[provider], asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _: rest(0))
    count = len(calls(an_adapter(spec, None), spec))
    ended: set[type] = set()

    with asyncio.Runner() as runner:

        def hear(answers: list[Reply | Exception], which: int, known: str | None) -> None:
            line = Says(answers)
            word = runner.run(calls(an_adapter(spec, line), spec)[which](known)).word
            assert isinstance(word, get_args(Word))
            ended.add(type(word))
            match word:
                case Succeeded():
                    assert "completed" in line.text or "success" in line.text
                    assert word.doubt(Money(MONEY_MINOR, "XOF"), REFERENCE) is not None, "nobody paid this"
                case Failed() | Refused():
                    well = [item for item in line.said if isinstance(item, Reply) and item.status < 500]
                    assert well, "a server's error and a broken line end nothing"
                    assert any(ending in line.text for ending in ENDING), line.text
                case Missing():
                    asked = bool(line.said)  # without an id of theirs there is nothing to ask for
                    assert "not_found" in line.text or "4004" in line.text or not (asked or known)
                case _:
                    pass
            action = getattr(word, "next_action", None)
            if action is not None and action.url is not None:
                assert action.url.startswith("https://"), action.url

        documented = [Reply(200, {}, json.dumps(said).encode()) for said in _DOCUMENTED]
        for first, second in itertools.product(documented, documented):
            for which in range(count):
                hear([first, second], which, TOKEN if which % 2 else None)
        never = {Succeeded, Failed, Refused, Missing, Pending} - ended
        assert never == set(), "what was never said was never looked at"

        @settings(max_examples=400, deadline=None, derandomize=True)
        @given(answers=ANSWERS, which=st.integers(0, count - 1), known=st.sampled_from([None, TOKEN]))
        def listen(answers: list[Reply | Exception], which: int, known: str | None) -> None:
            hear(answers, which, known)

        listen()
