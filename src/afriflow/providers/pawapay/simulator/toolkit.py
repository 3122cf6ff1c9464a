"""What pawaPay tells about itself: the account's configuration, who is up, and whose number this probably is.

docs.pawapay.io/v2/api-reference/toolkit. The configuration has the shape of the guides and of the live sandbox
(operation types as a map), availability that of the reference (as a list).
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from afriflow.providers.pawapay.simulator.behaviour import BehaviourDial
from afriflow.providers.pawapay.simulator.gate import failure_reason
from afriflow.providers.pawapay.simulator.keys import KeyRing
from afriflow.providers.pawapay.simulator.sandbox import COMPANY, Rail, country_names, rails
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.seat import SeatSettings

# The shortest number of any country here, with its country code, has ten digits.
_DIGITS_MIN = 10


class _Asked(msgspec.Struct):
    phoneNumber: str  # noqa: N815 - pawaPay's name


class Toolkit:
    """The toolkit endpoints of one account, which can do deposits."""

    def __init__(self, settings: SeatSettings, dial: BehaviourDial, keys: KeyRing) -> None:
        self._settings = settings
        self._dial = dial
        self._keys = keys

    async def active_configuration(self, request: Request) -> Response:
        countries = [
            {
                "country": country,
                "displayName": country_names()[country],
                "prefix": carried[0].prefix,
                "flag": f"https://static.example/{country.lower()}.svg",
                "providers": [self._configuration_of(rail, request) for rail in carried],
            }
            for country, carried in _by_country(request)
        ]
        behaviour = self._dial.now
        signatures = {
            "signedRequestsOnly": bool(self._settings.config.get("private_key_pem")),
            "signedCallbacks": behaviour.signed_callbacks,
        }
        return json_response(
            200, {"companyName": COMPANY, "signatureConfiguration": signatures, "countries": countries}
        )

    async def availability(self, request: Request) -> Response:
        closed = self._dial.now.closed_providers
        return json_response(
            200,
            [
                {
                    "country": country,
                    "providers": [
                        {
                            "provider": rail.provider,
                            "operationTypes": [
                                {"operationType": operation, "status": _status(rail, closed)}
                                for operation in _operations(request)
                            ],
                        }
                        for rail in carried
                    ],
                }
                for country, carried in _by_country(request)
            ],
        )

    async def predict_provider(self, request: Request) -> Response:
        """Guess by the numbering plan, from however the number is written."""
        try:
            digits = re.sub(r"\D", "", msgspec.json.decode(request.body, type=_Asked).phoneNumber).lstrip("0")
        except msgspec.DecodeError:
            digits = ""
        best: tuple[int, Rail] | None = None
        for rail in rails().values():
            for prefix in rail.prefixes:
                if digits.startswith(prefix) and (best is None or len(prefix) > best[0]):
                    best = (len(prefix), rail)
        if best is None or len(digits) < _DIGITS_MIN:
            reason = failure_reason("INVALID_PARAMETER", "The phone number is not one that we can place.")
            return json_response(400, {"failureReason": reason})
        rail = best[1]
        return json_response(200, {"country": rail.country, "provider": rail.provider, "phoneNumber": digits})

    def _configuration_of(self, rail: Rail, request: Request) -> dict[str, Any]:
        minimum, maximum = rail.limits
        status = _status(rail, self._dial.now.closed_providers)
        currencies: list[dict[str, Any]] = []
        for currency, decimals in rail.currencies.items():
            deposit: dict[str, Any] = {
                "authType": rail.auth_type,
                "minAmount": minimum,
                "maxAmount": maximum,
                "decimalsInAmount": decimals,
                "status": status,
                "callbackUrl": self._settings.callback_url,
            }
            if rail.auth_type == "PROVIDER_AUTH":
                deposit |= {"pinPrompt": "AUTOMATIC", "pinPromptRevivable": False}
            operations = dict.fromkeys(_operations(request), deposit)
            currencies.append({"currency": currency, "displayName": currency, "operationTypes": operations})
        return {
            "provider": rail.provider,
            "displayName": rail.display_name,
            "logo": f"https://static.example/{rail.provider.lower()}.png",
            "nameDisplayedToCustomer": COMPANY,
            "currencies": currencies,
        }


def _operations(request: Request) -> tuple[str, ...]:
    return ("DEPOSIT",) if request.query.get("operationType") in {None, "DEPOSIT"} else ()


def _by_country(request: Request) -> Iterable[tuple[str, list[Rail]]]:
    """Give the account's countries and who carries deposits there; redirects are not enabled on this account."""
    wanted = request.query.get("country")
    for country in country_names():
        carried = [
            rail for rail in rails().values() if rail.country == country and rail.auth_type != "REDIRECT_AUTH"
        ]
        if wanted in {None, country}:
            yield country, carried


def _status(rail: Rail, closed: tuple[str, ...]) -> str:
    return "CLOSED" if rail.provider in closed else "OPERATIONAL"
