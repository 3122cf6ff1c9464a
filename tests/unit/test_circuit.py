"""A circuit opens on what is a provider's fault, lets few look whether it is over, and closes when they say so."""

from dataclasses import replace

import pytest

from afriflow.core.evidence import (
    Failed,
    Missing,
    NeverReceived,
    NotSent,
    Pending,
    Refused,
    Succeeded,
    Unclear,
    Word,
)
from afriflow.core.method import Failure, FailureCode
from afriflow.routing.circuit import BreakerLimits, Circuit, Seen, State, Verdict
from afriflow.routing.health import judge

LIMITS = BreakerLimits(
    window_seconds=60,
    calls_min=10,
    failure_percent=50,
    lost_in_a_row=5,
    open_seconds=15,
    open_seconds_max=300,
    probes=3,
    lease_seconds=60,
    slow_seconds=20.0,
)
GOOD, BAD, LOST, RELEASE = Verdict.GOOD, Verdict.BAD, Verdict.LOST, Verdict.RELEASE


def told(circuit: Circuit, now: float, *verdicts: Verdict) -> Seen:
    """Report calls that ended now; gives what the last one said."""
    return [circuit.tell(now, verdict, "", 1.0) for verdict in verdicts][-1]


def opened(now: float = 0.0) -> Circuit:
    circuit = Circuit(LIMITS)
    assert told(circuit, now, *[LOST] * 5).turned is State.OPEN
    return circuit


def probed(circuit: Circuit, now: float, verdict: Verdict, jitter: float = 1.0) -> Seen:
    assert circuit.ask(now, "probe").is_probe
    return circuit.tell(now, verdict, "probe", jitter)


def test_half_of_ten_calls_open_it_and_fewer_calls_are_no_rate() -> None:
    circuit = Circuit(LIMITS)
    assert told(circuit, 1.0, *[GOOD, BAD] * 4, BAD).state is State.CLOSED
    assert told(circuit, 1.0, BAD).turned is State.OPEN
    circuit = Circuit(LIMITS)
    assert told(circuit, 1.0, *[GOOD] * 6, *[BAD] * 5).state is State.CLOSED
    assert told(circuit, 1.0, BAD).turned is State.OPEN


def test_five_in_a_row_that_the_network_lost_open_a_quiet_route() -> None:
    circuit = Circuit(LIMITS)
    assert told(circuit, 1.0, *[LOST] * 4, GOOD, *[LOST] * 4).state is State.CLOSED
    circuit = Circuit(LIMITS)
    assert told(circuit, 1.0, *[LOST] * 4, BAD, *[LOST] * 4).state is State.CLOSED, "an answer is an answer"
    assert told(Circuit(LIMITS), 1.0, *[LOST] * 5).turned is State.OPEN
    assert told(Circuit(LIMITS), 1.0, *[LOST] * 4, RELEASE, LOST).turned is State.OPEN


def test_what_is_older_than_the_window_says_nothing() -> None:
    circuit = Circuit(LIMITS)
    told(circuit, 0.0, *[BAD] * 9)
    assert told(circuit, 61.0, BAD).state is State.CLOSED
    told(circuit, 70.0, *[BAD] * 8)
    assert told(circuit, 100.0, BAD).turned is State.OPEN


def test_the_pause_doubles_with_each_failed_round_up_to_its_bound_and_has_jitter() -> None:
    circuit, now = opened(), 0.0
    assert circuit.look(now).wait_seconds == 15
    for expected in (30, 60, 120, 240, 300, 300):
        now += circuit.look(now).wait_seconds
        assert probed(circuit, now, BAD).wait_seconds == expected
    now += 300
    assert probed(circuit, now, LOST, jitter=1.2).wait_seconds == pytest.approx(360)


def test_three_look_whether_it_is_well_and_three_times_good_close_it() -> None:
    circuit = opened()
    assert not circuit.ask(14.9, "early").allowed
    assert [circuit.ask(15.0, f"probe {n}").allowed for n in range(4)] == [True, True, True, False]
    assert circuit.tell(15.1, GOOD, "probe 0", 1.0).state is State.HALF_OPEN
    assert circuit.tell(15.1, GOOD, "probe 1", 1.0).state is State.HALF_OPEN
    after = circuit.tell(15.1, GOOD, "probe 2", 1.0)
    assert (after.state, after.turned) == (State.CLOSED, State.CLOSED)
    assert told(circuit, 16.0, *[LOST] * 5).wait_seconds == 15, "what healed begins anew"


