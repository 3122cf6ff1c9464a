"""The phone one can touch: a page in French or English that works without JavaScript, and the same as JSON.

Mounted at /simulators/phone:
    GET  /                  the phone; ?phone= shows one number
    POST /prompts/{id}      {"action": "approve"} as JSON or as a form
    GET  /prompts?phone=    the prompts as JSON, oldest first
    GET  /dial              the same as a page
    POST /dial              {"phone": "+226…", "code": "*144*4*6*5000#"}: dial for a one-time code
    GET, PUT /settings      {"auto_approve_after_seconds": 1}, null = prompts wait for the person
"""

import re
from dataclasses import asdict
from importlib.resources import files
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

import jinja2
import msgspec

from afriflow.simulator.handset import Action, Handset, digits_of
from afriflow.simulator.http import (
    Receive,
    Request,
    Response,
    Routes,
    Scope,
    Send,
    json_response,
    page_response,
    receive_request,
    see_other,
    send_response,
)

# The page asks anew this often; a person notices three seconds, and a browser does not mind.
REFRESH_SECONDS = 3
# Old prompts that are shown below those that wait.
HISTORY_SHOWN_MAX = 6
# Numbers one can switch between; a storm uses thousands.
PHONES_SHOWN_MAX = 8

_TEXTS: dict[str, dict[str, Any]] = {
    "fr": {
        "title": "Téléphone de test", "hint": "Vous êtes le payeur. Aucun argent ne bouge ici.", "all": "Tous",
        "waiting": "À vous", "quiet": "Rien à approuver pour l’instant.", "earlier": "Avant",
        "approve": "Approuver (PIN)", "decline": "Refuser", "ignore": "Ignorer", "no_funds": "Solde insuffisant",
        "wrong_pin": "PIN faux", "open": "Ouvrir la page", "code": "Code",
        "dial": "Composer un code", "dial_phone": "Numéro", "dial_code": "Code USSD", "call": "Appeler",
        "dial_hint": "Certains opérateurs donnent d’abord un code : composez, puis recopiez-le.", "back": "Retour",
        "dialled": "Votre code à usage unique est {code}. Ne le donnez à personne.",
        "state": {
            "waiting": "en attente", "approved": "approuvé", "declined": "refusé", "ignored": "ignoré",
            "no_funds": "solde insuffisant", "wrong_pin": "PIN faux", "expired": "expiré", "used": "utilisé",
        },
    },
    "en": {
        "title": "Test phone", "hint": "You are the payer. No money moves here.", "all": "All",
        "waiting": "Your turn", "quiet": "Nothing to approve at the moment.", "earlier": "Earlier",
        "approve": "Approve (PIN)", "decline": "Decline", "ignore": "Ignore", "no_funds": "Not enough money",
        "wrong_pin": "Wrong PIN", "open": "Open the page", "code": "Code",
        "dial": "Dial a code", "dial_phone": "Number", "dial_code": "USSD code", "call": "Call",
        "dial_hint": "Some operators give a code first: dial, then copy it.", "back": "Back",
        "dialled": "Your one-time code is {code}. Do not share it.",
        "state": {
            "waiting": "waiting", "approved": "approved", "declined": "declined", "ignored": "ignored",
            "no_funds": "not enough money", "wrong_pin": "wrong PIN", "expired": "expired", "used": "used",
        },
    },
}  # fmt: skip

_PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("afriflow.simulator", "pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    action: Action


class _Settings(msgspec.Struct, forbid_unknown_fields=True):
    auto_approve_after_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] | None


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    phone: Annotated[str, msgspec.Meta(pattern=r"^[+0-9 ().-]{6,24}$")]
    code: Annotated[str, msgspec.Meta(pattern=r"^[*#0-9]{2,40}$")]


