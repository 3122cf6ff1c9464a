"""How a no is said: RFC 9457 problem details for programs, a page for people, in their language, never a bare 500."""

from typing import Any, cast
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from afriflow.core import errors
from afriflow.core.language import choose_language, say
from afriflow.observe.log import logger, page
from afriflow.observe.work import ids
from afriflow.web.form import asked_by_itself
from afriflow.web.prove import ask_for_proof
from afriflow.web.render import go_to, render_error
from afriflow.web.strict import without_value

_log = logger("web")
# What the framework raises, as a fault of ours, when somebody hangs up in the middle of a body.
_LEFT = "client disconnected prematurely"
_BY_STATUS: dict[int, type[errors.AfriFlowError]] = {
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.TooLarge,
    415: errors.UnsupportedMediaType,
}


def language_of(request: Request[Any, Any, Any]) -> str:
    """Choose the language of an answer: the caller's wish, else the merchant's, else the setting."""
    caller = cast("dict[str, Any]", request.scope).get("state", {}).get("caller")
    default = caller.language if caller else request.app.state.house.settings.language
    return choose_language(request.headers.get("accept-language"), default)


def problem(request: Request[Any, Any, Any], error: errors.AfriFlowError) -> Response[dict[str, Any]]:
    """Answer with a problem document."""
    language = language_of(request)
    facts = {
        "limit_bytes": request.app.state.house.settings.request_body_bytes_max,
        "reason": "",
        **error.facts,
    }
    body: dict[str, Any] = {
        "type": f"urn:afriflow:error:{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": say(f"error.{error.code}", language, **facts),
        "instance": request.url.path,
        "code": error.code,
    }
    if isinstance(error, errors.InvalidRequest):
        body["errors"] = [
            {
                "pointer": fault.pointer,
                "code": fault.code,
                "detail": say(f"field.{fault.code}", language, **fault.facts),
            }
            for fault in error.errors
        ]
    if isinstance(error, errors.NoRoute):
        body["considered"] = [dict(item) for item in error.considered]
    body |= {
        name: value
        for name, value in error.facts.items()
        if name in {"transaction_id", "request_id", "remaining", "instead", "reference"}
    }
    headers: dict[str, str] = {}
    retry_after = error.facts.get("retry_after_seconds", 1 if isinstance(error, errors.Unavailable) else None)
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    if isinstance(error, errors.Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    return Response(body, status_code=error.status, headers=headers, media_type="application/problem+json")


def answer(request: Request[Any, Any, Any], error: errors.AfriFlowError) -> Response[Any]:
    """Say no to whoever asked: a page to people, who are sent to sign in where that helps, a document to programs."""
    cast("dict[str, Any]", request.scope).setdefault("state", {})["refused"] = error.code  # for the journal
    path = request.url.path
    # A page that asks for its region anew takes no other page in its place: it stays as it is until the next click.
    is_page = (path == "/" or path.startswith(("/pay/", "/dashboard"))) and not asked_by_itself(request)
    if not is_page:
        return problem(request, error)
    if isinstance(error, errors.Unauthenticated):
        came_for = f"?{urlencode({'next': path})}" if request.method == "GET" else ""
        return go_to(f"/dashboard/sign-in{came_for}")
    if isinstance(error, errors.ProofWanted):
        return ask_for_proof(request, error)
    if isinstance(error, errors.SecondFactorWanted):
        return go_to("/dashboard/me?refused=second_factor_wanted")
    number = error.facts.get("request_id")
    return render_error(request, status=error.status, code=error.code, number=str(number) if number else None)


def on_ours(request: Request[Any, Any, Any], error: errors.AfriFlowError) -> Response[Any]:
    """An error of ours: said as it is; only those that need a person are reported."""
    if not isinstance(error, errors.Refusal):
        page("request_failed", error=error, code=error.code, route=_route(request), facts=error.facts)
    return answer(request, error)


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """What the framework refused, in our words."""
    if error.status_code >= 500 and error.detail == _LEFT:
        return answer(request, errors.MalformedBody(reason="cut off"))
    known = _BY_STATUS.get(error.status_code)
    if known is not None:
        said = answer(request, known())
        said.headers.update(
            {"allow": error.headers["allow"]} if error.headers and "allow" in error.headers else {}
        )
        return said
    if isinstance(error, ValidationException) and (faults := _query_faults(error)):
        return answer(request, errors.InvalidRequest(faults))
    if error.status_code >= 500:
        return on_unforeseen(request, error)
    return answer(request, errors.MalformedBody(reason=error.detail[:200]))


def _query_faults(error: ValidationException) -> list[errors.FieldError]:
    """Point at the query parameters that the framework could not read."""
    extra = cast("list[dict[str, str]]", error.extra if isinstance(error.extra, list) else [])
    return [
        errors.FieldError(
            f"?{item['key']}", "invalid_value", {"reason": without_value(item.get("message", ""))}
        )
        for item in extra
        if item.get("source") == "query" and "key" in item
    ]


def on_unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A mistake of ours: the caller gets a number to name, a person gets the rest."""
    _log.error("unforeseen", route=_route(request), exc_info=error)
    page("unforeseen", error=error, route=_route(request), reason=type(error).__name__)
    return answer(request, errors.AfriFlowError(request_id=ids().get("request_id", "")))


def _route(request: Request[Any, Any, Any]) -> str:
    """Name the route as it is written in the code: a path may hold a link that lets somebody in."""
    return cast("dict[str, Any]", request.scope).get("path_template") or "unmatched"
