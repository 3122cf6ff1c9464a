"""What people look for again and again: filters under a name, of one person or of the whole team."""

from dataclasses import dataclass

from afriflow.core.errors import NotFound
from afriflow.core.ids import Ids
from afriflow.db.engine import Connection, Record
from afriflow.merchants import audit_log
from afriflow.merchants import saved_views_store as store
from afriflow.merchants.keys import Caller

# Of one person for one list; and of a whole team, more than anybody finds again above a table.
_OWN_MAX = 20
_SHOWN_MAX = 60
NAME_CHARACTERS_MAX = 60


@dataclass(frozen=True, slots=True)
class View:
    """A filter under a name. listing: which list it narrows. query: as the list's address has it. shared: the team sees it."""

    id: str
    listing: str
    name: str
    query: str
    shared: bool
    made_by: str


async def views_of(connection: Connection, caller: Caller, listing: str) -> list[View]:
    """List a person's own views and the team's, by name."""
    rows = await connection.fetch(store.VIEWS, caller.merchant_id, listing, caller.who, _SHOWN_MAX)
    return [_view(row) for row in rows]


async def save_view(
    connection: Connection, ids: Ids, caller: Caller, *, listing: str, name: str, query: str, shared: bool
) -> View | None:
    """Keep a filter; a person's second one of a name takes the place of the first. None: they have as many as they may."""
    about = (caller.merchant_id, ids.new("vew"), listing, caller.who)
    row = await connection.fetchrow(store.VIEW_SAVE, *about, name, query, shared, _OWN_MAX)
    if row is None:
        return None
    view = _view(row)
    if shared:
        await _write(connection, caller, "view.shared", view)
    return view


async def remove_view(connection: Connection, caller: Caller, view_id: str, *, of_anybody: bool) -> View:
    """Forget a view of one's own, or, where one may decide for the team, a shared one. Raises NotFound."""
    row = await connection.fetchrow(store.VIEW_REMOVE, caller.merchant_id, view_id, caller.who, of_anybody)
    if row is None:
        raise NotFound(id=view_id)
    view = _view(row)
    if view.shared:
        await _write(connection, caller, "view.removed", view)
    return view


async def _write(connection: Connection, caller: Caller, action: str, view: View) -> None:
    await audit_log.write(
        connection,
        merchant_id=caller.merchant_id,
        who=caller.who,
        action=action,
        subject=view.id,
        details={"listing": view.listing, "name": view.name, "query": view.query},
    )


def _view(row: Record) -> View:
    return View(row["id"], row["listing"], row["name"], row["query"], row["shared"], row["made_by"])
