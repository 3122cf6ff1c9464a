"""Whatever page a person can get to by its links: nothing on it leads where the person's role may not go."""

import re
import uuid
from typing import Any

import asyncpg
import pytest
from desk import PASSWORD, Desk, Visitor
from litestar.handlers import HTTPRouteHandler

from afriflow.core.clock import SystemClock
from afriflow.core.ids import Ids
from afriflow.core.permission import Permission, Role
from afriflow.merchants.team import add_person

_LINK = re.compile(r'href="(/dashboard[^"#]*)"')
_FORM = re.compile(r'<form\b[^>]*\bmethod="post"[^>]*\baction="([^"]+)"')
_OWN_PAGE = {"sec-fetch-site": "same-origin"}
# Rows of one list look alike: so many of each kind are looked at.
_OF_A_KIND = 2


class Map:
    """Which permission each address of the dashboard needs."""

    def __init__(self, desk: Desk) -> None:
        self._handlers: dict[str, list[tuple[re.Pattern[str], HTTPRouteHandler]]] = {"GET": [], "POST": []}
        for route in desk.app.routes:
            pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", route.path) + "/?")
            for handler in getattr(route, "route_handlers", ()):
                for method in handler.http_methods & self._handlers.keys():
                    self._handlers[method].append((pattern, handler))

    def at(self, method: str, path: str) -> tuple[str, Permission | None]:
        """Give the kind of page and what it needs; a path without braces wins over one with them."""
        plain = path.partition("?")[0]
        found = [item for item in self._handlers[method] if item[0].fullmatch(plain)]
        assert found, f"{method} {path} leads nowhere"
        pattern, handler = min(found, key=lambda item: item[0].pattern.count("[^/]+"))
        return pattern.pattern, handler.opt.get("permission")


@pytest.mark.parametrize("role", list(Role))
async def test_every_link_opens_and_every_form_is_one_that_the_role_may_send(
    demo: dict[str, Any], merchant: Any, desk: Desk, session: Any, role: Role
) -> None:
    await merchant.checkout()  # one that could be cancelled
    rows = await asyncpg.connect(demo["database_url"])
    merchant_id = await rows.fetchval(
        "SELECT merchant_id FROM people WHERE email = $1", demo["dashboard_user"]
    )
    email = f"{role}-{uuid.uuid4().hex[:8]}@afriflow.test"
    await add_person(
        rows, Ids(SystemClock()), merchant_id=merchant_id, email=email, password=PASSWORD, role=role
    )
    await rows.close()
    visitor = Visitor(desk, session, url=demo["url"])
    answer = await visitor.post("/dashboard/sign-in", headers=_OWN_PAGE, email=email, password=PASSWORD)
    assert answer.location == "/dashboard"
    places, seen, waiting = Map(desk), dict[str, int](), ["/dashboard"]
    forms: set[str] = set()
    visited: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        kind, _ = places.at("GET", path)
        if path in visited or seen.get(kind, 0) >= _OF_A_KIND:
            continue
        visited.add(path)
        seen[kind] = seen.get(kind, 0) + 1
        page = await visitor.get(path)
        if page.status == 303:  # it leads on to where there is something to see
            waiting.append(page.location)
            continue
        assert page.status == 200, path
        waiting += [link for link in _LINK.findall(page.words) if "language=" not in link]
        for action in _FORM.findall(page.words):
            place, needed = places.at("POST", action)
            assert needed is None or needed in role.permissions, f"{path}: {action} needs {needed}"
            forms.add(place)
    assert len(seen) >= 6
    assert ("/dashboard/team/?" in forms) is (Permission.TEAM_WRITE in role.permissions)
    assert any(place.endswith("/cancel/?") for place in forms) is (
        Permission.TRANSACTIONS_WRITE in role.permissions
    )
