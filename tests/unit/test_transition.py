"""Every state times every word: what a payment may become, enumerated and not sampled."""

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from afriflow.core.evidence import (
    Evidence,
    Failed,
    Missing,
    NeverReceived,
    NotSent,
    Pending,
    Refused,
    Source,
    Succeeded,
    Unclear,
    Word,
)
from afriflow.core.method import ActionType, Failure, FailureCode, NextAction
from afriflow.core.money import Money
from afriflow.core.review import Cause, LatePolicy, Review
from afriflow.core.session import end_session, turn_to_payer
from afriflow.core.transaction import (
    FINAL,
    LIVE,
    OPEN,
    AttemptState,
    AttemptStatus,
    Step,
    TransactionState,
    TransactionStatus,
    apply_evidence,
)

MONEY = Money(5000, "XOF")
OURS = "b2f7c1de-0000-4000-8000-000000000001"
DECLINED = Failure(FailureCode.PAYER_DECLINED)
REJECTED = Failure(FailureCode.PROVIDER_REJECTED)
AWAY = Failure(FailureCode.PROVIDER_UNAVAILABLE)
PROMPT = NextAction(ActionType.APPROVE_ON_PHONE, expires_at=datetime(2026, 1, 1, tzinfo=UTC))
PAGE = NextAction(ActionType.REDIRECT, url="https://provider.example/pay")

AGREEING = Succeeded(MONEY, OURS, "MP260101.1")
DISAGREEING = (
    Succeeded(Money(4999, "XOF"), OURS),
    Succeeded(Money(5001, "XOF"), OURS),
    Succeeded(Money(5000, "XAF"), OURS),
    Succeeded(None, OURS),
    Succeeded(MONEY, None),
    Succeeded(MONEY, "b2f7c1de-0000-4000-8000-00000000beef"),
)
WORDS: tuple[Word, ...] = (
    NotSent(AWAY),
    Refused(REJECTED, elsewhere=False),
    Refused(AWAY, elsewhere=True),
    Pending(),
    Pending(PROMPT),
    Pending(PAGE),
    AGREEING,
    *DISAGREEING,
    Failed(DECLINED),
    Failed(REJECTED),
    Missing(),
    NeverReceived(),
    Unclear("timeout"),
    Unclear("a new word", alert=True),
    Unclear("our id, for something else", alert=True, review=True),
)
ENDS = (NotSent, Refused, Failed, NeverReceived)
RANK = {
    AttemptStatus.PLANNED: 0,
    AttemptStatus.UNKNOWN: 1,
    AttemptStatus.PENDING: 2,
    AttemptStatus.NOT_SENT: 3,
    AttemptStatus.NEVER_RECEIVED: 3,
    AttemptStatus.FAILED: 3,
    AttemptStatus.SUCCEEDED: 4,
}
# What merchants are told of; `requires_payment_method` is between the payer and our page.
TOLD_STATUSES = {status.value for status in TransactionStatus} - {"requires_payment_method"}

Case = tuple[TransactionState, AttemptState, Evidence, dict[str, Any]]


def cases() -> Iterator[Case]:
    """All there are: statuses of both, with what goes with them, words, sources and flags."""
    for status, attempt_status, word, source, policy, chooses, other, follows in itertools.product(
        TransactionStatus, AttemptStatus, WORDS, Source, LatePolicy, *[(False, True)] * 3
    ):
        action = PAGE if status is TransactionStatus.REQUIRES_ACTION else None
        failure = DECLINED if status is TransactionStatus.FAILED else None
        transaction = TransactionState(status, MONEY, chooses, next_action=action, failure=failure)
        attempt = AttemptState(attempt_status, MONEY, OURS)
        flags = {"other_attempt_live": other, "another_follows": follows, "late_policy": policy}
        yield transaction, attempt, Evidence(source, word), flags


@cache
def decided() -> list[tuple[Case, Step]]:
    """Every case with what becomes of it."""
    return [
        ((transaction, attempt, evidence, flags), apply_evidence(transaction, attempt, evidence, **flags))
        for transaction, attempt, evidence, flags in cases()
    ]


def check_all(rule: Any) -> int:
    """Hold one rule against every case; says which case breaks it."""
    for case, step in decided():
        assert rule(*case, step), (case, step)
    return len(decided())


def test_the_enumeration_is_complete() -> None:
    assert {type(word) for word in WORDS} == set(Word.__args__)
    assert check_all(lambda *_: True) == 7 * 7 * len(WORDS) * 4 * 3 * 8


