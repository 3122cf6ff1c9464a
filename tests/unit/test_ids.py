"""Ids sort by time and cannot be guessed; an attempt's id at the provider is derived and never drawn."""

import re
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids, attempt_uuid

SECRET = b"a secret of a test, 32 bytes or more"


class Hands:
    """A clock whose hands a test turns."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


def test_an_id_names_its_kind_and_has_one_form() -> None:
    for prefix in ("txn", "att", "evt"):
        assert re.fullmatch(rf"{prefix}_[0-9a-hjkmnp-tv-z]{{26}}", Ids(SystemClock()).new(prefix))


def test_ids_sort_by_the_time_at_which_they_were_made() -> None:
    clock = Hands()
    ids = Ids(clock)
    made: list[str] = []
    for _ in range(200):
        clock.time += timedelta(milliseconds=1)
        made.append(ids.new("txn"))
    assert made == sorted(made)
    assert len(set(made)) == 200


def test_ids_rise_within_one_millisecond_too() -> None:
    ids = Ids(Hands())
    made = [ids.new("evt") for _ in range(1000)]
    assert made == sorted(set(made))


def test_two_processes_do_not_draw_the_same_id() -> None:
    clock = Hands()
    assert Ids(clock).new("txn") != Ids(clock).new("txn")


def test_a_token_has_160_bits_and_is_new_each_time() -> None:
    ids = Ids(SystemClock())
    tokens = {ids.token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{32}", token) for token in tokens)


def test_an_attempts_id_is_the_same_again_and_another_for_everything_else() -> None:
    first = attempt_uuid(SECRET, "mer_1", "test", "key", 1)
    assert attempt_uuid(SECRET, "mer_1", "test", "key", 1) == first
    others = {
        attempt_uuid(SECRET + b"!", "mer_1", "test", "key", 1),
        attempt_uuid(SECRET, "mer_2", "test", "key", 1),
        attempt_uuid(SECRET, "mer_1", "live", "key", 1),
        attempt_uuid(SECRET, "mer_1", "test", "key2", 1),
        attempt_uuid(SECRET, "mer_1", "test", "key", 2),
    }
    assert len(others | {first}) == 6


def test_the_parts_of_an_attempts_id_do_not_run_into_each_other() -> None:
    assert attempt_uuid(SECRET, "mer", "test", "key1", 1) != attempt_uuid(SECRET, "mer", "test", "key", 11)


@given(st.binary(min_size=1), st.text(), st.text(), st.integers(1, 99))
def test_an_attempts_id_is_a_uuid_of_version_four(
    secret: bytes, merchant: str, key: str, number: int
) -> None:
    text = attempt_uuid(secret, merchant, "test", key.encode("utf-8", "replace").decode(), number)
    parsed = uuid.UUID(text)
    assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)
