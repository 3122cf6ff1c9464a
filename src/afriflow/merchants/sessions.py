"""People's sessions at the dashboard: rows in the database, under the keyed hash of what the browser alone has."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from afriflow.core.errors import NotFound, Unauthenticated
from afriflow.core.ids import Ids
from afriflow.core.permission import Role
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record
from afriflow.merchants import people_store as store
from afriflow.merchants.keys import Caller
from afriflow.merchants.policy import FactorPolicy
from afriflow.merchants.vault import Vault
from afriflow.observe.redact import redact_text
from afriflow.settings import Settings

_AGENT_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """session, idle: how long one lives, and lives unused. proof: how long a proof is fresh, and a code waited for."""

    session_seconds: int
    idle_seconds: int
    proof_seconds: int

    @classmethod
    def of(cls, settings: Settings) -> "SessionLimits":
        return cls(
            settings.dashboard_session_seconds,
            settings.dashboard_idle_seconds,
            settings.dashboard_proof_seconds,
        )


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser says of itself, kept so that people recognise their sessions."""

    agent: str
    address: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person at the dashboard.

    proven: a password or code was given lately. second_factor: it is on. second_factor_wanted: in live mode, by the
    merchant's policy.
    """

    merchant_id: str
    merchant_name: str
    country: str
    language: str
    session_id: str
    person_id: str
    email: str
    role: Role
    proven: bool
    second_factor: bool
    second_factor_wanted: bool

    def caller(self, mode: Mode) -> Caller:
        """Act for the merchant, in one mode, as far as the role goes."""
        return Caller(
            self.merchant_id,
            self.merchant_name,
            mode,
            self.country,
            self.language,
            self.email,
            self.role.permissions,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its person sees it."""

    id: str
    agent: str
    address: str
    created_at: datetime
    seen_at: datetime


class Sessions:
    """Opens sessions, finds whose they are, changes their tokens, ends them."""

    def __init__(self, vault: Vault, ids: Ids, limits: SessionLimits) -> None:
        self._vault = vault
        self._ids = ids
        self._limits = limits

    async def open_session(
        self, connection: Connection, person: Record, browser: Browser, *, code_wanted: bool
    ) -> str:
        """Open a session and give its token. code_wanted: it lets nobody in until a code was given."""
        token = secrets.token_urlsafe(32)
        limits = self._limits
        await connection.execute(
            store.SESSION_INSERT,
            self._vault.hash(token),
            person["merchant_id"],
            self._ids.new("ses"),
            person["id"],
            code_wanted,
            redact_text(browser.agent[:_AGENT_CHARACTERS_MAX]),
            browser.address,
            float(limits.proof_seconds if code_wanted else limits.session_seconds),
        )
        return token

    async def row_of(self, connection: Connection, token: str, *, code_wanted: bool) -> Record:
        """Find a session that waits for a code, or one that does not. Raises Unauthenticated."""
        limits = self._limits
        row = await connection.fetchrow(
            store.SESSION, self._vault.hash(token), float(limits.idle_seconds), float(limits.proof_seconds)
        )
        if row is None or row["code_wanted"] != code_wanted:
            raise Unauthenticated
        return row

    async def read_session(self, connection: Connection, token: str, *, by_itself: bool = False) -> SignedIn:
        """Find who is signed in, and note that somebody is there. Raises Unauthenticated.

        by_itself: a page asked, and nobody touched it.
        """
        row = await self.row_of(connection, token, code_wanted=False)
        if row["seen_long_ago"] and not by_itself:
            await connection.execute(store.SESSION_SEEN, row["merchant_id"], row["id"])
        role = Role(row["role"])
        return SignedIn(
            merchant_id=row["merchant_id"],
            merchant_name=row["name"],
            country=row["country"],
            language=row["language"],
            session_id=row["id"],
            person_id=row["person_id"],
            email=row["email"],
            role=role,
            proven=row["proven"],
            second_factor=row["second_factor"],
            second_factor_wanted=FactorPolicy(row["second_factor_of"]).includes(role),
        )

    async def lives(self, connection: Connection, me: SignedIn) -> bool:
        """Tell whether a session still lets its person in, whatever token it has by now."""
        idle_seconds = float(self._limits.idle_seconds)
        return bool(
            await connection.fetchval(store.SESSION_LIVES, me.merchant_id, me.session_id, idle_seconds)
        )

    async def renew(self, connection: Connection, me: SignedIn, *, proven: bool = False) -> str:
        """Give the session another token: what was seen of the old one is worth nothing. proven: just now."""
        token = secrets.token_urlsafe(32)
        await connection.execute(
            store.SESSION_RENEW, me.merchant_id, me.session_id, self._vault.hash(token), proven
        )
        return token

    async def list_of(self, connection: Connection, me: SignedIn) -> list[Session]:
        """List where the person is signed in, the latest first."""
        rows = await connection.fetch(
            store.SESSIONS, me.merchant_id, me.person_id, float(self._limits.idle_seconds)
        )
        return [Session(**dict(row)) for row in rows]

    async def end(self, connection: Connection, token: str) -> Record | None:
        """End a session and tell whose it was; None where there is none."""
        return await connection.fetchrow(store.SESSION_END_BY_HASH, self._vault.hash(token))

    async def end_one(self, connection: Connection, me: SignedIn, session_id: str) -> None:
        """End one of a person's sessions. Raises NotFound, also for somebody else's."""
        done = await connection.execute(store.SESSION_END, me.merchant_id, me.person_id, session_id)
        if done == "DELETE 0":
            raise NotFound(id=session_id)

    async def end_others(self, connection: Connection, me: SignedIn) -> None:
        await connection.execute(store.SESSIONS_END_OTHERS, me.merchant_id, me.person_id, me.session_id)

    async def end_all(self, connection: Connection, merchant_id: str, person_id: str) -> None:
        await connection.execute(store.SESSIONS_END, merchant_id, person_id)


async def prune_sessions(connection: Connection) -> None:
    """Forget sessions and links whose time is over."""
    await connection.execute(store.SESSIONS_PRUNE)
    await connection.execute(store.LINKS_PRUNE)
