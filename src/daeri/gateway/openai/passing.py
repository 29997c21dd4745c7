"""How does a raw model's reply get to its caller? Each piece in the very call in which the model's socket gave it.

A task switch for each token is what relaying in Python mostly costs; here the ASGI `send` is driven by the callback
itself, and only a caller who reads too slowly makes anything wait: then the model's socket is not read any further.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from types import coroutine
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from daeri.errors import DaeriError, Unauthenticated
from daeri.gateway.doorkeeper import Credential
from daeri.gateway.guard import straight
from daeri.gateway.lifelines import LAST_SECONDS, STREAMED, Cut, Ended, Lifelines, WhileThere
from daeri.gateway.openai.chat import cut as cut_off
from daeri.gateway.wire import language
from daeri.models.relay import Meter, Passage
from daeri.models.splice import Reply
from daeri.records.usage import Outcome

SLOW_SECONDS: Final = 60.0
"""How long a caller may take to read what is left of a reply that has come to its end."""
_HEADERS: Final = tuple((name.lower().encode(), value.encode()) for name, value in STREAMED.items())


class Pour:
    """Sends the pieces of a reply from the callback that received them."""

    __slots__ = ("_ends", "_late", "_meter", "_reply", "_send", "_waiting")

    def __init__(self, send: Send, meter: Meter, reply: Reply) -> None:
        """Take where to send, what each piece goes through, and what is paused where sending has to wait."""
        self._send = cast("Callable[[Message], Coroutine[Any, None, None]]", send)
        self._meter = meter
        self._reply = reply
        self._ends = False
        self._waiting: list[bytes] = []
        self._late: asyncio.Task[None] | None = None

    def __call__(self, piece: bytes, is_last: bool) -> None:
        """Take a piece of the reply."""
        piece = self._meter.through(piece)
        if is_last:
            self.end(piece + self._meter.rest())
        elif piece:
            self._say(piece)

    def end(self, last: bytes) -> None:
        """Send what is last, and the end with it."""
        self._ends = True
        self._say(last)

    def _say(self, piece: bytes) -> None:
        """Send now; where that has to wait, go on in a task and stop the source meanwhile."""
        if self._late is not None:
            self._waiting.append(piece)
            return
        sending = self._send({"type": "http.response.body", "body": piece, "more_body": not self._ends})
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        self._reply.pause()
        self._late = asyncio.get_running_loop().create_task(self._catch_up(sending, waits_for))

    async def sent(self, seconds: float) -> None:
        """Wait until all is sent; a caller who takes nothing for so long is left to the server."""
        if self._late is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._late

    def close(self) -> None:
        """Send nothing more."""
        if self._late is not None:
            self._late.cancel()

    async def _catch_up(self, sending: Coroutine[Any, None, None], waits_for: Any) -> None:
        await _rest(sending, waits_for)
        while self._waiting:
            pieces, self._waiting = self._waiting, []
            await self._send({"type": "http.response.body", "body": b"".join(pieces), "more_body": not self._ends})
        self._late = None
        self._reply.resume()


@coroutine
def _rest(sending: Coroutine[Any, None, None], waits_for: Any) -> Generator[Any, None, None]:
    """Await what is left of a coroutine that has already told what it waits for."""
    try:
        yield waits_for
        yield from sending
    finally:
        sending.close()


class Passed(Response):
    """A raw model's reply: asked for, then passed on in pieces or whole, all under one lifeline."""

    def __init__(
        self, ask: Callable[[], Awaitable[Passage]], lines: Lifelines, request: Request, credential: Credential
    ) -> None:
        """Take what asks the model, and what may end its answer before time."""
        super().__init__()
        self._ask = ask
        self._lines = lines
        self._credential = credential
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the model, and pass its reply on until it ends, its caller leaves, or the caller's credential ends."""
        with self._lines.follow(self._credential, receive, until_cut=True) as ended:
            async with WhileThere(ended):
                passage = await self._ask()
            outcome: Outcome = "cancelled"
            try:
                if passage.meter is None:
                    async with WhileThere(ended):
                        body = await passage.whole()
                    await Response(body, media_type=passage.media_type)(scope, receive, send)
                    outcome = "done"
                else:
                    outcome = await self._passed(passage, passage.meter, ended, send, straight(scope, send))
            finally:
                passage.close(outcome)

    async def _passed(self, passage: Passage, meter: Meter, ended: Ended, send: Send, body: Send) -> Outcome:
        reply = passage.reply
        headers = [*_HEADERS, (b"content-type", passage.media_type.encode("latin-1"))]
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
        pour = Pour(body, meter, reply)
        cut = partial(_cut, reply)
        ended.add_done_callback(cut)
        reply.pour(pour)
        try:
            await reply.ended
        except Cut as end:
            if end.reason != "gone":
                pour.end(self._last(Unauthenticated()))
                await pour.sent(LAST_SECONDS)
            return "cancelled"
        except DaeriError as error:
            pour.end(self._last(error))
            await pour.sent(LAST_SECONDS)
            return "failed"
        else:
            await pour.sent(SLOW_SECONDS)
            return "done"
        finally:
            ended.remove_done_callback(cut)
            pour.close()

    def _last(self, error: DaeriError) -> bytes:
        return cut_off(error, language(self._request.headers))


def _cut(reply: Reply, ended: Ended) -> None:
    """End a reply with its lifeline."""
    reply.fail(Cut(ended.result()))
