"""What ends a stream before its time? Its caller leaves, the caller's credential ends, or the server stops.

Every protocol that keeps a connection open holds a lifeline for it, so that a revoked key is heard of within seconds on
all of them alike. Credentials are looked at by one task for all streams: many streams of one key cost one look.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from types import MappingProxyType, TracebackType
from typing import Final, Literal

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from daeri.errors import DaeriError, NotReady, Unauthenticated
from daeri.gateway.doorkeeper import Credential, Doorkeeper
from daeri.wording import Text

LOOK_SECONDS: Final = 2.0
"""How often each credential with an open stream is looked at; "within five seconds" is promised."""
STOP_SECONDS: Final = 2.0
"""How long a stopping server waits for its streams to end by themselves, before it closes their connections."""
LAST_SECONDS: Final = 1.0
"""How long the last words of a stream may take to be read."""
STREAMED: Final = MappingProxyType({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
"""What every stream says: nobody keeps it, and no proxy holds it back."""
STOPPING: Final = Text("서버가 다시 시작하고 있어요", "The server is restarting")

Reason = Literal["gone", "revoked", "stopping"]
Ended = asyncio.Future[Reason]
Last = Callable[[Reason], bytes]
Left = Callable[[], Awaitable[None]]


class Lifelines:
    """The open streams of this server."""

    def __init__(self, keeper: Doorkeeper) -> None:
        """Take who knows whether a credential still holds."""
        self._keeper = keeper
        self._held: dict[Credential, set[Ended]] = {}
        self._stoppable: set[Ended] = set()
        self._quiet = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def stop(self) -> None:
        """Tell every stream, and those that still come, that the server stops; wait a moment until they have ended."""
        self._is_stopping = True
        for ended in self._stoppable:
            end(ended, "stopping")
        if self._stoppable:
            self._quiet.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), STOP_SECONDS)

    def hold(self, credential: Credential, *, until_cut: bool = False) -> "Lifeline":
        """Give a future that is done when the credential ends or the server stops; the stream then has to end.

        With `until_cut` it goes on while the server stops, for as long as that takes: nobody could resume it.
        """
        return Lifeline(self, credential, None, until_cut=until_cut)

    def follow(self, credential: Credential, receive: Receive, *, until_cut: bool = False) -> "Lifeline":
        """Hold a lifeline that also ends when the caller leaves."""
        return Lifeline(self, credential, receive, until_cut=until_cut)

    def take(self, credential: Credential, ended: Ended, *, until_cut: bool) -> None:
        """Look after a stream."""
        if not until_cut:
            self._stoppable.add(ended)
            if self._is_stopping:
                end(ended, "stopping")
        self._held.setdefault(credential, set()).add(ended)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def let_go(self, credential: Credential, ended: Ended) -> None:
        """Look after it no more."""
        self._stoppable.discard(ended)
        if not self._stoppable:
            self._quiet.set()
        held = self._held[credential]
        held.discard(ended)
        if not held:
            del self._held[credential]
        if not self._held and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for credential in list(self._held):
                if not await self._still_holds(credential):
                    for ended in self._held.get(credential, ()):
                        end(ended, "revoked")

    async def _still_holds(self, credential: Credential) -> bool:
        try:
            await self._keeper.actor_of(credential)
        except DaeriError as error:
            # A database that is busy for a moment is no reason to throw everybody out.
            return error.retryable
        return True


class Cut(Exception):
    """A stream ended before its time; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        """Take why."""
        self.reason = reason
        super().__init__(reason)