def test_succeeded_never_leaves() -> None:
    def rule(transaction: Any, attempt: Any, _evidence: Any, _flags: Any, step: Step) -> bool:
        return (
            transaction.status is not TransactionStatus.SUCCEEDED
            or step.transaction.status is TransactionStatus.SUCCEEDED
        ) and (
            attempt.status is not AttemptStatus.SUCCEEDED or step.attempt.status is AttemptStatus.SUCCEEDED
        )

    check_all(rule)


def test_an_attempt_never_goes_back() -> None:
    def rule(_t: Any, attempt: Any, _e: Any, _f: Any, step: Step) -> bool:
        before, after = attempt.status, step.attempt.status
        # Among the ends that brought no money there is no way from one to another.
        return RANK[after] > RANK[before] or after is before

    check_all(rule)


def test_an_attempt_ends_only_by_a_word_that_may_end_it() -> None:
    def rule(_t: Any, attempt: Any, evidence: Any, _f: Any, step: Step) -> bool:
        if step.attempt.status is attempt.status or step.attempt.status in OPEN:
            return True
        expected = {
            AttemptStatus.NOT_SENT: isinstance(evidence.word, NotSent)
            and evidence.source is Source.ANSWER
            and attempt.status is AttemptStatus.UNKNOWN,
            AttemptStatus.NEVER_RECEIVED: isinstance(evidence.word, NeverReceived)
            and attempt.status is AttemptStatus.UNKNOWN,
            AttemptStatus.FAILED: isinstance(evidence.word, Refused | Failed),
            AttemptStatus.SUCCEEDED: evidence.word == AGREEING
            and (attempt.status in OPEN or evidence.source in {Source.VERIFY, Source.HUMAN}),
        }
        return expected[step.attempt.status]

    check_all(rule)


@pytest.mark.parametrize("word", [NotSent(AWAY), NeverReceived()])
def test_once_the_provider_has_spoken_nothing_sent_is_no_evidence(word: Word) -> None:
    transaction = TransactionState(TransactionStatus.PROCESSING, MONEY, payer_chooses=False)
    attempt = AttemptState(AttemptStatus.PENDING, MONEY, OURS)
    assert not apply_evidence(transaction, attempt, Evidence(Source.ANSWER, word)).changed


@pytest.mark.parametrize("word", [NotSent(AWAY), Refused(REJECTED, elsewhere=True)])
def test_of_an_order_that_was_sent_twice_no_single_send_proves_that_nothing_came(word: Word) -> None:
    transaction = TransactionState(TransactionStatus.PROCESSING, MONEY, payer_chooses=False)
    once = AttemptState(AttemptStatus.UNKNOWN, MONEY, OURS)
    evidence = Evidence(Source.ANSWER, word)
    assert apply_evidence(transaction, once, evidence).changed
    assert not apply_evidence(transaction, replace(once, sends=2), evidence).changed


def test_an_order_in_doubt_is_marked_for_a_person_once_and_nothing_else_changes() -> None:
    def rule(transaction: Any, attempt: Any, evidence: Any, _f: Any, step: Step) -> bool:
        if not (isinstance(evidence.word, Unclear) and evidence.word.review):
            return True
        told = () if transaction.needs_review else ("needs_review",)
        return (
            step.transaction == replace(transaction, review=(Review.MISMATCH,))
            and step.attempt == attempt
            and step.told == told
            and step.alert is not None
            and step.changed is bool(told)
        )

    check_all(rule)


def test_what_says_nothing_changes_nothing() -> None:
    def rule(transaction: Any, attempt: Any, evidence: Any, _f: Any, step: Step) -> bool:
        word = evidence.word
        if not isinstance(word, Unclear | Missing) or getattr(word, "review", False):
            return True
        return (
            not step.changed
            and step.told == ()
            and (step.transaction, step.attempt) == (transaction, attempt)
            and bool(step.alert) == getattr(evidence.word, "alert", False)
        )

    check_all(rule)


def test_success_needs_equal_money_and_our_reference_and_else_a_person() -> None:
    def rule(_t: Any, attempt: Any, evidence: Any, _f: Any, step: Step) -> bool:
        if attempt.status is AttemptStatus.SUCCEEDED or not isinstance(evidence.word, Succeeded):
            return True
        agrees = evidence.word == AGREEING
        if agrees and not step.changed:
            return step.ask
        became = step.attempt.status is AttemptStatus.SUCCEEDED
        if became:
            return agrees and step.transaction.status is TransactionStatus.SUCCEEDED
        kept = step.attempt in {attempt, replace(attempt, surplus=True)}
        return step.transaction.needs_review and bool(step.alert) and kept

    check_all(rule)


