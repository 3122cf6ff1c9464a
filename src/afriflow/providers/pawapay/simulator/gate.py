"""Who may come in: the token, the signature where it is required, and pawaPay's way of saying no.

docs.pawapay.io/v2/docs/failure_codes. On an initiation every refusal carries `status: REJECTED` and the id; elsewhere
it is the failure reason alone. A server error has no status at all.
"""

import json
from typing import Any, cast

from afriflow.providers.pawapay.simulator.behaviour import BehaviourDial
from afriflow.providers.pawapay.simulator.keys import KeyRing, is_signed_with
from afriflow.simulator.http import Handler, Request, Response, json_response
from afriflow.simulator.seat import Seat


def failure_reason(code: str, message: str) -> dict[str, str]:
    return {"failureCode": code, "failureMessage": message}


SERVER_ERROR = json_response(
    500,
    {
        "failureReason": failure_reason(
            "UNKNOWN_ERROR", "Unable to process request due to an unknown problem."
        )
    },
)


class Gate:
    """The account's door."""

    def __init__(self, seat: Seat, dial: BehaviourDial, keys: KeyRing) -> None:
        self._settings = seat.settings
        self._dial = dial
        self._keys = keys

    def guarded(self, handler: Handler, *, id_field: str | None = None) -> Handler:
        """Let a handler be reached with the account's token only.

        id_field: the name of the id of an initiation, which may have to be signed; None for other requests.
        """

        async def guard(request: Request) -> Response:
            refusal = self._refusal(request, to_be_signed=id_field is not None)
            if refusal is None:
                return self._keys.answered(request, await handler(request))
            status, code, message = refusal
            body: dict[str, Any] = {"failureReason": failure_reason(code, message)}
            if id_field is not None:
                body = {id_field: echoed(request, id_field), "status": "REJECTED", **body}
            return self._keys.answered(request, json_response(status, body))

        return guard

    def _refusal(self, request: Request, *, to_be_signed: bool) -> tuple[int, str, str] | None:
        authorization = request.headers.get("authorization")
        if authorization is None:
            return 401, "NO_AUTHENTICATION", "Authentication is missing."
        if authorization != f"Bearer {self._settings.config.get('token', '')}":
            return self._dial.now.wrong_token_http, "AUTHENTICATION_ERROR", "The API token is invalid."
        signing_key = self._settings.config.get("private_key_pem")
        if (
            to_be_signed
            and signing_key
            and not is_signed_with(signing_key, request, self._settings.public_url)
        ):
            return 403, "HTTP_SIGNATURE_ERROR", "The request is not signed as it must be."
        return None


def echoed(request: Request, id_field: str) -> object:
    """Give the id that a request names, however wrong the rest of it is."""
    try:
        body = json.loads(request.body)
    except ValueError:
        return None
    return cast("dict[str, object]", body).get(id_field) if isinstance(body, dict) else None
