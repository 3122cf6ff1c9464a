"""The whole site put together: API, webhooks, pages and, where the demo runs, the other side."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Litestar, Request
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from afriflow.assembly import Assembly
from afriflow.core.errors import AfriFlowError
from afriflow.ledger.watch import Watch
from afriflow.merchants.keys import Caller
from afriflow.merchants.sessions import SignedIn
from afriflow.web.answer_headers import complete_answer
from afriflow.web.api import CheckoutController, TransactionController
from afriflow.web.api_endpoints import EndpointController
from afriflow.web.api_links import LinkController
from afriflow.web.api_out import BatchController, PayoutController, RefundController
from afriflow.web.api_policies import PolicyController
from afriflow.web.api_providers import ProviderController
from afriflow.web.api_routing import RoutingController
from afriflow.web.api_setup import MessageController
from afriflow.web.errors import on_http, on_ours, on_unforeseen
from afriflow.web.health import Readiness, live, ready
from afriflow.web.journal import Journal
from afriflow.web.metrics import metrics
from afriflow.web.pace import Pace, require_network_pace
from afriflow.web.pages import PAGES
from afriflow.web.reference import openapi_document, reference_page
from afriflow.web.session_cookie import send_new_token
from afriflow.web.strict import StrictRequest
from afriflow.web.throttle import Throttle
from afriflow.web.webhooks import receive


def build_app(house: Assembly, *, others: Sequence[Any] = ()) -> Litestar:
    """Make the ASGI app. others: further handlers, such as the simulators of a demo."""

    async def give_house() -> Assembly:
        return house

    async def give_me(request: Request[Any, Any, Any]) -> SignedIn:
        return request.scope["state"]["me"]

    async def give_caller(request: Request[Any, Any, Any]) -> Caller:
        return request.scope["state"]["caller"]

    app = Litestar(
        route_handlers=[
            CheckoutController,
            TransactionController,
            RefundController,
            PayoutController,
            BatchController,
            LinkController,
            EndpointController,
            MessageController,
            ProviderController,
            PolicyController,
            RoutingController,
            receive,
            live,
            ready,
            metrics,
            openapi_document,
            reference_page,
            *PAGES,
            *others,
        ],
        dependencies={"house": Provide(give_house), "caller": Provide(give_caller), "me": Provide(give_me)},
        request_class=StrictRequest,
        guards=[require_network_pace],
        before_send=[send_new_token, complete_answer],
        exception_handlers={AfriFlowError: on_ours, HTTPException: on_http, Exception: on_unforeseen},
        request_max_body_size=house.settings.request_body_bytes_max,
        openapi_config=_openapi(),
        debug=False,
        logging_config=None,  # observe.log has set logging up
    )
    app.asgi_handler = Journal(app.asgi_handler, house)  # around all of it, what no route takes included
    app.state.house = house
    app.state.readiness = Readiness(house)
    app.state.metrics_open = house.settings.metrics_open
    app.state.depth_max = house.settings.request_depth_max
    app.state.watch = Watch(
        house.database,
        house.clock,
        look_seconds=house.settings.live_look_seconds,
        per_person_max=house.settings.live_pages_per_person_max,
    )
    app.state.pace = Pace(house.redis, house.settings)
    app.state.throttle = Throttle(
        house.redis,
        tries_max=house.settings.sign_in_failures_max,
        tries_per_network_max=house.settings.sign_in_failures_per_network_max,
        window_seconds=house.settings.sign_in_window_seconds,
    )
    return app


def build_inward_app(house: Assembly, works: Callable[[], bool]) -> Litestar:
    """Make what a worker answers, on a port that only its own house reaches. works: whether it takes jobs."""
    app = Litestar(
        route_handlers=[live, ready, metrics],
        exception_handlers={AfriFlowError: on_ours, HTTPException: on_http, Exception: on_unforeseen},
        openapi_config=None,
        logging_config=None,
    )
    app.asgi_handler = Journal(app.asgi_handler, house)
    app.state.house = house
    app.state.readiness = Readiness(house, works)
    app.state.metrics_open = True
    return app


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="AfriFlow",
        version="1",
        description="African payments through many providers behind one API.",
        path="/framework",  # /openapi.json and /docs are web.reference's
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        use_handler_docstrings=True,
        components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"key": []}],
    )