class Lifeline:
    """A stream under the care of all lifelines for the time of a block: `with lines.hold(credential) as ended`."""

    __slots__ = ("_credential", "_ended", "_leaving", "_lines", "_receive", "_until_cut")

    def __init__(self, lines: Lifelines, credential: Credential, receive: Receive | None, *, until_cut: bool) -> None:
        """Take whose it is, and where to hear that its caller leaves."""
        self._lines = lines
        self._credential = credential
        self._receive = receive
        self._until_cut = until_cut
        self._leaving: asyncio.Task[None] | None = None

    def __enter__(self) -> Ended:
        """Give the future."""
        loop = asyncio.get_running_loop()
        ended: Ended = loop.create_future()
        self._ended = ended
        self._lines.take(self._credential, ended, until_cut=self._until_cut)
        if self._receive is not None:
            self._leaving = loop.create_task(_left(self._receive, ended))
        return ended

    def __exit__(self, *_: object) -> None:
        """Be done with it."""
        if self._leaving is not None:
            self._leaving.cancel()
        self._lines.let_go(self._credential, self._ended)


class WhileHeld:
    """A block that goes on for as long as its lifeline holds, and is cancelled when not; no task of its own.

    Raises:
        Cut: the lifeline ended first.
    """

    __slots__ = ("_ended", "_inside", "_limit")

    def __init__(self, ended: Ended) -> None:
        """Take the lifeline."""
        self._ended = ended
        self._inside = True
        self._limit = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        """Begin."""
        await self._limit.__aenter__()
        self._ended.add_done_callback(self._cut)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; where the lifeline was first, say so instead of the cancellation that it was to the block."""
        self._inside = False
        self._ended.remove_done_callback(self._cut)
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self._told(self._ended.result()) from None

    def _cut(self, _: Ended) -> None:
        if self._inside:  # it may end in the very moment in which this is left
            self._limit.reschedule(0)

    def _told(self, reason: Reason) -> Exception:
        return Cut(reason)


class WhileThere(WhileHeld):
    """A block whose answer has not begun, for as long as its caller may have it.

    Raises:
        ClientDisconnect: the caller left.
        Unauthenticated: the caller's credential ended.
        NotReady: the server stops.
    """

    __slots__ = ()

    def _told(self, reason: Reason) -> Exception:
        return error_of(reason)


def error_of(reason: Reason) -> Exception:
    """Return the error that a lifeline's end is to a caller who still waits."""
    if reason == "gone":
        return ClientDisconnect()
    return Unauthenticated() if reason == "revoked" else NotReady(STOPPING)


class EventStream(Response):
    """Server-sent events from a generator, for as long as its lifeline holds."""

    media_type = "text/event-stream"

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        lines: Lifelines,
        credential: Credential,
        *,
        last: Last | None = None,
        left: Left | None = None,
    ) -> None:
        """Take the pieces and the caller's credential.

        Args:
            pieces: the bytes; closed at the end, whatever that is.
            lines: the open streams of the server.
            credential: the caller's.
            last: what to say where the stream is cut.
            left: what to do when the caller leaves before the end.
        """
        super().__init__(headers=dict(STREAMED))
        del self.headers["content-length"]
        self._pieces = pieces
        self._lines = lines
        self._credential = credential
        self._last = last
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces as they come."""
        del scope
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        with self._lines.follow(self._credential, receive) as ended:
            try:
                async with WhileHeld(ended):
                    await self._pour(send)
            except Cut as cut:
                if cut.reason != "gone":
                    await self._say_last(send, cut.reason)
                elif self._left is not None:
                    await self._left()

    async def _say_last(self, send: Send, reason: Reason) -> None:
        """End a stream that was cut; a caller who reads nothing must not keep it open."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await send(_body(self._last(reason) if self._last else b"", more=False))

    async def _pour(self, send: Send) -> None:
        try:
            async for piece in self._pieces:
                await send(_body(piece, more=True))
            await send(_body(b"", more=False))
        finally:
            await self._pieces.aclose()


def _body(piece: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": more}


def end(ended: Ended, reason: Reason) -> None:
    """End a lifeline, unless it has ended."""
    if not ended.done():
        ended.set_result(reason)


async def _left(receive: Receive, ended: Ended) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    end(ended, "gone")
