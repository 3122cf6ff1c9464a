"""The dashboard's form of a provider account, drawn from what its provider asks; secrets go in and never come out."""

from collections.abc import Mapping
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.permission import Permission
from afriflow.merchants.open_account import PRIORITY, account_of, add_account, change_account, values_of
from afriflow.port.factory import specs
from afriflow.port.provider import Secret, Spec
from afriflow.port.question import WrongAnswer, questions
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page, read_id
from afriflow.web.form import read_form, read_query, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.sign_in import HOME

_LIST = f"{HOME}/providers"
_PRIORITY_MAX = 1000


class AccountPages(Controller):
    """Opening and changing provider accounts."""

    path = _LIST
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/new", permission=Permission.PROVIDERS_WRITE)
    async def ask(self, request: Request[Any, Any, Any], caller: Who) -> Response[str]:
        """Ask for a new account's keys; first at which provider it is."""
        return _page(request, caller, specs().get(read_query(request, "provider")))

    @post("/new", permission=Permission.PROVIDERS_WRITE)
    async def add(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[Any]:
        """Open an account, or say what is wrong with an answer at its field."""
        form = await read_form(request)
        spec = specs().get(form.get("provider", ""))
        if spec is None:
            return _page(request, caller, None)
        answers, priority = _read(spec, form)
        try:
            async with house.database.transaction() as connection:
                await add_account(
                    connection, house.accounts, house.ids, caller, spec.name, answers, priority=priority
                )
        except WrongAnswer as wrong:
            return _page(request, caller, spec, answers=answers, priority=priority, wrong=wrong)
        return go_to(f"{_LIST}?done=account_opened")

    @get("/{account_id:str}/change", permission=Permission.PROVIDERS_WRITE)
    async def show(
        self, request: Request[Any, Any, Any], house: House, caller: Who, account_id: FromPath[str]
    ) -> Response[str]:
        """Show what an account holds, but for its secrets."""
        async with house.database.connection() as connection:
            account = await account_of(connection, house.accounts, caller, read_id(account_id))
            contracts = await house.accounts.contracts(connection, caller.merchant_id, caller.mode)
        priority = next((item.priority for item in contracts if item.account.id == account.id), PRIORITY)
        answers = {
            name: ("yes" if value else "no") if isinstance(value, bool) else str(value)
            for name, value in values_of(account).items()
            if not isinstance(value, Secret)
        }
        spec = specs()[account.provider]
        return _page(request, caller, spec, answers=answers, priority=priority, account_id=account.id)

    @post("/{account_id:str}/change", permission=Permission.PROVIDERS_WRITE)
    async def change(
        self, request: Request[Any, Any, Any], house: House, caller: Who, account_id: FromPath[str]
    ) -> Response[Any]:
        """Change an account; a secret that is left empty stays as it is."""
        form = await read_form(request)
        async with house.database.transaction() as connection:
            account = await account_of(connection, house.accounts, caller, read_id(account_id))
            spec = specs()[account.provider]
            answers, priority = _read(spec, form)
            try:
                await change_account(
                    connection, house.accounts, caller, account.id, answers, priority=priority
                )
            except WrongAnswer as fault:
                wrong = fault
            else:
                wrong = None
        if wrong is not None:
            return _page(
                request,
                caller,
                spec,
                answers=answers,
                priority=priority,
                wrong=wrong,
                account_id=account.id,
            )
        return go_to(f"{_LIST}?done=account_changed")


def _page(
    request: Request[Any, Any, Any],
    caller: Who,
    spec: Spec | None,
    *,
    answers: Mapping[str, str] | None = None,
    priority: int = PRIORITY,
    wrong: WrongAnswer | None = None,
    account_id: str = "",
) -> Response[str]:
    asked = [item for item in questions(spec.config_type) if not item.by_installation] if spec else []
    language = page_language(request, caller.language)
    return dashboard_page(
        request,
        caller,
        "account.html",
        status=422 if wrong else 200,
        specs=list(specs().values()),
        spec=spec,
        asked=asked,
        answers=answers or {},
        priority=priority,
        priority_max=_PRIORITY_MAX,
        wrong_at=wrong.name if wrong else None,
        wrong=wrong.said(language) if wrong else "",
        account_id=account_id,
    )


def _read(spec: Spec, form: Mapping[str, str]) -> tuple[dict[str, str], int]:
    """Take the answers that this page asks for, and no others; a priority that is none is the usual one."""
    asked = [item for item in questions(spec.config_type) if not item.by_installation]
    priority = form.get("priority", "")
    is_number = priority.isascii() and priority.isdigit() and len(priority) <= 4
    kept = min(int(priority), _PRIORITY_MAX) if is_number else PRIORITY
    return {item.name: form.get(f"field.{item.name}", "") for item in asked}, kept
