"""How does Daeri talk to a language model? One streaming client for every OpenAI-compatible endpoint.

Here: connections, deadlines, repeats.
Not here: the wire format (wire.py), which model answers (route.py), prompts, what a tool call means, cost limits.
"""

import asyncio
import json
import math
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Self

import aiohttp
import structlog

from daeri import __version__
from daeri.clock import Clock
from daeri.log import trace_headers
from daeri.models.wire import (
    EndpointFailed,
    EventLines,
    Item,
    Json,
    Model,
    ModelRefused,
    ModelTimeout,
    ReplyReader,
    WholeBody,
    error_message,
)
from daeri.wording import Text

RETRIES_MAX = 2  # a third repeat only delays the fallback to another model
CONNECTIONS_MAX = 2000  # streams at once in one process; beyond that a second process is the answer
ERROR_BYTES_MAX = 8192  # of an error's body, enough for its message
DRAIN_SECONDS = 0.02  # the last bytes after [DONE] come at once or the connection is not worth keeping
REPEATABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 529})


class ModelClient:
    """Streams replies from any number of models over one shared pool of connections."""

    def __init__(self, clock: Clock) -> None:
        """Take the clock that dates in Retry-After are held against; no I/O before open()."""
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._log = structlog.get_logger("daeri.models")

    async def open(self) -> None:
        """Make the pool of connections; call it inside the running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"daeri/{__version__}"},
            )

    async def close(self) -> None:
        """Close the pool; streams still open end with an error."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        """Open."""
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def stream(
        self, model: Model, messages: Sequence[Json], tools: Sequence[Json] = (), *, options: Json | None = None
    ) -> AsyncGenerator[Item, None]:
        """Ask a model and yield its reply as it comes; messages and tools are in OpenAI's JSON form.

        Text comes piece by piece; calls, usage and Finished come once the reply is complete. Cancelling the task that
        iterates, or `aclose()`, closes the connection at once: wrap the iteration in `contextlib.aclosing` if it may
        be left early. `options` are further members of the request body, for this request only.

        Raises:
            EndpointFailed: no complete reply (ModelRefused: the endpoint said no). Text may have been yielded before.
            ModelTimeout: no connection, silence, or the total limit.
        """
        body = _body(model, messages, tools, options or {})
        response, chunk = await self._begin(model, body)
        try:
            reader = ReplyReader(model)
            payloads = WholeBody() if response.content_type == "application/json" else EventLines()
            received = 0
            while chunk:
                received += len(chunk)
                if received > model.reply_bytes_max:
                    raise EndpointFailed(model, Text("응답이 너무 길어요", "sent more than the limit of a reply"))
                for payload in payloads.feed(chunk):
                    if (delta := reader.read(payload)) is not None:
                        yield delta
                chunk = b"" if reader.done else await _read(model, response)
            for payload in payloads.rest():
                if (delta := reader.read(payload)) is not None:
                    yield delta
            await _drain(response)
            for item in reader.finish():
                yield item
        finally:
            response.close()

    async def whole(self, model: Model, path: str, body: Json) -> bytes:
        """Send a request that is answered at once, and return the body of the reply.

        Raises:
            EndpointFailed, ModelTimeout: as `stream`.
        """
        response, chunk = await self._begin(
            model, json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"), path
        )
        try:
            content = b""
            while chunk:
                content += chunk
                if len(content) > model.reply_bytes_max:
                    raise EndpointFailed(model, Text("응답이 너무 길어요", "sent more than the limit of a reply"))
                chunk = await _read(model, response)
            return content
        finally:
            response.close()

    async def _begin(
        self, model: Model, body: bytes, path: str = "/chat/completions"
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Send the request until the first bytes of a reply are here, repeating it where that can help."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + model.total_seconds
        for attempt in range(RETRIES_MAX + 1):
            try:
                return await self._attempt(model, body, path, deadline - loop.time())
            except EndpointFailed as failure:
                wait = failure.wait_seconds
                if wait is None:
                    wait = model.retry_wait_seconds * 4**attempt * (0.5 + secrets.randbelow(1000) / 1000)
                wait = min(wait, model.retry_wait_seconds_max)
                if not failure.repeatable or attempt == RETRIES_MAX or loop.time() + wait >= deadline:
                    raise
                self._log.warning("model.repeat", model=model.name, status=failure.http_status, wait_seconds=wait)
            await asyncio.sleep(wait)
        raise AssertionError  # the last attempt returns or raises

    async def _attempt(
        self, model: Model, body: bytes, path: str, seconds: float
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        if self._session is None:
            raise RuntimeError("ModelClient.open() comes first")
        limits = aiohttp.ClientTimeout(
            total=max(seconds, 0.001), sock_connect=model.connect_seconds, sock_read=model.idle_seconds
        )
        url = model.base_url.rstrip("/") + path
        try:
            response = await self._session.post(
                url, data=body, headers=_headers(model), timeout=limits, allow_redirects=False
            )
        except (TimeoutError, aiohttp.ClientError) as error:
            # Not chained: aiohttp's errors carry the request's headers, and the key with them.
            raise _network_failure(model, error, began=False) from None
        with ExitStack() as unless_it_goes_well:
            unless_it_goes_well.callback(response.close)
            if response.status != HTTPStatus.OK:
                raise await self._refusal(model, response)
            if response.content_type == "text/html":
                detail = Text("AI 모델이 아니라 웹 페이지가 답했어요", "a web page answered; check base_url")
                raise EndpointFailed(model, detail, http_status=response.status)
            first = await _read(model, response, began=False)
            if not first:
                detail = Text("빈 응답을 보냈어요", "sent an empty reply")
                raise EndpointFailed(model, detail, http_status=response.status, repeatable=True)
            unless_it_goes_well.pop_all()
        return response, first

    async def _refusal(self, model: Model, response: aiohttp.ClientResponse) -> EndpointFailed:
        """Turn an error status into the error to raise; the body is read up to a bound."""
        body = b""
        while len(body) < ERROR_BYTES_MAX and (chunk := await _read(model, response, began=False)):
            body += chunk
        status = response.status
        repeatable = status in REPEATABLE_STATUSES
        kind = EndpointFailed if repeatable or status >= HTTPStatus.INTERNAL_SERVER_ERROR else ModelRefused
        return kind(
            model,
            Text(f"HTTP {status} 오류로 답했어요", f"answered with HTTP status {status}"),
            http_status=status,
            upstream=error_message(body[:ERROR_BYTES_MAX]),
            repeatable=repeatable,
            wait_seconds=retry_after(response.headers.get("Retry-After"), self._clock.now()),
        )


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header as seconds from now, at least 0; None if it is absent, negative or nonsense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


async def _read(model: Model, response: aiohttp.ClientResponse, *, began: bool = True) -> bytes:
    """Return what has arrived, b"" at the end."""
    try:
        return await response.content.readany()
    # aiohttp's RuntimeError: this client was closed in the meantime
    except (TimeoutError, aiohttp.ClientError, RuntimeError) as error:
        raise _network_failure(model, error, began=began) from None


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read to the end of the body after [DONE], so that the connection can carry the next request."""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while not response.content.at_eof():
                await response.content.readany()


