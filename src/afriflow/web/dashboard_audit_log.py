"""The dashboard's page of who did what: narrowed by person, act, subject and day, newest first."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Controller, Request, Response, get

from afriflow.core.language import keys, say
from afriflow.core.permission import Permission
from afriflow.merchants.audit_log import Entry, Wanted, entries
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page
from afriflow.web.form import read_query, require_own_page
from afriflow.web.render import page_language
from afriflow.web.sign_in import HOME

_ROWS = 50
# Every act that has a sentence.
_ACTS = sorted(key.removeprefix("act.").replace("_", ".", 1) for key in keys("en") if key.startswith("act."))


class AuditLogPages(Controller):
    """The audit log for people."""

    path = f"{HOME}/audit-log"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.AUDIT_READ)
    async def list_(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """List what was done for this merchant, in both modes, narrowed to what was searched."""
        asked = {name: read_query(request, name) for name in ("who", "action", "subject", "since", "until")}
        before = read_query(request, "before")
        since, until = _day(asked["since"]), _day(asked["until"])
        wanted = Wanted(
            who=asked["who"] or None,
            action=asked["action"] or None,
            subject=asked["subject"] or None,
            since=since,
            until=until + timedelta(days=1) if until else None,
            before=int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None,
        )
        async with house.database.connection() as connection:
            found = await entries(connection, caller.merchant_id, wanted, _ROWS + 1)
        shown = found[:_ROWS]
        query = {name: value for name, value in asked.items() if value}
        language = page_language(request, caller.language)
        return dashboard_page(
            request,
            caller,
            "audit_log.html",
            shown=[(entry, _sentence(entry, language), _details(entry)) for entry in shown],
            asked=asked,
            acts={action: say(f"act.{action.replace('.', '_')}", language) for action in _ACTS},
            narrowed=bool(query or before),
            first_url=f"{HOME}/audit-log?{urlencode(query)}" if before else None,
            next_url=f"{HOME}/audit-log?{urlencode({**query, 'before': shown[-1].sequence})}"
            if len(found) > _ROWS
            else None,
        )


def _day(text: str) -> datetime | None:
    """Read the beginning of a day, UTC; what is none narrows nothing."""
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) if text else None
    except ValueError:
        return None


def _sentence(entry: Entry, language: str) -> str:
    """Say what was done, or show the bare word when a newer release wrote one that this one does not know."""
    key = f"act.{entry.action.replace('.', '_')}"
    return say(key, language) if key in keys(language) else entry.action


def _details(entry: Entry) -> list[tuple[str, str]]:
    return [
        (name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
        for name, value in entry.details.items()
        if value is not None
    ]
