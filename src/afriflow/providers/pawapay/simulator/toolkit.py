"""What pawaPay tells about itself: the account's configuration, who is up, and whose number this probably is.

docs.pawapay.io/v2/api-reference/toolkit. The configuration has the shape of the guides and of the live sandbox
(operation types as a map), availability that of the reference (as a list); `reference_shapes` turns both over.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from afriflow.providers.pawapay.simulator.behaviour import Behaviour, BehaviourDial
from afriflow.providers.pawapay.simulator.gate import failure_reason
from afriflow.providers.pawapay.simulator.sandbox import COMPANY, Rail, country_names, predict, rails
from afriflow.simulator.http import Request, Response, json_response
from afriflow.simulator.seat import SeatSettings

_OPERATIONS = ("DEPOSIT", "PAYOUT", "REFUND")


class _Asked(msgspec.Struct):
    phoneNumber: str  # noqa: N815 - pawaPay's name


class Toolkit:
    """The toolkit endpoints of one account."""

    def __init__(self, settings: SeatSettings, dial: BehaviourDial) -> None:
        self._settings = settings
        self._dial = dial

    async def active_configuration(self, request: Request) -> Response:
        behaviour = self._dial.now
        countries = [
            {
                "country": country,
                "displayName": country_names()[country],
                "prefix": carried[0].prefix,
                "flag": f"https://static.example/{country.lower()}.svg",
                "providers": [self._configuration_of(rail, request, behaviour) for rail in carried],
            }
            for country, carried in _by_country(request, behaviour)
        ]
        signatures = {
            "signedRequestsOnly": bool(self._settings.config.get("private_key_pem")),
            "signedCallbacks": behaviour.signed_callbacks,
        }
        return json_response(
            200, {"companyName": COMPANY, "signatureConfiguration": signatures, "countries": countries}
        )

    async def availability(self, request: Request) -> Response:
        behaviour = self._dial.now
        return json_response(
            200,
            [
                {
                    "country": country,
                    "providers": [
                        {"provider": rail.provider, "operationTypes": _statuses(rail, request, behaviour)}
                        for rail in carried
                    ],
                }
                for country, carried in _by_country(request, behaviour)
            ],
        )

    async def predict_provider(self, request: Request) -> Response:
        try:
            guess = predict(msgspec.json.decode(request.body, type=_Asked).phoneNumber)
        except msgspec.DecodeError:
            guess = None
        if guess is None:
            reason = failure_reason("INVALID_PARAMETER", "The phone number is not one that we can place.")
            return json_response(400, {"failureReason": reason})
        digits, rail = guess
        if self._dial.now.benin_short_numbers:
            digits = re.sub(r"^22901(?=\d{8}$)", "229", digits)
        return json_response(200, {"country": rail.country, "provider": rail.provider, "phoneNumber": digits})

    def _configuration_of(self, rail: Rail, request: Request, behaviour: Behaviour) -> dict[str, Any]:
        currencies: list[dict[str, Any]] = []
        for currency in rail.currencies:
            types: Any = {
                operation: self._operation(operation, rail, currency, behaviour)
                for operation in _operations(request)
            }
            if behaviour.reference_shapes:
                types = [_as_the_reference_prints(name, facts) for name, facts in types.items()]
            currencies.append({"currency": currency, "displayName": currency, "operationTypes": types})
        return {
            "provider": rail.provider,
            "displayName": rail.display_name,
            "logo": f"https://static.example/{rail.provider.lower()}.png",
            "nameDisplayedToCustomer": COMPANY,
            "currencies": currencies,
        }

    def _operation(self, operation: str, rail: Rail, currency: str, behaviour: Behaviour) -> dict[str, Any]:
        minimum, maximum = rail.limits
        decimals = rail.currencies if operation == "DEPOSIT" else rail.payout_currencies
        facts: dict[str, Any] = {
            "minAmount": minimum,
            "maxAmount": maximum,
            "decimalsInAmount": decimals[currency],
            "status": _status(rail, behaviour),
            "callbackUrl": self._settings.callback_url,
        }
        if operation == "DEPOSIT":
            facts["authType"] = rail.auth_type
            if rail.auth_type == "PROVIDER_AUTH":
                facts["pinPrompt"] = "MANUAL" if rail.by_hand else "AUTOMATIC"
                facts["pinPromptRevivable"] = rail.short_code is not None
            if rail.short_code:
                name = "authTokenInstructions" if rail.auth_type == "PREAUTH" else "pinPromptInstructions"
                facts[name] = {"channels": [_channel(rail, rail.short_code)]}
        return facts


def _channel(rail: Rail, code: str) -> dict[str, Any]:
    """Write instructions in the documented form; the words are ours, each operator has its own."""
    wanted = rail.auth_type == "PREAUTH"
    titles = {
        "en": "Get your code" if wanted else "No PIN prompt?",
        "fr": "Obtenir votre code" if wanted else "Pas de demande de PIN ?",
    }
    dial = {"en": "Dial {{shortCode}}", "fr": "Composez {{shortCode}}"}
    then = {
        "en": "Enter your PIN: the code comes by SMS"
        if wanted
        else "Choose Pending payments and enter your PIN",
        "fr": "Saisissez votre PIN : le code arrive par SMS"
        if wanted
        else "Choisissez Paiements en attente et saisissez votre PIN",
    }
    return {
        "type": "USSD",
        "displayName": titles,
        "quickLink": f"tel:{code.replace('#', '%23')}",
        "variables": {"shortCode": code},
        "instructions": {
            language: [
                {"text": template.replace("{{shortCode}}", code), "template": template},
                {"text": then[language], "template": then[language]},
            ]
            for language, template in dial.items()
        },
    }


def _as_the_reference_prints(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Write an operation type as the reference's sample mixes them."""
    if name == "DEPOSIT":
        return {name: facts}
    limits = {"minTransactionLimit": facts["minAmount"], "maxTransactionLimit": facts["maxAmount"]}
    rest = {field: value for field, value in facts.items() if field not in {"minAmount", "maxAmount"}}
    return {"operationType": name, **limits, **rest}


def _statuses(rail: Rail, request: Request, behaviour: Behaviour) -> Any:
    status = _status(rail, behaviour)
    if behaviour.reference_shapes:
        return dict.fromkeys(_operations(request), status)
    return [{"operationType": operation, "status": status} for operation in _operations(request)]


def _operations(request: Request) -> tuple[str, ...]:
    wanted = request.query.get("operationType")
    return tuple(operation for operation in _OPERATIONS if wanted in {None, operation})


def _by_country(request: Request, behaviour: Behaviour) -> Iterable[tuple[str, list[Rail]]]:
    """Give the account's countries and who is enabled there."""
    wanted = request.query.get("country")
    for country in country_names():
        carried = [
            rail
            for rail in rails().values()
            if rail.country == country and rail.provider not in behaviour.not_allowed
        ]
        if wanted in {None, country} and carried:
            yield country, carried


def _status(rail: Rail, behaviour: Behaviour) -> str:
    if rail.provider in behaviour.closed_providers:
        return "CLOSED"
    return "DELAYED" if rail.provider in behaviour.delayed_providers else "OPERATIONAL"
