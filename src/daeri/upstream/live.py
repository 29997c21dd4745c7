"""How does a service stand now: what does it say that it is, and what does it answer? One class for each kind.

Both say in the same words what became of a call: answered, refused (certainly without effect), or unknown.
"""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from daeri.upstream import openapi, tools
from daeri.upstream.http import Lost, Reply, Request, Unsent, Upstream, request_of
from daeri.upstream.openapi import read_document
from daeri.upstream.operations import Adopted
from daeri.upstream.schemas import Unusable
from daeri.upstream.shape import Shape, as_json
from daeri.upstream.table import Address, Entry

DOCUMENT_MAX: Final = 16 * 1_048_576
DOCUMENT_SECONDS: Final = 10.0
OF_THIS_TRY: Final = frozenset({401, 403, 408, 409, 425, 429})
"""Refusals that concern a try and not the call: where the same call may have been made before, they prove nothing."""
Found = tuple[list[Shape], dict[str, str]]


class Declined(Exception):
    """The service did not do it, and says so; `status` is HTTP's, 0 for an MCP server."""

    def __init__(self, status: int) -> None:
        """Take what it says; its own words are text from outside and stay there."""
        self.status = status
        super().__init__(f"HTTP {status}" if status else "the tool reports an error")


class Live(Protocol):
    """A service that can be called."""

    @property
    def changed_at(self) -> object:
        """What tells, without a look at the whole, that its description may be another one."""

    async def shapes(self) -> Found:
        """Return what it offers now, and what of that cannot be adopted and why.

        Raises:
            Unsent, Lost: it does not answer.
            Unusable: what it answers is no description.
        """

    async def call(self, one: Adopted, arguments: Mapping[str, Any], key: str | None) -> Any:
        """Call an operation and return its answer as JSON; with a key it writes.

        Raises:
            ValidationFailed: a value cannot be sent.
            Declined: it was certainly not carried out.
            Unsent: nothing reached the service.
            Lost: nobody knows.
        """

    def failures(self) -> dict[str, int]:
        """Return how often each of its addresses failed in a row."""

    async def close(self) -> None:
        """Close the connections."""


class HttpService:
    """A service that an OpenAPI document describes."""

    def __init__(self, name: str, entry: Entry, key: str, beside: Path) -> None:
        """Take its name, its entry, its key, and the folder that the path of its document starts from."""
        self._entry = entry
        headers = _headers(entry, key)
        self._upstream = Upstream(name, entry.addresses, headers, entry.answer_max)
        self._file: Path | None = None
        self._source: Upstream | None = None
        if entry.document.startswith(("http://", "https://")):
            place = urlsplit(entry.document)
            origin = f"{place.scheme}://{place.netloc}"
            ours = any(address.url == origin or address.url.startswith(f"{origin}/") for address in entry.addresses)
            self._source = Upstream(name, [Address(url=origin)], headers if ours else {}, DOCUMENT_MAX)
            self._target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        else:
            self._file = beside / entry.document

    @property
    def changed_at(self) -> object:
        """The file's own time and size."""
        if self._file is None or not self._file.exists():
            return None
        state = self._file.stat()
        return state.st_mtime_ns, state.st_size

    async def shapes(self) -> Found:
        """Return what the document describes now."""
        return openapi.shapes_of(read_document(await self._document()))

    async def call(self, one: Adopted, arguments: Mapping[str, Any], key: str | None) -> Any:
        """Send the request and read the answer."""
        request, safely = request_of(one.shape, arguments), one.governed.idempotent
        if key is not None:
            request = Request(request.method, request.target, {**request.headers, "Idempotency-Key": key}, request.body)
        reply = await self._upstream.send(request, one.seconds, again=key is None or safely)
        if reply.is_good:
            return answer_of(reply)
        if key is not None and (reply.is_later or (safely and reply.status in OF_THIS_TRY)):
            raise Lost(f"HTTP {reply.status}, which says nothing of an earlier try")
        if HTTPStatus.BAD_REQUEST <= reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Declined(reply.status)
        raise Lost(f"HTTP {reply.status}")

    def failures(self) -> dict[str, int]:
        """Return how often each address failed in a row."""
        return {url: health.failures for url, health in self._upstream.health().items()}

    async def close(self) -> None:
        """Close the connections."""
        await self._upstream.close()
        if self._source is not None:
            await self._source.close()

    async def _document(self) -> bytes:
        if self._source is None:
            try:
                return await asyncio.to_thread(_read_file, self._file)
            except OSError as error:
                raise Unsent(f"its document cannot be read: {type(error).__name__}") from None
        reply = await self._source.send(Request("GET", self._target), DOCUMENT_SECONDS, again=True)
        if not reply.is_good:
            raise Lost(f"its document is not there: HTTP {reply.status}")
        return reply.body


def _read_file(file: Path | None) -> bytes:
    if file is None:
        return b""
    with file.open("rb") as opened:
        content = opened.read(DOCUMENT_MAX + 1)
    if len(content) > DOCUMENT_MAX:
        raise OSError("too large")
    return content


def answer_of(reply: Reply) -> Any:
    """Return what a reply holds.

    Raises:
        Unusable: it is neither JSON nor text.
    """
    if not reply.body:
        return None
    try:
        if reply.kind == "application/json" or reply.kind.endswith("+json"):
            return json.loads(reply.body, parse_constant=_no_number)
        if reply.kind.startswith("text/"):
            return reply.body.decode()
    except (ValueError, RecursionError):
        raise Unusable("its answer cannot be read") from None
    raise Unusable("its answer is neither JSON nor text")


def _no_number(word: str) -> float:
    raise ValueError(word)


class ToolService:
    """An MCP server."""

    def __init__(self, name: str, entry: Entry, key: str, environment: Mapping[str, str]) -> None:
        """Take its name, its entry, its key, and the variables of this process."""
        self._server = tools.ToolServer(name, entry, _headers(entry, key), environment)

    @property
    def changed_at(self) -> object:
        """The connection: another one may lead to another server."""
        return self._server.connection

    async def shapes(self) -> Found:
        """Return the tools that it offers now."""
        return tools.shapes_of(await self._server.tools())

    async def call(self, one: Adopted, arguments: Mapping[str, Any], key: str | None) -> Any:
        """Call the tool."""
        shape = one.shape
        whole = next((each for each in shape.parameters if each.at == "body"), None)
        if whole is not None:
            sent = arguments.get(whole.name) or {}
        else:
            given = [(each, as_json(each, arguments.get(each.name))) for each in shape.parameters]
            sent = {each.sent: value for each, value in given if value is not None or each.required}
        try:
            return await self._server.call(shape.key, sent, one.seconds, key or "")
        except tools.Declined:
            if key is None:
                raise Declined(0) from None
            raise Lost("the tool reports an error, and may have acted before it") from None

    def failures(self) -> dict[str, int]:
        """Nothing is known of it between calls."""
        return {}

    async def close(self) -> None:
        """Close the connection."""
        await self._server.close()


def _headers(entry: Entry, key: str) -> dict[str, str]:
    if not key:
        return {}
    return {entry.key_header: f"Bearer {key}" if entry.key_header.lower() == "authorization" else key}


def live_of(name: str, entry: Entry, key: str, beside: Path, environment: Mapping[str, str]) -> Live:
    """Return a service that can be called; nothing is opened yet."""
    return ToolService(name, entry, key, environment) if entry.is_mcp else HttpService(name, entry, key, beside)
