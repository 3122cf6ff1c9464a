"""The code that some operators give their payers before a payment begins: when it is asked for, and in which words."""

from afriflow.checkout.call import AnyOrder
from afriflow.core.method import ActionType, Authorization, NextAction, PaymentMethod
from afriflow.core.operator import operators
from afriflow.port.factory import OpenProvider
from afriflow.port.provider import Order, Resend, Route
from afriflow.routing.choose import route_of


def asking_for_code(method: PaymentMethod, route: Route) -> NextAction:
    """Ask the payer for a code."""
    operator = operators().get(method.operator or "")
    return NextAction(ActionType.ENTER_OTP, code=operator.otp_ussd if operator else None, guide=route.guide)


def code_for_another_send(opened: OpenProvider, order: AnyOrder) -> NextAction | None:
    """Ask for the code without which this order can't be sent again; None when it is complete as it is.

    A provider that may get the order again until it gave its id asks the payer on its own page then.
    """
    spec = opened.spec
    if not isinstance(order, Order) or spec.resend is not Resend.ALWAYS:
        return None
    route = route_of(opened.account, spec, order.money, order.method)
    wanted = route is not None and route.authorization is Authorization.OTP_FIRST
    return asking_for_code(order.method, route) if route and wanted else None