def test_a_second_success_of_one_payment_goes_to_a_person() -> None:
    def rule(transaction: Any, attempt: Any, evidence: Any, flags: Any, step: Step) -> bool:
        second = flags["other_attempt_live"] or transaction.status is TransactionStatus.SUCCEEDED
        if evidence.word != AGREEING or not second or attempt.status is AttemptStatus.SUCCEEDED:
            return True
        if attempt.status not in OPEN and evidence.source not in {Source.VERIFY, Source.HUMAN}:
            return step.ask and not step.changed
        paid = transaction.status is TransactionStatus.SUCCEEDED
        goes_back = paid and flags["late_policy"] is LatePolicy.AUTO_REFUND
        return (
            step.attempt == replace(attempt, surplus=True)
            and step.transaction == replace(transaction, review=(Review.OVERPAID,))
            and step.refund is (Cause.OVERPAID if goes_back else None)
        )

    check_all(rule)


def test_a_transaction_succeeds_only_with_its_attempt() -> None:
    def rule(transaction: Any, _a: Any, _e: Any, _f: Any, step: Step) -> bool:
        became = (
            step.transaction.status is TransactionStatus.SUCCEEDED
            and transaction.status is not TransactionStatus.SUCCEEDED
        )
        return not became or step.attempt.status is AttemptStatus.SUCCEEDED

    check_all(rule)


def test_a_transaction_never_fails_while_money_may_move() -> None:
    def rule(transaction: Any, _a: Any, _e: Any, _f: Any, step: Step) -> bool:
        became = (
            step.transaction.status is TransactionStatus.FAILED
            and transaction.status is not TransactionStatus.FAILED
        )
        return not became or step.attempt.status not in LIVE

    check_all(rule)


def test_a_final_transaction_leaves_only_for_a_late_success() -> None:
    def rule(transaction: Any, _a: Any, evidence: Any, flags: Any, step: Step) -> bool:
        if transaction.status not in FINAL or step.transaction.status is transaction.status:
            return not step.transaction.late and step.refund is not Cause.LATE
        policy = flags["late_policy"]
        held = policy is LatePolicy.HOLD and evidence.source is not Source.HUMAN
        return (
            step.transaction.status is TransactionStatus.SUCCEEDED
            and step.transaction.late
            and evidence.word == AGREEING
            and step.transaction.review == ((Review.LATE,) if held else ())
            and bool(step.alert) == held
            and step.refund is (Cause.LATE if policy is LatePolicy.AUTO_REFUND else None)
        )

    check_all(rule)


def test_late_is_not_said_of_money_that_came_in_time() -> None:
    def rule(transaction: Any, _a: Any, _e: Any, _f: Any, step: Step) -> bool:
        return not step.transaction.late or transaction.status in FINAL

    check_all(rule)


def test_the_merchant_is_told_exactly_what_became() -> None:
    def rule(transaction: Any, _a: Any, _e: Any, _f: Any, step: Step) -> bool:
        expected: list[str] = []
        after = step.transaction.status
        if after is not transaction.status and after.value in TOLD_STATUSES:
            expected.append(after.value)
        if step.transaction.needs_review and not transaction.needs_review:
            expected.append("needs_review")
        return list(step.told) == expected

    check_all(rule)


def test_changed_says_whether_anything_is_different() -> None:
    def rule(transaction: Any, attempt: Any, _e: Any, _f: Any, step: Step) -> bool:
        differs = (step.transaction, step.attempt) != (transaction, attempt)
        return step.changed == differs and (step.changed or not step.told)

    check_all(rule)


def test_what_is_not_the_business_of_evidence_stays() -> None:
    def rule(transaction: Any, attempt: Any, _e: Any, _f: Any, step: Step) -> bool:
        return (
            step.transaction.money == transaction.money
            and step.transaction.payer_chooses == transaction.payer_chooses
            and (step.attempt.money, step.attempt.reference) == (attempt.money, attempt.reference)
            and step.transaction.needs_review >= transaction.needs_review
        )

    check_all(rule)


def test_the_same_word_twice_does_no_more_than_once() -> None:
    def rule(_t: Any, _a: Any, evidence: Any, flags: Any, step: Step) -> bool:
        again = apply_evidence(step.transaction, step.attempt, evidence, **flags)
        return (
            not again.changed
            and again.told == ()
            and (again.transaction, again.attempt) == (step.transaction, step.attempt)
        )

    check_all(rule)


