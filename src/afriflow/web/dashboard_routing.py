"""The dashboard's routing rules: those in force, a draft that is tried before it is put in force, earlier ones."""

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath

from afriflow.core.errors import FieldError, InvalidRequest, NotFound, RulesChanged
from afriflow.core.permission import Permission
from afriflow.routing import draft
from afriflow.routing.choose import carried
from afriflow.routing.draft import Draft
from afriflow.routing.route import rules_of
from afriflow.routing.rules import RULES_MAX, Rule, Rules
from afriflow.web.auth import House, Who, require_person
from afriflow.web.dashboard import dashboard_page
from afriflow.web.form import read_form, read_pairs, require_own_page
from afriflow.web.render import go_to, page_language
from afriflow.web.rule_form import entered_of, faults_at, form_of, read_rule, shown_rules
from afriflow.web.rule_preview import means, try_example
from afriflow.web.sign_in import HOME

_ROUTING = f"{HOME}/routing"
_CHANGED = f"{_ROUTING}?refused={RulesChanged.code}"
_NUMBER_DIGITS_MAX = 18


class RoutingPages(Controller):
    """Routing rules for people. A draft moves nothing: only what puts it in force wants a fresh proof."""

    path = _ROUTING
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/", permission=Permission.ROUTING_READ)
    async def show(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """Show the rules in force, the draft, and what both would do with an example."""
        return await _page(request, house, caller)

    @post("/draft", permission=Permission.ROUTING_WRITE, fresh_proof=False)
    async def begin(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[None]:
        """Begin a draft with the rules in force, or with earlier ones."""
        number = _number((await read_form(request)).get("version", ""))
        async with house.database.transaction() as connection:
            earlier = await draft.version(connection, caller, number) if number else None
            if number and earlier is None:
                raise NotFound(id="")
            rules = earlier.rules if earlier else await rules_of(connection, caller)
            await draft.begin(connection, caller, rules)
        return go_to(f"{_ROUTING}#draft")

    @post("/draft/step", permission=Permission.ROUTING_WRITE, fresh_proof=False)
    async def step(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[None]:
        """Move a rule of the draft up or down, or take it out."""
        form = await read_form(request)
        place, how = _number(form.get("rule", "")) - 1, form.get("step", "")

        def stepped(rules: Rules) -> Rules:
            listed = list(rules.rules)
            if not 0 <= place < len(listed):
                raise RulesChanged
            rule = listed.pop(place)
            if how in {"up", "down"}:
                listed.insert(max(0, place - 1) if how == "up" else place + 1, rule)
            return Rules(tuple(listed))

        if how not in {"up", "down", "remove"}:
            return go_to(_ROUTING)
        try:
            async with house.database.transaction() as connection:
                await draft.change(connection, caller, _number(form.get("revision", "")), stepped)
        except RulesChanged:
            return go_to(_CHANGED)
        return go_to(f"{_ROUTING}#draft")

    @post("/draft/discard", permission=Permission.ROUTING_WRITE, fresh_proof=False)
    async def discard(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[None]:
        """Throw the draft away."""
        revision = _number((await read_form(request)).get("revision", ""))
        try:
            async with house.database.transaction() as connection:
                await draft.take(connection, caller, revision)
        except RulesChanged:
            return go_to(_CHANGED)
        return go_to(f"{_ROUTING}?done=draft_discarded")

    @post("/publish", permission=Permission.ROUTING_WRITE)
    async def publish(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[Any]:
        """Put the draft in force, if it and the rules in force are as they were seen."""
        form = await read_form(request)
        try:
            async with house.database.transaction() as connection:
                await draft.require_in_force(connection, caller, form.get("seen", ""))
                rules = await draft.take(connection, caller, _number(form.get("revision", "")))
                await house.router.put_rules(connection, caller, rules)
        except RulesChanged:
            return go_to(_CHANGED)
        except InvalidRequest:  # each rule of the draft says what is wrong with it
            return await _page(request, house, caller, status=422)
        return go_to(f"{_ROUTING}?done=rules")

    @get("/replay", permission=Permission.ROUTING_READ)
    async def replay(self, request: Request[Any, Any, Any], house: House, caller: Who) -> Response[str]:
        """Try the draft on the payments of the last days."""
        async with house.database.connection() as connection:
            draft_now = await draft.draft_of(connection, caller)
            proposed = draft_now.rules if draft_now else await rules_of(connection, caller)
        try:
            found = await house.rehearser.rehearse(caller, proposed)
        except InvalidRequest:
            return await _page(request, house, caller, status=422)
        days = house.settings.rehearsal_days
        return dashboard_page(request, caller, "replay.html", found=found, draft=draft_now, days=days)


class RulePages(Controller):
    """One rule of the draft."""

    path = f"{_ROUTING}/draft/rules"
    guards = [require_own_page, require_person]
    include_in_schema = False

    @get("/{place:str}", permission=Permission.ROUTING_WRITE)
    async def ask(
        self, request: Request[Any, Any, Any], house: House, caller: Who, place: FromPath[str]
    ) -> Response[Any]:
        """Ask for a rule, or show one of the draft."""
        async with house.database.connection() as connection:
            seen = await draft.draft_of(connection, caller)
        if seen is None:
            return go_to(_ROUTING)
        rule = _rule_at(seen, place)
        entered = entered_of(rule, page_language(request, caller.language))
        return await _form(request, house, caller, place, seen, entered)

    @post("/{place:str}", permission=Permission.ROUTING_WRITE, fresh_proof=False)
    async def keep(
        self, request: Request[Any, Any, Any], house: House, caller: Who, place: FromPath[str]
    ) -> Response[Any]:
        """Keep a rule in the draft, or say beside its fields what is wrong with it."""
        pairs = await read_pairs(request)
        rule, wrong = read_rule(pairs)
        revision = _number(dict(pairs).get("revision", ""))
        async with house.database.connection() as connection:
            seen = await draft.draft_of(connection, caller)
            names = await house.router.names(connection, caller)
        if seen is None:
            return go_to(_CHANGED)
        rules, index = _with(seen.rules, place, rule)
        wrong = faults_at(rules, index, names) | wrong
        if wrong or len(rules.rules) > RULES_MAX:
            return await _form(request, house, caller, place, seen, pairs, wrong=wrong)
        try:
            async with house.database.transaction() as connection:
                await draft.change(connection, caller, revision, lambda now: _with(now, place, rule)[0])
        except RulesChanged:
            return await _form(request, house, caller, place, seen, pairs, changed=True)
        return go_to(f"{_ROUTING}#draft")


async def _form(
    request: Request[Any, Any, Any],
    house: House,
    caller: Who,
    place: str,
    seen: Draft,
    entered: list[tuple[str, str]],
    *,
    wrong: dict[str, FieldError] | None = None,
    changed: bool = False,
) -> Response[str]:
    language = page_language(request, caller.language)
    async with house.database.connection() as connection:
        names = await house.router.names(connection, caller)
    return dashboard_page(
        request,
        caller,
        "rule.html",
        status=409 if changed else 422 if wrong else 200,
        form=form_of(entered, names, wrong or {}, language),
        place=place if place == "new" or _number(place) <= len(seen.rules.rules) else "new",
        revision=seen.revision,
        changed=changed,
        full=len(seen.rules.rules) >= RULES_MAX and place == "new",
        rules_max=RULES_MAX,
    )


async def _page(
    request: Request[Any, Any, Any], house: House, caller: Who, *, status: int = 200
) -> Response[str]:
    language = page_language(request, caller.language)
    async with house.database.connection() as connection:
        rules = await rules_of(connection, caller)
        names = await house.router.names(connection, caller)
        draft_now = await draft.draft_of(connection, caller)
        versions = await draft.versions(connection, caller)
        contracts = await house.accounts.contracts(connection, caller.merchant_id, caller.mode)
    both = [rules, *([draft_now.rules] if draft_now else [])]
    tried = await try_example(request, house, caller, language, both)
    places = {route.country for item in contracts for route in carried(item, outgoing=False)}
    return dashboard_page(
        request,
        caller,
        "routing.html",
        status=status,
        in_force=shown_rules(rules, names, language),
        seen=draft.seal_of(rules),
        draft=draft_now,
        drafted=shown_rules(draft_now.rules, names, language) if draft_now else [],
        changes=draft_now is not None and draft_now.rules != rules,
        versions=[(item, shown_rules(item.rules, names, language)) for item in versions],
        accounts=contracts,
        means=means(places, language),
        currencies=sorted({route.currency for item in contracts for route in carried(item, outgoing=False)}),
        tried=tried,
        days=house.settings.rehearsal_days,
    )


def _rule_at(seen: Draft, place: str) -> Rule:
    """Give a rule of the draft, an empty one where a new one is wanted. Raises NotFound."""
    if place == "new":
        return Rule()
    number = _number(place)
    if not 1 <= number <= len(seen.rules.rules):
        raise NotFound(id="")
    return seen.rules.rules[number - 1]


def _with(rules: Rules, place: str, rule: Rule) -> tuple[Rules, int]:
    """Put a rule where it belongs, at the end where it is new."""
    listed, index = list(rules.rules), _number(place) - 1
    if not 0 <= index < len(listed):
        return Rules((*listed, rule)), len(listed)
    listed[index] = rule
    return Rules(tuple(listed)), index


def _number(text: str) -> int:
    """Read a number of a form; 0 where it is none."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _NUMBER_DIGITS_MAX
    return int(text) if is_number else 0