def _network_failure(model: Model, error: Exception, *, began: bool) -> EndpointFailed | ModelTimeout:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ModelTimeout(model, Text("연결되지 않았어요", f"no connection within {model.connect_seconds:g} s"))
    if isinstance(error, aiohttp.SocketTimeoutError):
        return ModelTimeout(model, Text("아무 응답이 없어요", f"silent for {model.idle_seconds:g} s"))
    if isinstance(error, TimeoutError):
        return ModelTimeout(model, Text("제한 시간을 넘겼어요", f"not done within {model.total_seconds:g} s"))
    kind = type(error).__name__
    if began:
        detail = Text("응답이 도중에 끊겼어요", "broke off in the middle of a reply")
        return EndpointFailed(model, detail, upstream=kind)
    final = (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError, aiohttp.InvalidURL)
    return EndpointFailed(
        model, Text("연결할 수 없어요", "cannot be reached"), upstream=kind, repeatable=not isinstance(error, final)
    )


def _headers(model: Model) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream, application/json",
        "Accept-Encoding": "identity",  # compression holds small events back
    }
    headers |= trace_headers()
    if model.api_key:
        headers["Authorization"] = f"Bearer {model.api_key}"
    if model.referer:
        headers["HTTP-Referer"] = model.referer
    if model.title:
        headers["X-Title"] = model.title
    return headers


def _body(model: Model, messages: Sequence[Json], tools: Sequence[Json], options: Json) -> bytes:
    members = {"stream_options": {"include_usage": True}, **model.extra, **options}
    members |= {"model": model.model, "messages": list(messages), "stream": True}
    if tools:
        members["tools"] = list(tools)
    if not model.structured:
        members.pop("response_format", None)
    kept = {name: value for name, value in members.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