def test_a_state_shows_an_action_or_a_failure_only_where_it_has_one() -> None:
    def rule(transaction: Any, _a: Any, _e: Any, _f: Any, step: Step) -> bool:
        after = step.transaction
        if after == transaction:
            return True
        if after.status in FINAL and after.next_action is not None:
            return False
        if after.status is TransactionStatus.REQUIRES_ACTION and after.next_action is None:
            return False
        return (
            after.failure is None
            or after.status in {TransactionStatus.FAILED, TransactionStatus.REQUIRES_PAYMENT_METHOD}
            or after.failure == transaction.failure
        )

    check_all(rule)


def test_the_payer_on_our_page_may_try_again_after_what_a_payer_can_mend() -> None:
    attempt = AttemptState(AttemptStatus.PENDING, MONEY, OURS)
    for chooses, failure, expected in (
        (True, DECLINED, TransactionStatus.REQUIRES_PAYMENT_METHOD),
        (True, REJECTED, TransactionStatus.FAILED),
        (False, DECLINED, TransactionStatus.FAILED),
    ):
        transaction = TransactionState(TransactionStatus.PROCESSING, MONEY, chooses)
        step = apply_evidence(transaction, attempt, Evidence(Source.CALLBACK, Failed(failure)))
        assert step.transaction.status is expected
        assert step.transaction.failure == failure


def test_money_under_another_id_than_the_kept_one_counts_once_and_calls_a_person() -> None:
    evidence = Evidence(Source.VERIFY, AGREEING, "another")
    for status in (TransactionStatus.PROCESSING, TransactionStatus.EXPIRED):
        transaction = TransactionState(status, MONEY, payer_chooses=False)
        attempt = AttemptState(AttemptStatus.PENDING, MONEY, OURS)
        step = apply_evidence(transaction, attempt, evidence, under_another_id=True)
        assert (step.transaction.status, step.attempt.status) == (
            TransactionStatus.SUCCEEDED,
            AttemptStatus.SUCCEEDED,
        )
        assert step.told == ("succeeded", "needs_review")
        assert step.alert
        again = apply_evidence(step.transaction, step.attempt, evidence, under_another_id=True)
        assert again.alert
        assert not again.changed
    paid = AttemptState(AttemptStatus.SUCCEEDED, MONEY, OURS)
    before = TransactionState(TransactionStatus.SUCCEEDED, MONEY, payer_chooses=False)
    step = apply_evidence(before, paid, evidence, under_another_id=True)
    assert (step.told, step.attempt, step.transaction.needs_review) == (("needs_review",), paid, True)


def test_the_payer_of_an_open_session_is_turned_to_and_nobody_else() -> None:
    code = NextAction(ActionType.ENTER_OTP)
    for status in TransactionStatus:
        waiting = TransactionState(status, MONEY, payer_chooses=False)
        asked = turn_to_payer(waiting, code)
        if status in FINAL:
            assert asked is None
            continue
        assert asked is not None
        assert (asked.transaction.status, asked.transaction.next_action) == (
            TransactionStatus.REQUIRES_ACTION,
            code,
        )
        assert turn_to_payer(asked.transaction, code) is None
        given = turn_to_payer(asked.transaction, None)
        assert given is not None
        assert (given.transaction.status, given.told) == (TransactionStatus.PROCESSING, ("processing",))


@pytest.mark.parametrize("source", Source)
def test_a_provider_that_contradicts_its_success_is_looked_at_and_not_believed(source: Source) -> None:
    transaction = TransactionState(TransactionStatus.SUCCEEDED, MONEY, payer_chooses=False)
    attempt = AttemptState(AttemptStatus.SUCCEEDED, MONEY, OURS)
    step = apply_evidence(transaction, attempt, Evidence(source, Failed(DECLINED)))
    assert step.alert
    assert step.attempt == attempt
    assert step.transaction == replace(transaction, review=(Review.REVERSAL,))
    assert step.told == ("needs_review",)
    assert step.ask == (source in {Source.ANSWER, Source.CALLBACK}), (
        "the provider's own answer needs no asking"
    )


