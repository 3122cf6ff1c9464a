"""An order to ask a provider about: one that it was never sent, under an id that nobody has."""

from afriflow.core.clock import Clock
from afriflow.core.ids import Ids, attempt_uuid
from afriflow.core.method import PaymentMethod
from afriflow.core.money import EXPONENTS, Money
from afriflow.core.msisdn import Msisdn
from afriflow.core.operator import countries
from afriflow.port.provider import Account, Order, Route

# In no numbering plan: an example that can be anybody's phone must not be asked for money.
_NOBODYS_DIGITS = "0000000"


def new_reference(clock: Clock) -> str:
    """Give an id as our attempts have them, and none of theirs."""
    return attempt_uuid(b"conformance", "", "", Ids(clock).new("att"), 1)


def order_of(account: Account, route: Route, clock: Clock, digits: str | None = None) -> Order:
    """Make an order for a route. digits: of the wallet, country code first; None = nobody's."""
    msisdn = None
    if route.operator is not None:
        calling_code = countries()[route.country].calling_code
        msisdn = Msisdn(f"+{digits or calling_code + _NOBODYS_DIGITS}", route.country, calling_code)
    site = account.callback_url.partition("/api/")[0]
    whole = 10 ** EXPONENTS[route.currency]
    return Order(
        reference=new_reference(clock),
        transaction_id="conformance",
        merchant_name="AfriFlow",
        money=Money(max(1000 * whole, route.minimum_minor or 0), route.currency),
        method=PaymentMethod(route.method, route.country, route.operator, msisdn),
        return_url=f"{site}/pay",
        cancel_url=f"{site}/pay",
        created_at=clock.now(),
        description="Conformance",
    )