def test_one_probe_that_fails_opens_it_again_and_nobody_is_told_twice() -> None:
    circuit = opened()
    probed(circuit, 15.0, GOOD)
    again = probed(circuit, 15.0, BAD)
    assert (again.state, again.turned) == (State.OPEN, None)
    for _ in range(2):
        assert probed(circuit, 45.0, GOOD).turned is None, "goods of an earlier round do not count"
    assert probed(circuit, 45.0, GOOD).turned is State.CLOSED


def test_a_prober_that_died_gives_its_place_back_when_its_lease_ends() -> None:
    circuit = opened()
    for number in range(3):
        circuit.ask(15.0, f"dead {number}")
    assert not circuit.ask(74.9, "late").allowed
    assert circuit.ask(75.1, "late").is_probe
    assert circuit.tell(75.2, BAD, "dead 0", 1.0).state is State.HALF_OPEN, "its lease is over"


def test_a_report_from_before_it_opened_changes_nothing() -> None:
    circuit = opened()
    for verdict in (GOOD, BAD, LOST, GOOD, GOOD):
        assert circuit.tell(16.0, verdict, "", 1.0).state is State.HALF_OPEN
    assert circuit.look(16.0).rounds == 1


def test_what_says_nothing_gives_the_probe_back() -> None:
    circuit = opened()
    for number in range(20):
        assert circuit.ask(15.0, f"probe {number}").is_probe
        assert circuit.tell(15.0, RELEASE, f"probe {number}", 1.0).state is State.HALF_OPEN


def test_what_the_fleet_knows_is_taken_over() -> None:
    circuit = Circuit(LIMITS)
    circuit.adopt(100.0, Seen(allowed=False, wait_seconds=40.0, state=State.OPEN, rounds=2))
    assert circuit.look(139.9).wait_seconds == pytest.approx(0.1)
    assert circuit.ask(140.0, "mine").is_probe
    assert circuit.tell(140.0, BAD, "mine", 1.0).wait_seconds == 60, "the third round"
    circuit.adopt(141.0, Seen(allowed=True, wait_seconds=0.0, state=State.CLOSED))
    assert circuit.look(141.0).state is State.CLOSED
    circuit.adopt(0.0, Seen(allowed=False, wait_seconds=1.0, state=State.HALF_OPEN, rounds=1))
    assert circuit.ask(0.0, "at the beginning of time").is_probe


def failure(code: FailureCode) -> Failure:
    return Failure(code)


@pytest.mark.parametrize(
    ("word", "of_account", "of_operator"),
    [
        (Pending(), GOOD, GOOD),
        (Succeeded(None, None), GOOD, GOOD),
        (Failed(failure(FailureCode.PAYER_DECLINED)), GOOD, GOOD),
        (Refused(failure(FailureCode.INSUFFICIENT_FUNDS), elsewhere=False), GOOD, GOOD),
        (Refused(failure(FailureCode.INVALID_OTP), elsewhere=False), GOOD, GOOD),
        (Refused(failure(FailureCode.OPERATOR_UNAVAILABLE), elsewhere=True), GOOD, BAD),
        (Failed(failure(FailureCode.UNSPECIFIED)), GOOD, BAD),
        (Refused(failure(FailureCode.PROVIDER_UNAVAILABLE), elsewhere=True), BAD, BAD),
        (Refused(failure(FailureCode.PROVIDER_REJECTED), elsewhere=True), BAD, RELEASE),
        (Unclear("a timeout"), LOST, LOST),
        (Unclear("a new word", alert=True), BAD, BAD),
        (NotSent(failure(FailureCode.PROVIDER_UNAVAILABLE)), LOST, LOST),
        (NotSent(failure(FailureCode.PROVIDER_REJECTED)), RELEASE, RELEASE),
        (Missing(), RELEASE, RELEASE),
        (NeverReceived(), RELEASE, RELEASE),
    ],
)
def test_only_what_is_the_providers_fault_counts_and_where_it_belongs(
    word: Word, of_account: Verdict, of_operator: Verdict
) -> None:
    assert judge(word) == (of_account, of_operator)
    assert judge(word, limited=True) == (RELEASE, RELEASE), "who asks us to be slower is well"
    slow = {GOOD: BAD}
    assert judge(word, slow=True) == (slow.get(of_account, of_account), slow.get(of_operator, of_operator))


def test_limits_that_cannot_be_are_still_no_endless_loop() -> None:
    circuit = Circuit(replace(LIMITS, probes=1, calls_min=1, failure_percent=100))
    assert told(circuit, 0.0, BAD).turned is State.OPEN
    assert probed(circuit, 15.0, GOOD).turned is State.CLOSED
