"""Every setting there is: name, type, default and the reason for it; the only reader of the environment.

A setting `follow_ladder_seconds` is read from `AFRIFLOW_FOLLOW_LADDER_SECONDS`; lists are comma-separated.
"""

import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def _setting(default: Any, reason: str) -> Any:
    return field(default=default, metadata={"reason": reason})


@dataclass(frozen=True, slots=True)
class Settings:
    """What may differ between a laptop and a fleet. Every value has a default that runs the demo."""

    home: Path = _setting(
        Path.home() / ".afriflow", "where the embedded servers and the demo keep their data"
    )
    port: int = _setting(8000, "where `afriflow start` and `serve` listen; 0 takes any free port")
    host: str = _setting(
        "127.0.0.1", "loopback until someone decides to be seen; a proxy with TLS stands before it"
    )
    proxy_networks: tuple[str, ...] = _setting(
        ("127.0.0.1", "::1"),
        "addresses and networks of the proxies before us: who calls, and by which scheme, is believed of these alone",
    )
    public_url: str = _setting("", "how payers, merchants and providers reach us; empty = http://host:port")
    database_url: str = _setting(
        "", "PostgreSQL 15 to 18; empty = the embedded one (DATABASE_URL is read too)"
    )
    database_role: str = _setting(
        "",
        "the role that `serve` and `work` run under: `afriflow migrate`, run by the tables' owner, grants it what they "
        "need and no more; empty = nothing is granted",
    )
    redis_url: str = _setting("", "Redis ≥ 6.2 or Valkey; empty = the embedded one (REDIS_URL is read too)")
    secret_key: str = _setting(
        "",
        "32 bytes or more; hashes of keys, blind indexes and attempt ids are derived from it, so that it never changes; "
        "empty = made once and kept in home (demo only)",
    )
    key_encryption_keys: tuple[str, ...] = _setting(
        (),
        "32 bytes or more each, comma-separated: the first wraps the merchants' data keys, all of them unwrap; "
        "empty = a key derived from secret_key, which always unwraps",
    )
    key_encryption_keys_file: str = _setting(
        "",
        "a file with such keys, one a line, after those of the environment: a secret mounted into a container",
    )
    data_key_cache_seconds: float = _setting(
        60.0,
        "how long a process seals with a data key before it looks for a newer one; rotation waits for it",
    )
    language: str = _setting("en", "language of logs for people and of errors when the caller asks for none")

    database_connections_max: int = _setting(
        20, "per process; no connection is held while a provider is called, so few serve many"
    )
    statement_timeout_seconds: float = _setting(10.0, "a statement that takes longer is a fault, not load")
    audit_timeout_seconds: float = _setting(
        900.0, "one rule of `afriflow audit` over all rows; a million payments take seconds"
    )
    redis_timeout_seconds: float = _setting(
        0.05, "Redis only makes us faster: past this we go on without it (stock clients wait 3.8 s)"
    )

    request_body_bytes_max: int = _setting(64 * 1024, "a checkout is 1 kB; more is a mistake or an attack")
    notification_body_bytes_max: int = _setting(
        256 * 1024, "providers' notifications with histories stay far below"
    )
    request_head_seconds: float = _setting(
        10.0,
        "from a connection's first byte to the end of the headers; slower is an attack or no line at all",
    )
    request_body_seconds: float = _setting(30.0, "for the largest body on the slowest line of a payer")
    requests_per_key_per_second: float = _setting(
        50.0, "of one API key; a shop with 100 000 payments a day asks 10 times a second at its peak"
    )
    requests_per_key_burst: int = _setting(500, "at once: a nightly run that reads a day's payments")
    requests_per_network_per_second: float = _setting(
        50.0, "from one address or IPv6 /64: a whole town may stand behind one (CGN), an attacker as well"
    )
    requests_per_network_burst: int = _setting(500, "at once, from one address")
    notifications_per_network_per_second: float = _setting(
        200.0, "a provider tells everything from a few addresses, and comes again after HTTP 429"
    )
    notifications_per_network_burst: int = _setting(2_000, "what a provider held back while it was away")
    request_depth_max: int = _setting(20, "our deepest request has 3 levels")
    page_limit_max: int = _setting(100, "rows of one list answer")

    session_seconds: int = _setting(30 * _MINUTE, "how long a payer may take when the merchant does not say")
    session_seconds_min: int = _setting(60, "a prompt alone lives a minute")
    session_seconds_max: int = _setting(7 * _DAY, "past a week a link should be a payment link")
    look_alike_seconds: int = _setting(
        5 * _MINUTE,
        "the same phone and amount within this time is most likely one order paid twice: a warning",
    )
    prompt_live_seconds: int = _setting(
        2 * _MINUTE, "how long a prompt stands on a phone: until then no other may come, whoever asks"
    )
    prompts_per_ten_minutes_max: int = _setting(
        3, "of one phone: who mistyped the PIN may try again, and nobody is plagued"
    )
    prompts_per_day_max: int = _setting(
        10, "of one phone: more is no buyer but somebody who is being plagued"
    )
    prompt_pauses_seconds: tuple[int, ...] = _setting(
        (0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, 30 * _MINUTE, _HOUR),
        "after the first, second, third, … prompt of a day; the last one holds from there on",
    )
    prompt_limits_in_test: bool = _setting(
        False, "test mode rings no real phone, and tests pay with the same few numbers all day"
    )
    idempotency_wait_seconds: float = _setting(
        10.0, "how long a second request with the same key waits for the first before it hears 409"
    )
    idempotency_lease_seconds: int = _setting(
        90, "after this the first request has died; longer than the longest call to a provider"
    )
    idempotency_cache_seconds: int = _setting(
        _DAY, "how long Redis answers repeats; PostgreSQL does for ever"
    )

    provider_timeout_seconds: float = _setting(10.0, "one call to a provider; pawaPay advises 5 to 10 s")
    provider_connections_max: int = _setting(
        50, "to one provider's host at once, whatever accounts it has; orders and questions of one fill it"
    )
    provider_networks: tuple[str, ...] = _setting(
        (), "private networks that providers may be in, such as an operator's behind a VPN: 10.8.0.0/16"
    )
    provider_orders_max: int = _setting(
        40, "payments on their way to one account at once, per process: a hanging one holds these and no more"
    )
    provider_questions_max: int = _setting(
        10, "questions to one account at once, per process: a backlog of them must leave room for payers"
    )
    provider_order_wait_seconds: float = _setting(
        2.0,
        "for a place; then nothing was sent, and the next provider is asked while the payer is still there",
    )
    provider_question_wait_seconds: float = _setting(
        3.0, "for a place; then the question is put off, so that it does not hold a worker's place instead"
    )
    provider_rest_seconds: int = _setting(5, "after HTTP 429 when the provider does not say how long")
    provider_rest_seconds_max: int = _setting(
        300, "a Retry-After beyond it is not waited for: payers would never be asked again"
    )
    failover_attempts_max: int = _setting(
        3, "providers tried in one payment; more would outlast the payer's patience"
    )
    payout_approval_seconds: int = _setting(
        3 * _DAY,
        "how long a payout waits for its second person: a weekend; then it has failed, and nothing was sent",
    )
    payout_batch_max: int = _setting(
        20, "all payouts of a batch are sent before it is answered, and pawaPay takes 20 in a call"
    )
    send_lease_seconds: int = _setting(
        60,
        "how long one send may take before its process counts as dead; above the slowest provider (SoftPay 45 s)",
    )
    follow_ladder_seconds: tuple[int, ...] = _setting(
        (
            10,
            30,
            2 * _MINUTE,
            10 * _MINUTE,
            32 * _MINUTE,
            _HOUR,
            6 * _HOUR,
            _DAY,
            2 * _DAY,
            4 * _DAY,
            7 * _DAY,
        ),
        "ages of an attempt at which its provider is asked; a payer's prompt lives 2 minutes, what pawaPay does not know "
        "after 15 minutes, or after 30 on its page, never came, statements close in 7 days",
    )
    resend_window_seconds: int = _setting(
        120, "how long the payer holds the phone: later the same order is not sent again, only asked for"
    )
    unresolved_after_seconds: int = _setting(_DAY, "an attempt that is still open then needs a person")

    delivery_ladder_seconds: tuple[int, ...] = _setting(
        (
            5,
            _MINUTE,
            5 * _MINUTE,
            30 * _MINUTE,
            2 * _HOUR,
            5 * _HOUR,
            8 * _HOUR,
            10 * _HOUR,
            10 * _HOUR,
            12 * _HOUR,
            14 * _HOUR,
            14 * _HOUR,
        ),
        "pauses between tries of a delivery: 13 tries over 75 h, so that a weekend's outage loses nothing",
    )
    delivery_timeout_seconds: float = _setting(15.0, "Standard Webhooks asks for 15 to 30 s")
    webhook_ports: tuple[int, ...] = _setting(
        (443, 8443), "where merchants' servers listen with TLS; any other port is somebody else's service"
    )
    secret_overlap_seconds: int = _setting(
        _DAY,
        "how long an endpoint's old secret signs beside the new one: long enough to set it on every server",
    )
    secret_overlap_seconds_max: int = _setting(
        7 * _DAY, "the longest overlap of two secrets: what was replaced should come to an end"
    )
    replay_events_max: int = _setting(
        100_000,
        "events of one replay: more is days of work for the merchant's server, and is asked for by parts",
    )
    replay_batch: int = _setting(
        200,
        "deliveries of a replay that wait for one endpoint at a time: what happens now is never far behind them",
    )
    delivery_answer_bytes_max: int = _setting(
        64 * 1024, "we keep an excerpt of the merchant's answer, not a download"
    )
    signature_tolerance_seconds: int = _setting(300, "clocks differ and proxies queue; older is a replay")

    breaker_window_seconds: int = _setting(60, "failures older than this say nothing about now")
    breaker_calls_min: int = _setting(10, "fewer calls are no rate")
    breaker_failure_percent: int = _setting(50, "above this a payer is better served elsewhere")
    breaker_lost_in_a_row: int = _setting(
        5, "calls in a row without a usable answer: a quiet route would never come to breaker_calls_min"
    )
    breaker_slow_seconds: float = _setting(
        20.0, "an answer that takes longer counts as none: the payer has gone, though the provider was well"
    )
    breaker_open_seconds: int = _setting(15, "first pause; a restart of a provider takes about that")
    breaker_open_seconds_max: int = _setting(
        300, "doubling stops here, so that a healed provider is found in 5 minutes"
    )
    breaker_probes: int = _setting(3, "calls let through at once while it is unsure")
    breaker_forced_seconds_max: int = _setting(
        7 * _DAY, "a circuit that a person holds open or closed and forgets comes back by itself"
    )

    standing_half_life_seconds: int = _setting(
        10 * _MINUTE,
        "an end of an order weighs half after this: long enough for a trend, short for an outage",
    )
    standing_prior_outcomes: int = _setting(
        10, "ends that are taken for granted of every account: one or two failures are chance"
    )
    standing_prior_percent: int = _setting(95, "of the ends that are taken for granted, so many are good")
    standing_behind_percent: int = _setting(
        20, "points behind the best at which an account is asked last: three failures in a row, or 3 in 10"
    )

    account_hours_days: int = _setting(
        35,
        "how accounts have done is kept hour by hour for so long; pages show a week, a month can be asked of SQL",
    )
    balances_patience_seconds: float = _setting(
        3.0, "for a provider to say what an account holds, while somebody looks at the page"
    )
    balances_fresh_seconds: float = _setting(
        60.0, "what it said is told again for so long, however often somebody looks"
    )

    rehearsal_days: int = _setting(
        7, "rules are tried on so many days of payments: a week has every kind of day"
    )
    rehearsal_payments_max: int = _setting(
        10_000, "of these the newest: a share of one in a thousand is still seen ten times"
    )
    rehearsal_seconds_max: float = _setting(
        5.0, "a person waits for it, and what was looked at until then is shown"
    )

    shutdown_notice_seconds: float = _setting(
        5.0,
        "how long a process that was told to go still answers, while /health/ready says 503: longer than a balancer "
        "takes to notice",
    )
    shutdown_seconds: int = _setting(
        65,
        "then requests and jobs in progress may finish: a call to a provider takes up to a minute, and its answer must be kept",
    )

    worker_jobs_max: int = _setting(
        100, "jobs at once in one worker; more than the database has connections only wait"
    )
    worker_batch: int = _setting(
        20, "jobs fetched at once; at most half of worker_jobs_max, as the queue demands"
    )
    worker_poll_seconds: float = _setting(2.0, "safety net beside NOTIFY")
    worker_heartbeat_seconds: int = _setting(20, "a killed worker's jobs are taken over after this")
    worker_crashes_max: int = _setting(3, "a job that killed its worker this often is held for a person")
    provider_logs_days: int = _setting(
        400,
        "how long exchanges with providers are kept: a dispute over a card may come 13 months later; 0 = for good, and "
        "never less than 30",
    )
    notifications_days: int = _setting(
        400, "how long the text of providers' notifications is kept, for the same reason; 0 = for good"
    )
    delivery_answers_days: int = _setting(
        90, "how long a merchant's answers to deliveries are kept: nobody looks for them longer; 0 = for good"
    )
    forget_batch: int = _setting(
        1000, "rows forgotten in one transaction: few enough that nobody waits for it"
    )
    job_log_days: int = _setting(7, "how long the queue's own log is kept")

    key_use_seconds: int = _setting(
        60, "that an API key was used is written this seldom: nobody asks to the second, and rows are dear"
    )
    key_grace_seconds: int = _setting(
        _DAY, "how long a replaced API key stays good: long enough to set the new one on every server"
    )

    dashboard_session_seconds: int = _setting(
        12 * _HOUR, "a working day; then the password is asked for again"
    )
    dashboard_idle_seconds: int = _setting(
        30 * _MINUTE, "a dashboard that nobody has touched for this long may be anybody's by now"
    )
    live_look_seconds: float = _setting(
        1.0,
        "how often a process looks for what changed while pages of the dashboard are open: one look for all",
    )
    live_pause_seconds: float = _setting(
        2.0, "between two refreshes of one page; a list that changes faster cannot be read"
    )
    live_heartbeat_seconds: float = _setting(
        15.0, "proxies cut a line that is silent for a minute; so often a page's session is looked at, too"
    )
    live_pages_per_person_max: int = _setting(
        4,
        "pages that one person keeps live in one process; browsers open six lines to a host without HTTP/2, and the next "
        "click needs one",
    )
    dashboard_proof_seconds: int = _setting(
        10 * _MINUTE,
        "money out, keys, webhooks, team and policies want a password or code not older than this; also how long "
        "a code is waited for after the password",
    )
    person_link_seconds: int = _setting(
        72 * _HOUR, "invitations and new passwords: a weekend, and no link lies about for longer"
    )
    password_characters_min: int = _setting(
        12, "NIST SP 800-63B counts length and nothing else; what is guessed easily is refused at any length"
    )
    sign_in_failures_max: int = _setting(10, "tries of one e-mail address in sign_in_window_seconds")
    sign_in_failures_per_network_max: int = _setting(
        10,
        "the same for one IP address (IPv6: one /64), whatever addresses it tries; who came in counts for none",
    )
    sign_in_window_seconds: int = _setting(15 * _MINUTE, "long enough to make guessing pointless")

    environment: str = _setting("production", "which installation speaks, in reports and traces")
    log_format: str = _setting("json", "json for machines, console for people")
    sentry_dsn: str = _setting("", "where faults are reported; empty = nowhere")
    otlp_endpoint: str = _setting(
        "", "collector of traces over OTLP/HTTP, such as http://127.0.0.1:4318; empty = no traces"
    )
    trace_ratio: float = _setting(1.0, "share of traces that is kept; a busy house keeps fewer")
    metrics_token: str = _setting(
        "", "what Prometheus sends as Bearer; empty = the API's port answers no /metrics, it is seen by all"
    )
    metrics_open: bool = _setting(
        False, "/metrics for whoever asks, where nobody but us reaches the port; `afriflow start` sets it"
    )
    metrics_fresh_seconds: float = _setting(
        5.0, "what PostgreSQL is counted for is told again for so long, however many ask"
    )
    worker_host: str = _setting(
        "127.0.0.1", "where a worker answers /health and /metrics; loopback until someone decides otherwise"
    )
    worker_port: int = _setting(0, "the same; 0 = nowhere")
    allow_plaintext_servers: bool = _setting(
        False,
        "PostgreSQL and Redis of another host without TLS: for a network that nobody else is in, such as compose's own",
    )
    allow_private_addresses: bool = _setting(
        False,
        "test mode may call loopback and private addresses: webhooks and simulators; `afriflow start` sets it",
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> "Settings":
        """Read the settings; `overrides` win. Raises ValueError naming the variable that cannot be read."""
        environ = os.environ if environ is None else environ
        hints = typing.get_type_hints(cls)
        values: dict[str, Any] = {}
        for item in fields(cls):
            variable = f"AFRIFLOW_{item.name.upper()}"
            text = environ.get(variable)
            if text is None and item.name in {"database_url", "redis_url"}:
                variable = item.name.upper()
                text = environ.get(variable)
            if text is not None and text != "":
                try:
                    values[item.name] = _read(text, hints[item.name])
                except ValueError as error:
                    raise ValueError(f"{variable}={text!r}: {error}") from error
        return cls(**{**values, **overrides})

    @property
    def base_url(self) -> str:
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def _read(text: str, kind: Any) -> Any:
    if isinstance(kind, types.GenericAlias):  # tuple[int, ...]
        item = typing.get_args(kind)[0]
        return tuple(item(part.strip()) for part in text.split(","))
    if kind is bool:
        if text.lower() not in {"1", "0", "true", "false", "yes", "no"}:
            raise ValueError("expected true or false")
        return text.lower() in {"1", "true", "yes"}
    return kind(text)
