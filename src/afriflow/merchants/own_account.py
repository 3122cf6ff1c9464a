"""What people change about themselves: their password, their second factor, where they are signed in."""

from afriflow.core.clock import Clock
from afriflow.core.errors import InvalidRequest, WrongProof
from afriflow.db.engine import Connection, Database
from afriflow.merchants import audit_log, second_factor
from afriflow.merchants import people_store as store
from afriflow.merchants.door import Door
from afriflow.merchants.password import fault_of, hash_password
from afriflow.merchants.sessions import Session, Sessions, SignedIn
from afriflow.merchants.vault import Vault


class OwnAccount:
    """Each change ends the person's other sessions and changes this one's token, which is then given back."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        sessions: Sessions,
        door: Door,
        password_characters_min: int,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._sessions = sessions
        self._door = door
        self._password_characters_min = password_characters_min

    async def change_password(self, me: SignedIn, old: str, new: str) -> str:
        """Take another password. Raises WrongProof, InvalidRequest."""
        await self._door.check_password(me, old)
        fault = fault_of(new, (me.email, me.merchant_name), self._password_characters_min)
        if fault is not None:
            raise InvalidRequest([fault])
        kept = await hash_password(new)
        async with self._database.transaction() as connection:
            await connection.execute(store.HASH_SET, me.merchant_id, me.person_id, kept)
            return await self._stand_alone(connection, me, "person.password_changed")

    async def begin_second_factor(self, me: SignedIn) -> None:
        """Make a secret that waits for its first code."""
        async with self._database.connection() as connection:
            await second_factor.begin(connection, self._vault, me.merchant_id, me.person_id)

    async def waiting_secret(self, me: SignedIn) -> bytes | None:
        """Give the secret that waits for its first code."""
        async with self._database.connection() as connection:
            return await second_factor.waiting_secret(connection, self._vault, me.merchant_id, me.person_id)

    async def confirm_second_factor(self, me: SignedIn, code: str) -> tuple[list[str], str]:
        """Switch it on with its first code; gives the recovery codes as well, this once. Raises WrongProof."""
        async with self._database.transaction() as connection:
            codes = await second_factor.switch_on(
                connection, self._vault, me.merchant_id, me.person_id, code, self._clock.now()
            )
            if codes is None:
                raise WrongProof
            return codes, await self._stand_alone(connection, me, "person.second_factor_on")

    async def forget_second_factor(self, me: SignedIn) -> str:
        """Switch it off."""
        async with self._database.transaction() as connection:
            await second_factor.forget(connection, me.merchant_id, me.person_id)
            return await self._stand_alone(connection, me, "person.second_factor_off")

    async def renew_recovery_codes(self, me: SignedIn) -> tuple[list[str], str]:
        """Give new recovery codes; the old ones are worth nothing any more."""
        async with self._database.transaction() as connection:
            codes = await second_factor.renew_recovery(connection, self._vault, me.merchant_id, me.person_id)
            return codes, await self._stand_alone(connection, me, "person.recovery_codes_renewed")

    async def recovery_codes_left(self, me: SignedIn) -> int:
        async with self._database.connection() as connection:
            return int(await connection.fetchval(store.RECOVERY_LEFT, me.merchant_id, me.person_id))

    async def sessions(self, me: SignedIn) -> list[Session]:
        """List where the person is signed in, the latest first."""
        async with self._database.connection() as connection:
            return await self._sessions.list_of(connection, me)

    async def end_session(self, me: SignedIn, session_id: str) -> None:
        """Sign out at one of the places where the person is signed in. Raises NotFound."""
        async with self._database.transaction() as connection:
            await self._sessions.end_one(connection, me, session_id)
            await audit_log.write(
                connection,
                merchant_id=me.merchant_id,
                who=me.email,
                action="person.session_ended",
                subject=me.person_id,
            )

    async def end_other_sessions(self, me: SignedIn) -> str:
        """Sign out everywhere else."""
        async with self._database.transaction() as connection:
            return await self._stand_alone(connection, me, "person.other_sessions_ended")

    async def _stand_alone(self, connection: Connection, me: SignedIn, action: str) -> str:
        await self._sessions.end_others(connection, me)
        token = await self._sessions.renew(connection, me)
        await audit_log.write(
            connection, merchant_id=me.merchant_id, who=me.email, action=action, subject=me.person_id
        )
        return token
