"""A card's number is seen however it is written; phones, ids, amounts and dates are not taken for one."""

import base64
import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus, unquote_plus, urlencode

import msgspec
import pytest

from afriflow.core.clock import SystemClock
from afriflow.core.errors import PanNotAllowed
from afriflow.core.ids import Ids
from afriflow.core.operator import countries
from afriflow.core.pan import blank_pans, holds_pan, without_pans
from afriflow.web.strict import read_body

# The networks' own test numbers.
PANS = [
    *("4111111111111111", "4012888888881881", "4222222222222", "5555555555554444", "5105105105105100"),
    *("2223003122003222", "378282246310005", "371449635398431", "30569309025904", "38520000023237"),
    *("3530111333300000", "3566002020360505", "6011111111111117", "6011000990139424", "6200000000000005"),
    *("5060990580000217499", "5060666666666666666", "5061460410120223210"),
]


def grouped(pan: str, between: str) -> str:
    lengths = {14: (4, 6, 4), 15: (4, 6, 5)}.get(len(pan), (4, 4, 4, 4, 3))
    parts, start = [], 0
    for length in lengths:
        parts.append(pan[start : start + length])
        start += length
    return between.join(part for part in parts if part)


@pytest.mark.parametrize("pan", PANS)
def test_a_number_of_a_card_is_seen_in_every_text(pan: str) -> None:
    written = [pan] if len(pan) == 13 else [pan, grouped(pan, " "), grouped(pan, "-")]
    for number in written:
        for text in (
            number,
            f"carte {number}, merci",
            f"card:{number}",
            f"n°{number}.",
            f"\n{number}\n",
        ):
            assert holds_pan(text), text
            assert number not in without_pans(text)
            assert not holds_pan(without_pans(text))


@pytest.mark.parametrize("pan", PANS)
def test_a_message_is_kept_with_zeros_in_the_place_of_a_cards_middle(pan: str) -> None:
    said = {"card": pan, "number": int(pan), "note": f"carte {pan}, merci", "amount": 5000}
    as_json = json.dumps(said)
    written = [
        as_json,
        urlencode({"data[card]": pan, "amount": 5000}),
        urlencode({"data": as_json}),
        urlencode({"data": quote_plus(as_json)}),
        quote_plus(as_json),
        f"a={grouped(pan, '+')}" if len(pan) > 13 else f"a={pan}",
    ]
    for message in written:
        kept = blank_pans(message.encode()).decode()
        read = unquote_plus(unquote_plus(unquote_plus(kept)))
        assert pan not in read
        assert not holds_pan(read)
        assert "amount" not in message or "5000" in read
        if message == as_json:
            assert json.loads(kept)["number"] != int(pan)
            assert json.loads(kept)["amount"] == 5000


def test_every_other_message_is_kept_to_the_byte() -> None:
    chance = random.Random(7)
    for message in (
        b'{"phone": "+4111111111111111", "a": "%zz"}',
        b"a=%zz&b=+221771234567&&c",
        b"\xff\xfe4111",
        b"",
        *(chance.randbytes(300) for _ in range(200)),
    ):
        assert blank_pans(message) is message


@pytest.mark.parametrize("pan", PANS)
def test_another_check_digit_is_no_card(pan: str) -> None:
    wrong = pan[:-1] + str((int(pan[-1]) + 1) % 10)
    assert not holds_pan(wrong)


def test_phones_ids_dates_and_amounts_are_no_cards() -> None:
    chance, ids = random.Random(7), Ids(SystemClock())
    innocent: list[str] = []
    for country in countries().values():
        for _ in range(200):
            national = "".join(chance.choice("0123456789") for _ in range(chance.choice([8, 9, 10])))
            innocent += [
                f"+{country.calling_code}{national}",
                f"00{country.calling_code}{national}",
                f"{country.calling_code}{national}",
                f"{national[:2]} {national[2:5]} {national[5:7]} {national[7:]}",
            ]
    for _ in range(2000):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(10**8))
        innocent += [
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            *(f"{chance.getrandbits(128):032x}" for _ in range(10)),
            base64.b64encode(chance.randbytes(32)).decode(),
            ids.new("txn"),
            at.strftime("%Y%m%d%H%M%S"),
            at.strftime("%Y%m%d%H%M%S%f"),
            str(int(at.timestamp() * 1000)),
            str(int(at.timestamp() * 1_000_000)),
            at.isoformat(),
            f"{chance.randrange(10**12)}.{chance.randrange(100):02d}",
            f"order-{at:%Y}-{chance.randrange(10**8):08d}",
        ]
    taken = [text for text in innocent if holds_pan(text)]
    assert taken == []
    assert len(innocent) > 30_000


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"note": "4111 1111 1111 1111"}, "/note"),
        ({"metadata": {"card": 4111111111111111}}, "/metadata/card"),
        ({"metadata": {"4111111111111111": "x"}}, "/metadata"),
        ({"payouts": [{"name": "Awa 5555555555554444"}]}, "/payouts/0/name"),
    ],
)
def test_a_body_that_holds_one_is_refused_with_its_place_and_without_the_number(
    body: dict[str, object], pointer: str
) -> None:
    with pytest.raises(PanNotAllowed) as raised:
        read_body(msgspec.json.encode(body), dict, depth_max=20)
    assert raised.value.facts == {"pointer": pointer}
    assert (raised.value.status, raised.value.code) == (400, "pan_not_allowed")
