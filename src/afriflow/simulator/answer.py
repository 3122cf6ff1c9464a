"""How a request is answered: as the provider would, or as the faults say."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from afriflow.core.clock import Clock
from afriflow.simulator.faults import Faults, Luck, Mishap
from afriflow.simulator.http import (
    Request,
    Response,
    Route,
    Send,
    Work,
    json_response,
    send_response,
    tear_off,
)
from afriflow.simulator.words import UNKNOWN_WORD, Content, Words

# What stands before a provider says when the provider itself does not: nothing in the provider's words.
_BAD_GATEWAY = Response(
    502, b"<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>", "text/html; charset=utf-8"
)
# Providers name their limits, if at all, in requests per second.
_TOO_MANY_REQUESTS = json_response(429, {"message": "Too Many Requests"}, {"retry-after": "1"})
_log = logging.getLogger("afriflow.simulator")


class Answering:
    """How one seat answers. later: has work done after so many seconds (the seat's)."""

    def __init__(
        self,
        faults: Faults,
        words: Words,
        server_error: Response,
        name: str,
        clock: Clock,
        later: Callable[[float, Work], None],
    ) -> None:
        self._faults = faults
        self._words = words
        self._server_error = server_error
        self._name = name
        self._clock = clock
        self._later = later

    async def answer(self, route: Route, request: Request, send: Send) -> None:
        luck, knobs = self._faults.luck(), self._faults.knobs
        if Mishap.LATE_ARRIVAL in luck.struck and request.method == "POST" and route.query is None:
            self._later(knobs.late_arrival_seconds, lambda: self._process_late(route, request))
            await tear_off(self._server_error, send)
            return
        if Mishap.REFUSE_CONNECTION in luck.struck:
            await tear_off(self._server_error, send)
            return
        answer = self._in_place_of_processing(route, request, luck)
        if answer is None:
            response = await self.handle(route, request)
            if Mishap.CALLBACK_BEFORE_ANSWER in luck.struck:
                for _, work in request.due:
                    await work()
                request.due.clear()
            self.set_going(request)
            answer = self._in_place_of(response, luck)
        if Mishap.SLOW_ANSWER in luck.struck:
            await asyncio.sleep(knobs.slow_answer_seconds)
        await (tear_off if Mishap.LOSE_ANSWER in luck.struck else send_response)(answer, send)

    def _in_place_of_processing(self, route: Route, request: Request, luck: Luck) -> Response | None:
        """Give what is answered to a request that is not processed, None when it is."""
        if Mishap.TOO_MANY_REQUESTS in luck.struck:
            return _TOO_MANY_REQUESTS
        if luck.before and Mishap.HTML_502 in luck.struck:
            return _BAD_GATEWAY
        if luck.before and Mishap.ERROR_500 in luck.struck:
            return self._server_error
        if route.query is None:
            return None
        if Mishap.DEAD_QUERY in luck.struck:
            return self._server_error
        made_at = route.query.made_at(request)
        order = f"{request.path} {request.body!r}"
        hidden = made_at is not None and self._faults.hides(order, made_at, self._clock.now())
        return route.query.unknown if hidden else None

    def _in_place_of(self, response: Response, luck: Luck) -> Response:
        """Give what is answered to a request that was processed."""
        if Mishap.HTML_502 in luck.struck:
            return _BAD_GATEWAY
        if Mishap.ERROR_500 in luck.struck:
            return self._server_error
        if Mishap.EMPTY_ANSWER in luck.struck:
            return replace(response, status=200, body=b"")
        if luck.struck & {Mishap.WRONG_AMOUNT, Mishap.UNKNOWN_WORD}:
            response = self._falsified(response, luck)
        if Mishap.BROKEN_JSON in luck.struck:
            return replace(response, body=response.body[: len(response.body) // 2])
        return response

    def _falsified(self, response: Response, luck: Luck) -> Response:
        try:
            content: object = json.loads(response.body)
        except ValueError:
            return response
        if response.status != 200 or not isinstance(content, dict):
            return response
        told = cast("Content", content)
        if Mishap.WRONG_AMOUNT in luck.struck:
            told = self._words.with_wrong_amount(told)
        if Mishap.UNKNOWN_WORD in luck.struck:
            told = self._words.with_status(told, UNKNOWN_WORD)
        return replace(response, body=json_response(200, told).body)

    async def _process_late(self, route: Route, request: Request) -> None:
        await self.handle(route, request)
        self.set_going(request)

    def set_going(self, request: Request) -> None:
        """Have done what a request set in motion, once."""
        if request.due:
            more_seconds = self._faults.settlement_seconds()
            for seconds, work in request.due:
                self._later(seconds + more_seconds, work)
            request.due.clear()

    async def handle(self, route: Route, request: Request) -> Response:
        try:
            return await route.handler(request)
        except Exception:  # noqa: BLE001 - whatever it is, the caller gets a 500 and the log the trace
            _log.exception("%s: %s %s", self._name, request.method, request.path)
            return json_response(500, {"error": "the simulator itself is broken, see its log"})
