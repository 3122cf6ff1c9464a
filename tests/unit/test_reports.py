"""What is reported to Sentry: faults with where they were raised, and nothing that anybody said to us."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from listeners import Listener, listening

from afriflow.core.errors import Fault, NotFound
from afriflow.observe.log import note_failure, page
from afriflow.observe.report import begin_reports
from afriflow.observe.work import bound

CANARIES = (
    "+221771234567",
    "77 123 45 67",
    "sk_test_CANARYcanaryCANARY",
    "4111111111111111",
    "hunter2hunter2",
)
SAID = "payer {} at {} with {} by {} and password={}".format(*CANARIES)


@pytest.fixture(scope="module")
def sentry() -> Iterator[Listener]:
    with listening() as listener:
        begin_reports(listener.dsn, environment="test", release="afriflow@0")
        yield listener
        sentry_sdk.get_client().close()
        sentry_sdk.init()


def reported(sentry: Listener) -> list[dict[str, Any]]:
    sentry_sdk.flush(5)
    return sentry.reports


def crash(error: Exception) -> Exception:
    try:
        secret_of_a_local = CANARIES[0]
        assert secret_of_a_local
        raise error
    except Exception as raised:  # noqa: BLE001
        return raised


def test_a_fault_comes_with_its_place_and_ids_and_without_what_was_said(sentry: Listener) -> None:
    sentry.bodies.clear()
    with bound(transaction_id="txn_1", merchant_id="mer_1"):
        page("unforeseen", error=crash(ValueError(SAID)), reason=SAID, facts={"deep": [SAID]})
    (report,) = reported(sentry)
    assert report["level"] == "error"
    assert report["tags"]["transaction_id"] == "txn_1"
    assert report["tags"]["what"] == "unforeseen"
    frames = report["exception"]["values"][0]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "crash"
    assert "vars" not in frames[-1]
    assert [canary for canary in CANARIES if canary.encode() in b"".join(sentry.bodies)] == []


def test_what_a_library_attaches_of_a_request_loses_body_cookies_and_secret_headers(sentry: Listener) -> None:
    sentry.bodies.clear()
    headers = {"Authorization": CANARIES[2], "Cookie": CANARIES[4], "User-Agent": "curl/8"}
    sentry_sdk.capture_event(
        {
            "message": "from a library",
            "request": {
                "method": "POST",
                "url": f"https://pay.example/?phone={CANARIES[0]}",
                "data": {"phone": CANARIES[0]},
                "cookies": {"session": CANARIES[4]},
                "query_string": f"otp={CANARIES[4]}",
                "headers": headers,
            },
            "user": {"ip_address": "203.0.113.7", "email": "canary@payer.example"},
            "breadcrumbs": {"values": [{"message": SAID, "data": {"body": SAID}}]},
        }
    )
    (report,) = reported(sentry)
    assert report["request"] == {
        "method": "POST",
        "headers": {"Authorization": "•••", "Cookie": "•••", "User-Agent": "curl/8"},
    }
    whole = b"".join(sentry.bodies)
    assert [canary for canary in (*CANARIES, "canary@payer", "203.0.113.7") if canary.encode() in whole] == []


def test_a_refusal_is_never_reported_whoever_catches_it(sentry: Listener) -> None:
    sentry.bodies.clear()
    page("request_failed", error=crash(NotFound(id="txn_1")))
    sentry_sdk.capture_exception(crash(NotFound(id="txn_1")))
    page("request_failed", error=crash(Fault(reason="it is gone")))
    (report,) = reported(sentry)
    assert report["exception"]["values"][-1]["type"] == "Fault"


def test_what_is_tried_again_is_reported_and_calls_nobody(sentry: Listener) -> None:
    sentry.bodies.clear()
    note_failure("job_failed", crash(ValueError("a pause helps")), task="deliver")
    (report,) = reported(sentry)
    assert report["level"] == "warning"
    assert report["contexts"]["facts"]["task"] == "deliver"


def test_what_a_library_logs_as_an_error_is_reported_except_where_we_say_it_better(sentry: Listener) -> None:
    sentry.bodies.clear()
    logging.getLogger("aiohttp.server").error("it broke for %s", CANARIES[0])
    logging.getLogger("pgqueuer").error("a job that we report with its ids")
    logging.getLogger("asyncio").warning("slow")
    (report,) = reported(sentry)
    assert report["logger"] == "aiohttp.server"
    assert CANARIES[0].encode() not in b"".join(sentry.bodies)


def test_nothing_is_sent_where_no_address_is_set(sentry: Listener) -> None:
    sentry.bodies.clear()
    client = sentry_sdk.get_client()
    sentry_sdk.get_global_scope().set_client(None)
    try:
        page("unforeseen", error=crash(ValueError("nobody hears it")))
    finally:
        sentry_sdk.get_global_scope().set_client(client)
    assert reported(sentry) == []
