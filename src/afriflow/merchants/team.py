"""Who belongs to a merchant, in which role, and the links that let people in: each opens once, and not for long."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from afriflow.core.errors import AddressTaken, InvalidRequest, LastOwner, LinkSpent, NotFound
from afriflow.core.ids import Ids
from afriflow.core.permission import Role
from afriflow.db.engine import Connection, Database, Record
from afriflow.merchants import audit_log, second_factor
from afriflow.merchants import people_store as store
from afriflow.merchants.address import check_address, same_address
from afriflow.merchants.password import fault_of, hash_password
from afriflow.merchants.vault import Vault


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the team. seen_at: when somebody last looked with a session of theirs that is still there."""

    id: str
    email: str
    role: Role
    second_factor: bool
    suspended_at: datetime | None
    created_at: datetime
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """A link that lets somebody set a password. kind: "invitation" or "reset". forget_factor: the second one too."""

    id: str
    merchant_id: str
    merchant_name: str
    kind: str
    email: str
    role: Role | None
    forget_factor: bool
    made_by: str
    expires_at: datetime


class Team:
    """Invites, promotes and dismisses.

    who: the person's address or the terminal's name, for the audit log. link_seconds: how long a link opens.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        ids: Ids,
        base_url: str,
        *,
        link_seconds: int,
        password_characters_min: int,
    ) -> None:
        self._database = database
        self._vault = vault
        self._ids = ids
        self._base_url = base_url
        self._link_seconds = link_seconds
        self._password_characters_min = password_characters_min

    async def members(self, merchant_id: str) -> list[Member]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(store.PEOPLE, merchant_id)
        return [_member(row) for row in rows]

    async def invitations(self, merchant_id: str) -> list[Link]:
        """List the invitations that nobody has used yet."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(store.LINKS, merchant_id)
        return [_link(row, "") for row in rows]

    async def invite(self, merchant_id: str, who: str, email: str, role: Role) -> str:
        """Give the link with which somebody joins; an earlier one for the address opens no more.

        Raises InvalidRequest, AddressTaken where the address is in this team.
        """
        email = check_address(email)
        async with self._database.transaction() as connection:
            known = await connection.fetchrow(store.PERSON_OF_EMAIL, email)
            # Of other merchants' people nothing is told here: their address is found taken by whoever opens the link.
            if known is not None and known["merchant_id"] == merchant_id:
                raise AddressTaken
            url = await self._make_link(connection, merchant_id, who, "invitation", email, role=role)
            await _write(connection, merchant_id, who, "person.invited", email, role=role.value)
        return url

    async def find_person(self, email: str) -> tuple[str, str]:
        """Give merchant and id of whoever has an address: for whoever runs the installation. Raises NotFound."""
        async with self._database.connection() as connection:
            person = await connection.fetchrow(store.PERSON_OF_EMAIL, same_address(email))
        if person is None:
            raise NotFound(id=email)
        return person["merchant_id"], person["id"]

    async def withdraw(self, merchant_id: str, who: str, link_id: str) -> None:
        """Take an invitation back. Raises NotFound."""
        async with self._database.transaction() as connection:
            email = await connection.fetchval(store.LINK_DELETE, merchant_id, link_id)
            if email is None:
                raise NotFound(id=link_id)
            await _write(connection, merchant_id, who, "person.invitation_withdrawn", email)

    async def reset(self, merchant_id: str, who: str, person_id: str, *, forget_factor: bool) -> str:
        """Give a link with which a person sets another password; until then the old one works. Raises NotFound."""
        async with self._database.transaction() as connection:
            person = await _locked(connection, merchant_id, person_id)
            url = await self._make_link(
                connection, merchant_id, who, "reset", person["email"], forget_factor=forget_factor
            )
            await _write(
                connection, merchant_id, who, "person.reset", person_id, forget_second_factor=forget_factor
            )
        return url

    async def change_role(self, merchant_id: str, who: str, person_id: str, role: Role) -> None:
        """Give another role; the person signs in anew. Raises NotFound, LastOwner."""
        async with self._database.transaction() as connection:
            person = await self._taken_from(connection, merchant_id, person_id, stays=role is Role.OWNER)
            await connection.execute(store.PERSON_ROLE, merchant_id, person_id, role.value)
            await connection.execute(store.SESSIONS_END, merchant_id, person_id)
            change = {"before": person["role"], "after": role.value}
            await _write(connection, merchant_id, who, "person.role_changed", person_id, **change)

    async def end_sessions(self, merchant_id: str, who: str, person_id: str) -> None:
        """Sign a person out everywhere; they may come in again. Raises NotFound."""
        async with self._database.transaction() as connection:
            await _locked(connection, merchant_id, person_id)
            await connection.execute(store.SESSIONS_END, merchant_id, person_id)
            await _write(connection, merchant_id, who, "person.sessions_ended", person_id)

    async def suspend(self, merchant_id: str, who: str, person_id: str) -> None:
        """Let a person in no more, until further notice. Raises NotFound, LastOwner."""
        async with self._database.transaction() as connection:
            await self._taken_from(connection, merchant_id, person_id)
            await connection.execute(store.PERSON_SUSPEND, merchant_id, person_id)
            await connection.execute(store.SESSIONS_END, merchant_id, person_id)
            await _write(connection, merchant_id, who, "person.suspended", person_id)

    async def resume(self, merchant_id: str, who: str, person_id: str) -> None:
        """Let a suspended person in again. Raises NotFound."""
        async with self._database.transaction() as connection:
            await _locked(connection, merchant_id, person_id)
            await connection.execute(store.PERSON_RESUME, merchant_id, person_id)
            await _write(connection, merchant_id, who, "person.resumed", person_id)

    async def remove(self, merchant_id: str, who: str, person_id: str) -> None:
        """Take a person out of the team; what they did stays under their address. Raises NotFound, LastOwner."""
        async with self._database.transaction() as connection:
            person = await self._taken_from(connection, merchant_id, person_id)
            await connection.execute(store.SESSIONS_END, merchant_id, person_id)
            await connection.execute(store.RECOVERY_FORGET, merchant_id, person_id)
            await connection.execute(store.LINKS_DELETE, merchant_id, person["email"])
            await connection.execute(store.PERSON_DELETE, merchant_id, person_id)
            await _write(connection, merchant_id, who, "person.removed", person_id, email=person["email"])

    async def look(self, token: str) -> Link:
        """Read a link without using it up: programs open links before people do. Raises LinkSpent."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(store.LINK, self._vault.hash(token))
        if row is None:
            raise LinkSpent
        return _link(row, row["name"])

    async def use(self, token: str, password: str) -> Link:
        """Set the password, once. Raises LinkSpent, InvalidRequest, AddressTaken."""
        link = await self.look(token)
        fault = fault_of(password, (link.email, link.merchant_name), self._password_characters_min)
        if fault is not None:
            raise InvalidRequest([fault])
        kept = await hash_password(password)
        async with self._database.transaction() as connection:
            if await connection.fetchval(store.LINK_TAKE, self._vault.hash(token)) is None:
                raise LinkSpent
            if link.kind == "invitation":
                await self._join(connection, link, kept)
            else:
                await self._set_anew(connection, link, kept)
        return link

    async def _join(self, connection: Connection, link: Link, kept: str) -> None:
        person_id, role = self._ids.new("per"), link.role or Role.READ_ONLY
        done = await connection.execute(
            store.PERSON_INSERT, link.email, link.merchant_id, person_id, role.value, kept
        )
        if done == "INSERT 0 0":
            raise AddressTaken
        await _write(
            connection, link.merchant_id, link.email, "person.joined", person_id, invited_by=link.made_by
        )

    async def _set_anew(self, connection: Connection, link: Link, kept: str) -> None:
        person = await connection.fetchrow(store.PERSON_OF_EMAIL, link.email)
        if person is None or person["merchant_id"] != link.merchant_id:
            raise LinkSpent
        person_id = person["id"]
        await connection.execute(store.HASH_SET, link.merchant_id, person_id, kept)
        await connection.execute(store.SESSIONS_END, link.merchant_id, person_id)
        if link.forget_factor:
            await second_factor.forget(connection, link.merchant_id, person_id)
        who = (link.merchant_id, link.email)
        await _write(connection, *who, "person.password_set", person_id, by_link_of=link.made_by)

    async def _make_link(
        self,
        connection: Connection,
        merchant_id: str,
        who: str,
        kind: str,
        email: str,
        *,
        role: Role | None = None,
        forget_factor: bool = False,
    ) -> str:
        token = secrets.token_urlsafe(32)
        await connection.execute(store.LINKS_DELETE, merchant_id, email)
        await connection.execute(
            store.LINK_INSERT,
            self._vault.hash(token),
            merchant_id,
            self._ids.new("inv"),
            kind,
            email,
            role.value if role else None,
            forget_factor,
            who,
            float(self._link_seconds),
        )
        return f"{self._base_url}/dashboard/welcome/{token}"

    async def _taken_from(
        self, connection: Connection, merchant_id: str, person_id: str, *, stays: bool = False
    ) -> Record:
        """Hold a person who may stop being an owner. Raises NotFound, LastOwner when nobody else is one."""
        owners = {row["id"] for row in await connection.fetch(store.OWNERS_LOCK, merchant_id)}
        person = await _locked(connection, merchant_id, person_id)
        if owners == {person_id} and not stays:
            raise LastOwner
        return person


async def add_person(
    connection: Connection, ids: Ids, *, merchant_id: str, email: str, password: str, role: Role
) -> None:
    """Let a person in whom nobody invited: the first one of a demo."""
    kept = await hash_password(password)
    await connection.execute(
        store.PERSON_INSERT, same_address(email), merchant_id, ids.new("per"), role.value, kept
    )


async def _locked(connection: Connection, merchant_id: str, person_id: str) -> Record:
    row = await connection.fetchrow(store.PERSON_LOCK, merchant_id, person_id)
    if row is None:
        raise NotFound(id=person_id)
    return row


async def _write(
    connection: Connection, merchant_id: str, who: str, action: str, subject: str, **details: object
) -> None:
    await audit_log.write(
        connection, merchant_id=merchant_id, who=who, action=action, subject=subject, details=details
    )


def _member(row: Record) -> Member:
    return Member(
        id=row["id"],
        email=row["email"],
        role=Role(row["role"]),
        second_factor=row["second_factor_since"] is not None,
        suspended_at=row["suspended_at"],
        created_at=row["created_at"],
        seen_at=row["seen_at"],
    )


def _link(row: Record, merchant_name: str) -> Link:
    return Link(
        id=row["id"],
        merchant_id=row["merchant_id"],
        merchant_name=merchant_name,
        kind=row["kind"],
        email=row["email"],
        role=Role(row["role"]) if row["role"] else None,
        forget_factor=row["forget_factor"],
        made_by=row["made_by"],
        expires_at=row["expires_at"],
    )