class Phone:
    """The handset as an ASGI app.

    public_url: where it is reached, so that its links are right at whatever path it is mounted.
    """

    def __init__(self, handset: Handset, public_url: str) -> None:
        self._handset = handset
        self._base_path = urlsplit(public_url).path.rstrip("/")
        pages = files("afriflow.simulator").joinpath("pages")
        self._css, self._js = (pages.joinpath(f"phone.{kind}").read_bytes() for kind in ("css", "js"))
        self._routes = Routes()
        self._routes.add("GET", "/", self._show)
        self._routes.add("GET", "/phone.css", self._style)
        self._routes.add("GET", "/phone.js", self._script)
        self._routes.add("GET", "/prompts", self._list)
        self._routes.add("POST", "/prompts/{id}", self._decide)
        self._routes.add("GET", "/dial", self._show_dial)
        self._routes.add("POST", "/dial", self._dial)
        self._routes.add("GET", "/settings", self._settings)
        self._routes.add("PUT", "/settings", self._set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        found = await receive_request(self._routes, scope, receive, self._base_path)
        if isinstance(found, Response):
            await send_response(found, send)
            return
        route, request = found
        await send_response(await route.handler(request), send)

    async def _show(self, request: Request) -> Response:
        language = _language(request.headers.get("accept-language", ""))
        prompts = self._handset.prompts()
        phone = digits_of(request.query.get("phone", ""))
        mine = [prompt for prompt in reversed(prompts) if phone in {"", prompt.phone}]
        waiting = [prompt for prompt in mine if self._handset.is_open(prompt)]
        html = _PAGES.get_template("phone.html").render(
            base=self._base_path,
            language=language,
            texts=_TEXTS[language],
            phone=phone,
            phones=list(dict.fromkeys(prompt.phone for prompt in reversed(prompts)))[:PHONES_SHOWN_MAX],
            waiting=waiting,
            earlier=[prompt for prompt in mine if prompt not in waiting][:HISTORY_SHOWN_MAX],
            refresh_seconds=REFRESH_SECONDS,
            grouped=_grouped,
        )
        return page_response(html, script=True)

    async def _style(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        return Response(200, self._css, "text/css; charset=utf-8", {"cache-control": "max-age=3600"})

    async def _script(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        return Response(200, self._js, "text/javascript; charset=utf-8", {"cache-control": "max-age=3600"})

    async def _list(self, request: Request) -> Response:
        return json_response(
            200, [asdict(prompt) for prompt in self._handset.prompts(request.query.get("phone"))]
        )

    async def _decide(self, request: Request) -> Response:
        decision = _read(request, _Decision)
        if isinstance(decision, Response):
            return decision
        prompt_id = request.parts["id"]
        known = self._handset.find(prompt_id)
        decided = self._handset.decide_soon(prompt_id, decision.action)
        if _is_form(request):
            phone = request.query.get("phone", "")
            return see_other(f"{self._base_path}/?phone={quote(phone)}" if phone else f"{self._base_path}/")
        if known is None:
            return json_response(404, {"error": "not_found"})
        if decided is None:
            return json_response(409, {"error": "already_decided", "state": known.state})
        return json_response(200, asdict(decided))

    async def _show_dial(self, request: Request) -> Response:
        language = _language(request.headers.get("accept-language", ""))
        phone = digits_of(request.query.get("phone", ""))
        page = _PAGES.get_template("dial.html")
        return page_response(
            page.render(base=self._base_path, language=language, texts=_TEXTS[language], phone=phone)
        )

    async def _dial(self, request: Request) -> Response:
        call = _read(request, _Call)
        if isinstance(call, Response):
            return call
        language = _language(request.headers.get("accept-language", ""))
        prompt = self._handset.send_code(phone=call.phone, provider="", text=_TEXTS[language]["dialled"])
        if _is_form(request):
            return see_other(f"{self._base_path}/?phone={prompt.phone}")
        return json_response(201, asdict(prompt))

    async def _settings(self, request: Request) -> Response:  # noqa: ARG002 - a handler
        return json_response(200, {"auto_approve_after_seconds": self._handset.auto_approve_after_seconds})

    async def _set(self, request: Request) -> Response:
        settings = _read(request, _Settings)
        if isinstance(settings, Response):
            return settings
        self._handset.auto_approve_after_seconds = settings.auto_approve_after_seconds
        return json_response(200, msgspec.to_builtins(settings))


_Body = TypeVar("_Body", bound=msgspec.Struct)


def _read(request: Request, wanted: type[_Body]) -> _Body | Response:
    """Read a small body, JSON or form, to the last word; 400 with the reason when it is not understood."""
    try:
        if _is_form(request):
            return msgspec.convert(request.form(), wanted)
        return msgspec.json.decode(request.body, type=wanted)
    except msgspec.DecodeError as error:  # ValidationError is one
        return json_response(400, {"error": "invalid_request", "detail": str(error)})


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _language(accepted: str) -> str:
    """Choose French or English by which of them the browser names first; English when neither."""
    found = re.search(r"\b(fr|en)\b", accepted.lower())
    return found[1] if found else "en"


def _grouped(amount: str) -> str:
    """Write an amount with thin spaces between thousands, as people here read money."""
    whole, point, fraction = amount.partition(".")
    return f"{int(whole):,}".replace(",", "\u202f") + point + fraction if whole.isdigit() else amount
