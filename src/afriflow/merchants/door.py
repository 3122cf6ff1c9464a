"""Who is at the dashboard's door: passwords and codes, and the proof, asked for anew, of who it is."""

from dataclasses import dataclass, replace

from afriflow.core.clock import Clock
from afriflow.core.errors import Unauthenticated, WrongProof
from afriflow.db.engine import Connection, Database
from afriflow.merchants import audit_log, second_factor
from afriflow.merchants import people_store as store
from afriflow.merchants.address import same_address
from afriflow.merchants.password import hash_password, is_outdated, is_password
from afriflow.merchants.sessions import Browser, Sessions, SignedIn
from afriflow.merchants.vault import Vault


@dataclass(frozen=True, slots=True)
class Entry:
    """What signing in gives. token: for the browser alone. code_wanted: it opens nothing until a code was given."""

    token: str
    code_wanted: bool


class Door:
    """Lets people in and out. Hashing holds no connection: it takes longer than anything else here."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, sessions: Sessions) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._sessions = sessions

    async def come_in(self, email: str, password: str, browser: Browser, old_token: str | None) -> Entry:
        """Check a password and open a session. old_token: of the session that this one follows.

        Raises Unauthenticated, and never says why.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(store.PERSON_OF_EMAIL, same_address(email))
        # An unknown or suspended address takes as long as a wrong password.
        right = await is_password(row["password_hash"] if row else None, password)
        if row is None or not right or row["suspended_at"] is not None:
            raise Unauthenticated
        renewed = await hash_password(password) if is_outdated(row["password_hash"]) else None
        code_wanted = row["second_factor_since"] is not None
        async with self._database.transaction() as connection:
            if renewed:
                await connection.execute(store.HASH_SET, row["merchant_id"], row["id"], renewed)
            if old_token:
                await self._sessions.end(connection, old_token)
            token = await self._sessions.open_session(connection, row, browser, code_wanted=code_wanted)
            if not code_wanted:
                who = (row["merchant_id"], row["email"], row["id"])
                await _write(connection, *who, "person.signed_in", address=browser.address, by="password")
        return Entry(token, code_wanted)

    async def waits(self, token: str) -> str:
        """Give the address of whoever gave a password and has a code yet to give. Raises Unauthenticated."""
        async with self._database.connection() as connection:
            row = await self._sessions.row_of(connection, token, code_wanted=True)
        return row["email"]

    async def give_code(self, token: str, code: str, browser: Browser) -> str:
        """Give the code that a session waits for; the session that it opens is another one, with its own token.

        Raises Unauthenticated where no session waits, WrongProof.
        """
        async with self._database.transaction() as connection:
            row = await self._sessions.row_of(connection, token, code_wanted=True)
            merchant_id, person_id = row["merchant_id"], row["person_id"]
            await self._take(connection, merchant_id, person_id, code)
            await self._sessions.end(connection, token)
            person = await connection.fetchrow(store.PERSON, merchant_id, person_id)
            if person is None:
                raise Unauthenticated
            opened = await self._sessions.open_session(connection, person, browser, code_wanted=False)
            who = (merchant_id, person["email"], person_id)
            await _write(
                connection, *who, "person.signed_in", address=browser.address, by="password and code"
            )
        return opened

    async def who_has(self, token: str, *, by_itself: bool = False) -> SignedIn:
        """Find who is signed in. by_itself: a page asked, and nobody touched it. Raises Unauthenticated."""
        async with self._database.connection() as connection:
            return await self._sessions.read_session(connection, token, by_itself=by_itself)

    async def is_in(self, me: SignedIn) -> bool:
        """Tell whether somebody who came in is still signed in, as when a page has been looked at for a while."""
        async with self._database.connection() as connection:
            return await self._sessions.lives(connection, me)

    async def prove(self, me: SignedIn, proof: str) -> tuple[SignedIn, str]:
        """Prove anew who it is: by a code where there is a second factor, else by the password.

        Gives the session's new token. Raises WrongProof.
        """
        if not me.second_factor:
            await self.check_password(me, proof)
        async with self._database.transaction() as connection:
            if me.second_factor:
                await self._take(connection, me.merchant_id, me.person_id, proof)
            token = await self._sessions.renew(connection, me, proven=True)
            who = (me.merchant_id, me.email, me.person_id)
            await _write(connection, *who, "person.proved", by="code" if me.second_factor else "password")
        return replace(me, proven=True), token

    async def check_password(self, me: SignedIn, password: str) -> None:
        """Raises WrongProof."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(store.PERSON, me.merchant_id, me.person_id)
        if not await is_password(row["password_hash"] if row else None, password):
            raise WrongProof

    async def leave(self, token: str) -> None:
        """End a session, also one that still waits for a code."""
        async with self._database.transaction() as connection:
            ended = await self._sessions.end(connection, token)
            if ended is not None:
                who = (ended["merchant_id"], ended["email"], ended["person_id"])
                await _write(connection, *who, "person.signed_out")

    async def note_failure(self, email: str, reason: str) -> None:
        """Write down that somebody tried to be this person; of an address that nobody has there is nothing to write.

        After the answer, or the time that it takes would tell which addresses there are.
        """
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(store.PERSON_OF_EMAIL, same_address(email))
            if row is not None:
                who = (row["merchant_id"], row["email"], row["id"])
                await _write(connection, *who, "person.sign_in_failed", reason=reason)

    async def _take(self, connection: Connection, merchant_id: str, person_id: str, code: str) -> None:
        now = self._clock.now()
        if not await second_factor.take(connection, self._vault, merchant_id, person_id, code, now):
            raise WrongProof


async def _write(
    connection: Connection, merchant_id: str, email: str, person_id: str, action: str, **details: str
) -> None:
    await audit_log.write(
        connection, merchant_id=merchant_id, who=email, action=action, subject=person_id, details=details
    )