@pytest.mark.parametrize(
    "ended", [AttemptStatus.FAILED, AttemptStatus.NOT_SENT, AttemptStatus.NEVER_RECEIVED]
)
@pytest.mark.parametrize("source", Source)
def test_what_had_ended_succeeds_only_when_the_provider_was_asked_or_a_person_decides(
    ended: AttemptStatus, source: Source
) -> None:
    transaction = TransactionState(TransactionStatus.FAILED, MONEY, payer_chooses=False, failure=DECLINED)
    step = apply_evidence(transaction, AttemptState(ended, MONEY, OURS), Evidence(source, AGREEING))
    decisive = source in {Source.VERIFY, Source.HUMAN}
    assert step.changed == decisive
    assert step.ask != decisive
    assert (step.transaction.status is TransactionStatus.SUCCEEDED) == decisive


def test_a_surplus_becomes_the_payment_when_the_other_attempt_brought_nothing() -> None:
    transaction = TransactionState(
        TransactionStatus.FAILED, MONEY, payer_chooses=False, review=(Review.OVERPAID,)
    )
    attempt = AttemptState(AttemptStatus.FAILED, MONEY, OURS, surplus=True)
    step = apply_evidence(transaction, attempt, Evidence(Source.VERIFY, AGREEING))
    assert (step.attempt.status, step.attempt.surplus) == (AttemptStatus.SUCCEEDED, False)
    assert step.told == ("succeeded",), "that a person must look was told before"


def test_an_order_that_shows_up_after_it_was_held_for_gone_calls_a_person() -> None:
    transaction = TransactionState(TransactionStatus.FAILED, MONEY, payer_chooses=False)
    for status in (AttemptStatus.NOT_SENT, AttemptStatus.NEVER_RECEIVED):
        step = apply_evidence(
            transaction, AttemptState(status, MONEY, OURS), Evidence(Source.CALLBACK, Pending())
        )
        assert step.alert
        assert not step.changed


class TestTheSession:
    @pytest.mark.parametrize("status", TransactionStatus)
    @pytest.mark.parametrize("cancelled", [True, False])
    def test_it_ends_once_and_never_undoes_what_is_final(
        self, status: TransactionStatus, *, cancelled: bool
    ) -> None:
        transaction = TransactionState(status, MONEY, payer_chooses=True, next_action=PAGE)
        step = end_session(transaction, cancelled=cancelled)
        if status in FINAL:
            assert step is None
            return
        assert step is not None
        wanted = TransactionStatus.CANCELLED if cancelled else TransactionStatus.EXPIRED
        assert step.transaction == replace(transaction, status=wanted, next_action=None)
        assert step.told == (wanted.value,)
        assert end_session(step.transaction, cancelled=not cancelled) is None


def test_no_story_of_five_words_breaks_the_rules() -> None:
    """Walks every reachable state from the commit before the first call, words and the session's end mixed."""
    start = (
        TransactionState(TransactionStatus.PROCESSING, MONEY, payer_chooses=False),
        AttemptState(AttemptStatus.UNKNOWN, MONEY, OURS),
    )
    queue = deque([(start, 0)])
    seen = {start}
    steps = 0
    while queue:
        (transaction, attempt), depth = queue.popleft()
        nexts = [
            apply_evidence(transaction, attempt, Evidence(source, word), other_attempt_live=other)
            for word in WORDS
            for source in Source
            for other in (False, True)
        ]
        ends = [end_session(transaction, cancelled=cancelled) for cancelled in (True, False)]
        nexts += [replace(end, attempt=attempt) for end in ends if end is not None]
        for step in nexts:
            steps += 1
            assert RANK[step.attempt.status] >= RANK[attempt.status]
            if transaction.status is TransactionStatus.SUCCEEDED:
                assert step.transaction.status is TransactionStatus.SUCCEEDED
            # Nothing failed may still hold money; nothing paid may lack it.
            if step.transaction.status is TransactionStatus.FAILED:
                assert step.attempt.status not in LIVE
            if step.transaction.status is TransactionStatus.SUCCEEDED:
                assert step.attempt.status is AttemptStatus.SUCCEEDED
            if step.attempt.status is AttemptStatus.SUCCEEDED:
                assert step.transaction.status is TransactionStatus.SUCCEEDED
            if step.transaction.late:
                assert step.transaction.status is TransactionStatus.SUCCEEDED
            reached = (step.transaction, step.attempt)
            if reached not in seen and depth < 5:
                seen.add(reached)
                queue.append((reached, depth + 1))
    statuses = {transaction.status for transaction, _ in seen}
    assert statuses == set(TransactionStatus) - {TransactionStatus.REQUIRES_PAYMENT_METHOD}
    assert steps > 1_000
