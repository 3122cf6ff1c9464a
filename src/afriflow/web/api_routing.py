"""The API of routing: rules as data, and what they would do."""

from typing import Any

from litestar import Controller, get, post, put
from litestar.params import JSONBody

from afriflow.checkout.request import CheckoutRequest, read_checkout
from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.core.permission import Permission
from afriflow.ledger.present import show_routing
from afriflow.routing.choose import Wish
from afriflow.routing.rehearse import Rehearsal
from afriflow.routing.route import rules_of
from afriflow.routing.rules import Rules
from afriflow.web.auth import House, Who, require_key


class RoutingController(Controller):
    """Rules as data, and what they would do."""

    path = "/api/routing"
    guards = [require_key]
    tags = ["Routing"]

    @get("/rules", permission=Permission.ROUTING_READ, summary="Read the routing rules")
    async def rules(self, house: House, caller: Who) -> Rules:
        """Give the rules of the key's mode; the first that fits a payment decides."""
        async with house.database.connection() as connection:
            return await rules_of(connection, caller)

    @put("/rules", permission=Permission.ROUTING_WRITE, summary="Replace the routing rules")
    async def put_rules(self, house: House, caller: Who, data: JSONBody[Rules]) -> Rules:
        """Replace all rules of the key's mode."""
        async with house.database.transaction() as connection:
            await house.router.put_rules(connection, caller, data)
        return data

    @post(
        "/preview",
        permission=Permission.ROUTING_READ,
        status_code=200,
        summary="What would happen to this payment, and why",
    )
    async def preview(self, house: House, caller: Who, data: JSONBody[CheckoutRequest]) -> dict[str, Any]:
        """Route a checkout without creating anything."""
        checkout = read_checkout(data, caller.mode, caller.language, house.checkout_limits)
        if checkout.method is None:
            raise InvalidRequest([FieldError("/payment_method", "missing")])
        wish = Wish(checkout.money, checkout.method, has_otp=checkout.otp is not None)
        decision = await house.router.consider(caller, wish)
        return show_routing(decision.stored(), checkout.language) or {}

    @post(
        "/replay",
        permission=Permission.ROUTING_READ,
        status_code=200,
        summary="What other rules would have done with last week's payments",
    )
    async def replay(self, house: House, caller: Who, data: JSONBody[Rules]) -> Rehearsal:
        """Try rules on the payments of the last days, with what was recorded of each, and change nothing."""
        return await house.rehearser.rehearse(caller, data)
