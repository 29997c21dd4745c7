"""How do a reply's bytes go through as they came? Connections to models that hand on each piece where it arrives.

No reader and no task stand between the socket and whoever takes the pieces: with a stream reader a relayed token costs
nearly twice as much (`python -m bench relay`). Here: connections, one request at a time on each, deadlines, bounds.
Not here: what a request or a reply says (relay.py), replies that Daeri reads itself (client.py).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

from daeri import __version__
from daeri.log import trace_headers
from daeri.models.interval import Interval
from daeri.models.wire import EndpointFailed, Model, ModelTimeout
from daeri.outbound.certificates import certificates
from daeri.wording import Text

IDLE_SECONDS: Final = 60
"""How long an unused connection is kept; nginx closes its own after 75, and one that was closed is not used again."""
IDLE_MAX: Final = 2000
"""Unused connections kept in all: as many as there may be streams at once."""
LOOK_SHARE: Final = 0.2
"""A silence is noticed after at most so much more than its limit."""

Sink = Callable[[bytes, bool], None]
"""Takes a piece of a body, and whether it is the last; that one may be empty."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a connection goes."""

    host: str
    port: int
    is_secure: bool


class Reply(asyncio.Protocol):
    """One reply while it comes: its connection's protocol for that time. The parser calls the `on_` methods.

    Attributes:
        status: the HTTP status; 0 before the headers.
        headers: by lower-case name.
        began: done when the headers have come; an error when none will.
        ended: done when the last byte has been handed on; an error when it never will be.
    """

    __slots__ = (
        "_connection",
        "_deadline",
        "_heard",
        "_interval",
        "_is_over",
        "_is_paused",
        "_is_resting",
        "_is_reusable",
        "_is_whole",
        "_loop",
        "_model",
        "_most",
        "_parser",
        "_pieces",
        "_received",
        "_since",
        "_sink",
        "_timer",
        "began",
        "ended",
        "headers",
        "on_body",
        "status",
    )

    def __init__(self, model: Model, connection: "Connection", interval: Interval) -> None:
        """Begin to wait for the reply to a request that was just written."""
        self._loop = asyncio.get_running_loop()
        self._model = model
        self._connection = connection
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append  # called for each token: without a frame of Python's own
        self._parser = httptools.HttpResponseParser(self)
        self._sink: Sink | None = None
        self._received = 0
        self._most = model.reply_bytes_max
        self._is_over = False
        self._is_whole = False
        self._is_reusable = False
        self._is_paused = False
        self._is_resting = False
        self._interval = interval
        self._since = 0.0
        self._heard = (0, self._loop.time())
        self._deadline = self._loop.time() + model.total_seconds
        self._timer = self._loop.call_later(self._next_look(), self._check_time)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.began: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()

    @property
    def is_untouched(self) -> bool:
        """Whether not a single byte has come."""
        return self._received == 0

    def pour(self, sink: Sink) -> None:
        """Hand on what has come, and from now on each piece in the call that received it."""
        if not self._is_over:
            self._interval.enter(self)
            self._let_out(sink)

    async def whole(self) -> bytes:
        """Return the whole body.

        Raises:
            EndpointFailed, ModelTimeout: it does not come to its end.
        """
        parts: list[bytes] = []
        self._let_out(lambda piece, _: parts.append(piece))
        await self.ended
        return b"".join(parts)

    def pause(self) -> None:
        """Take nothing more from the socket until `resume`: whoever takes the pieces is slower than the model."""
        self._is_paused = True
        self._read_or_not()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._is_paused = False
        self._read_or_not()

    def wake(self) -> None:
        """Go on after a rest."""
        self._is_resting = False
        self._since = self._loop.time()
        self._read_or_not()

    def close(self) -> None:
        """Be done with it: a reply that has not ended takes its connection with it, so the model stops."""
        self._done()
        if self._connection.reply is self:
            self._connection.reply = None
            self._connection.transport.abort()
        self.began.cancel()
        self.ended.cancel()

    def data_received(self, data: bytes) -> None:
        """Take what the socket received."""
        if self._is_over:
            return
        self._received += len(data)
        if self._received > self._most:
            self.fail(self._failure(Text("응답이 너무 길어요", "sent more than the limit of a reply")))
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.fail(self._failure(Text("HTTP가 아닌 응답을 보냈어요", "sent a reply that is not HTTP")))
            return
        if self._sink is not None:
            self._hand_on(self._sink)

    def connection_lost(self, error: Exception | None) -> None:
        """Hear that the connection is gone: an error, unless the reply is one that ends that way."""
        self._connection.connection_lost(error)
        is_delimited = "content-length" in self.headers or "transfer-encoding" in self.headers
        if self._is_whole or (self.began.done() and not is_delimited):
            self._is_whole = True
            if self._sink is not None:
                self._hand_on(self._sink)
            return
        cut = Text("응답이 도중에 끊겼어요", "broke off in the middle of a reply")
        none = Text("연결이 끊겼어요", "closed the connection without a reply")
        self.fail(self._failure(none if self.is_untouched else cut))

    def fail(self, error: Exception) -> None:
        """End with an error, and the connection with it; a reply that has ended stays as it is."""
        self._done()
        if self._connection.reply is self:
            self._connection.reply = None
            self._connection.transport.abort()
        for future in (self.began, self.ended):
            if not future.done():
                future.set_exception(error)
                future.exception()  # looked at, so that the loop does not report it where nobody waits any more

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note the status; an informational reply is not the one that is waited for."""
        self.status = self._parser.get_status_code()
        if self.status >= HTTPStatus.OK and not self.began.done():
            self.began.set_result(None)

    def on_message_complete(self) -> None:
        """Note the end."""
        if self.status >= HTTPStatus.OK:
            self._is_whole = True
            self._is_reusable = bool(self._parser.should_keep_alive())
        else:
            self.headers.clear()

    def _let_out(self, sink: Sink) -> None:
        self._sink = sink
        self._hand_on(sink)

    def _hand_on(self, sink: Sink) -> None:
        if self.ended.done():
            return
        pieces = self._pieces
        if pieces or self._is_whole:
            gathered = len(pieces)
            piece = pieces[0] if gathered == 1 else b"".join(pieces)
            pieces.clear()
            sink(piece, self._is_whole)
            now = self._loop.time()
            waited = 0.0 if gathered > 1 else now - self._since
            if not self._is_whole and self._interval.rest(self, waited):
                self._is_resting = True
                self._read_or_not()
            self._since = now
        if self._is_whole:
            self._done()
            if self._is_paused:  # whoever was too slow has it all; the next request must not wait for them
                self.resume()
            self._connection.free(keep=self._is_reusable)
            self.ended.set_result(None)

    def _read_or_not(self) -> None:
        """Take from the socket, unless someone wants a pause."""
        if self._connection.reply is not self or not self._connection.is_open:
            return
        if self._is_paused or self._is_resting:
            self._connection.transport.pause_reading()
        else:
            self._connection.transport.resume_reading()

    def _done(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._timer.cancel()
        self._interval.leave(self)
        # Both know this reply: what refers to itself is left to the garbage collector, which stops the whole server.
        del self._parser
        self._sink = None

    def _next_look(self) -> float:
        """Return when to look again whether the model is silent: now and then, instead of at each piece."""
        return max(0.01, min(self._model.idle_seconds * LOOK_SHARE, self._deadline - self._loop.time()))

    def _check_time(self) -> None:
        """End what takes too long: in all, or since the last byte that came while any was wanted."""
        now, model = self._loop.time(), self._model
        if self._received != self._heard[0] or self._is_paused or self._is_resting:
            self._heard = (self._received, now)
        if now >= self._deadline:
            self.fail(ModelTimeout(model, Text("제한 시간을 넘겼어요", f"not done within {model.total_seconds:g} s")))
        elif now - self._heard[1] >= model.idle_seconds:
            self.fail(ModelTimeout(model, Text("아무 응답이 없어요", f"silent for {model.idle_seconds:g} s")))
        else:
            self._timer = self._loop.call_later(self._next_look(), self._check_time)

    def _failure(self, detail: Text) -> EndpointFailed:
        return EndpointFailed(self._model, detail, http_status=self.status or None)


class Connection(asyncio.Protocol):
    """One connection; while a reply is under way, that reply is its protocol."""

    transport: asyncio.Transport

    def __init__(self, interval: Interval, freed: Callable[["Connection"], None]) -> None:
        """Take how often its replies are read, and what keeps it for the next request."""
        self._interval = interval
        self._freed = freed
        self.reply: Reply | None = None
        self.is_lost = False
        self.retire: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can carry anything."""
        return not self.is_lost and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """End the connection: nobody asked for these bytes."""
        del data
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Note that it is gone."""
        del error
        self.is_lost = True
        self.reply = None

    def send(self, model: Model, request: bytes) -> Reply:
        """Send a request, and let its reply have what comes."""
        reply = self.reply = Reply(model, self, self._interval)
        self.transport.set_protocol(reply)
        self.transport.write(request)
        return reply

    def free(self, *, keep: bool) -> None:
        """Be free for the next request, or close."""
        self.reply = None
        if keep and self.is_open:
            self.transport.set_protocol(self)
            self._freed(self)
        else:
            self.transport.close()


class Splice:
    """Asks models and gives their replies as they come, over connections that are kept."""

    def __init__(self) -> None:
        """Begin without a connection."""
        self._idle: dict[Endpoint, list[Connection]] = {}
        self._interval = Interval()

    def close(self) -> None:
        """Close the connections that are not in use."""
        for kept in self._idle.values():
            for connection in kept:
                if connection.retire is not None:
                    connection.retire.cancel()
                connection.transport.close()
        self._idle.clear()

    async def ask(self, model: Model, path: str, body: bytes) -> Reply:
        """Send a request and return its reply once the headers are here, whatever its status.

        A kept connection may have been closed by the other side in the same moment; the request then goes out once
        more on a new one, as nothing of it was answered.

        Raises:
            EndpointFailed: no connection, or no reply.
            ModelTimeout: either took too long.
        """
        endpoint, head = _way(model, path)
        request = _request(head, body)
        kept = self._kept(endpoint)
        if kept is not None:
            reply = kept.send(model, request)
            try:
                return await _begun(reply)
            except EndpointFailed:
                if not reply.is_untouched:
                    raise
        connection = await self._connect(model, endpoint)
        return await _begun(connection.send(model, request))

    def _kept(self, endpoint: Endpoint) -> Connection | None:
        kept = self._idle.get(endpoint, [])
        while kept:
            connection = kept.pop()
            if connection.retire is not None:
                connection.retire.cancel()
            if connection.is_open:
                return connection
        return None

    async def _connect(self, model: Model, endpoint: Endpoint) -> Connection:
        def made() -> Connection:
            return Connection(self._interval, lambda connection: self._keep(endpoint, connection))

        secure = certificates() if endpoint.is_secure else None
        try:
            async with asyncio.timeout(model.connect_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    made, endpoint.host, endpoint.port, ssl=secure
                )
        except TimeoutError:
            late = Text("연결되지 않았어요", f"no connection within {model.connect_seconds:g} s")
            raise ModelTimeout(model, late) from None
        except OSError as error:
            closed = Text("연결할 수 없어요", "cannot be reached")
            raise EndpointFailed(model, closed, upstream=type(error).__name__) from None
        return connection

    def _keep(self, endpoint: Endpoint, connection: Connection) -> None:
        kept = self._idle.setdefault(endpoint, [])
        if sum(map(len, self._idle.values())) >= IDLE_MAX:
            connection.transport.close()
            return
        connection.retire = asyncio.get_running_loop().call_later(IDLE_SECONDS, connection.transport.close)
        kept.append(connection)


async def _begun(reply: Reply) -> Reply:
    """Wait for the headers; whoever stops waiting stops the model."""
    try:
        await reply.began
    except BaseException:
        reply.close()
        raise
    return reply


@lru_cache
def _way(model: Model, path: str) -> tuple[Endpoint, str]:
    """Return where a model's requests go, and what each of them begins with."""
    address = urlsplit(model.base_url)
    is_secure = address.scheme == "https"
    endpoint = Endpoint(address.hostname or "", address.port or (443 if is_secure else 80), is_secure)
    headers = {
        "Host": address.netloc,
        "User-Agent": f"daeri/{__version__}",
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    if model.api_key:
        headers["Authorization"] = f"Bearer {model.api_key}"
    if model.referer:
        headers["HTTP-Referer"] = model.referer
    if model.title:
        headers["X-Title"] = model.title
    target = address.path.rstrip("/") + path
    return endpoint, f"POST {target} HTTP/1.1\r\n{_lines(headers)}"


def _request(head: str, body: bytes) -> bytes:
    own = {"Content-Length": str(len(body)), **trace_headers()}
    return f"{head}{_lines(own)}\r\n".encode() + body


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())
