"""How is an MCP server called, and what does it offer? The SDK's own client, over HTTP or the streams of a process.

One task holds the connection open, as the client wants it; calls of any task go over it, and the next call after a
failure opens another one. The server may ask nothing back: no sampling, no elicitation, no roots.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog

from daeri.outbound.certificates import certificates
from daeri.upstream.http import Late, Lost, Unsent
from daeri.upstream.openapi import INJECTED, OPERATIONS_MAX, fields_of
from daeri.upstream.schemas import Reader, Unusable, told
from daeri.upstream.shape import Shape, name_of
from daeri.upstream.table import Entry
from daeri.wording import normal

if TYPE_CHECKING:
    import httpx2
    from mcp.client.client import Client

OPEN_SECONDS: Final = 10.0
PAGES_MAX: Final = 50
NOT_DONE: Final = frozenset({-32600, -32601, -32602, -32700})
"""Errors of JSON-RPC by which a server says that it did not even begin."""
KEY: Final = "daeri/idempotency-key"

log = structlog.get_logger()


class Declined(Exception):
    """The tool says that it could not do it."""


def shapes_of(tools: Sequence[Mapping[str, Any]]) -> tuple[list[Shape], dict[str, str]]:
    """Return the tools that can be adopted, and why the others cannot, by name."""
    found, left_out = [], {}
    for tool in tools:
        key = normal(str(tool.get("name")))[:120]
        try:
            found.append(_shape(key, tool))
        except Unusable as error:
            left_out[key] = str(error)
    return found, left_out


def _shape(key: str, tool: Mapping[str, Any]) -> Shape:
    takes = tool.get("inputSchema") or {}
    reader = Reader(takes)
    schema = reader.schema(takes)
    if schema.get("type", "object") != "object" or "anyOf" in schema:
        raise Unusable("its arguments are not those of a plain object")
    gives = tool.get("outputSchema")
    hints = tool.get("annotations") or {}
    return Shape(
        key=key,
        name=name_of(key),
        summary=told(tool.get("title") or hints.get("title")),
        description=told(tool.get("description")),
        parameters=tuple(fields_of(schema, {*INJECTED}, required=True) if schema.get("properties") else ()),
        answer=Reader(gives).schema(gives) if isinstance(gives, Mapping) else None,
        hints={name: value for name, value in hints.items() if isinstance(value, bool)},
    )


class ToolServer:
    """One MCP server."""

    def __init__(self, name: str, entry: Entry, headers: Mapping[str, str], environment: Mapping[str, str]) -> None:
        """Take the service's name, how it is reached, the headers with its key, and the variables of this process."""
        self._name = name
        self._entry = entry
        self._headers = dict(headers)
        self._environment = {each: environment[each] for each in entry.environment if each in environment}
        self._opening = asyncio.Lock()
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._done = asyncio.Event()
        self._opened_times = 0

    @property
    def connection(self) -> int | None:
        """Tells one connection from another; None where none is open."""
        is_open = self._client is not None and self._task is not None and not self._task.done()
        return self._opened_times if is_open else None

    async def tools(self) -> list[dict[str, Any]]:
        """Return what the server offers now.

        Raises:
            Unsent, Lost: it does not say.
        """
        from mcp import MCPError  # noqa: PLC0415 - takes a second, and a server without MCP services has no use for it

        client, found, cursor = await self._connected(), [], None
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                for _ in range(PAGES_MAX):
                    page = await client.list_tools(cursor=cursor, cache_mode="bypass")
                    found += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
                    cursor = page.next_cursor
                    if not cursor or len(found) > OPERATIONS_MAX:
                        break
        except (MCPError, TimeoutError, RuntimeError, OSError, ValueError) as error:
            await self.close()
            raise Lost(f"does not tell its tools: {type(error).__name__}") from None
        return found[:OPERATIONS_MAX]

    async def call(self, tool: str, arguments: Mapping[str, Any], seconds: float, key: str = "") -> Any:
        """Call a tool and return what it answers: its structured content, else its text.

        Raises:
            Declined: the tool says that it could not do it.
            Unsent: nothing reached the server, or it says that it did not begin.
            Lost: the tool may have acted.
        """
        from mcp import MCPError  # noqa: PLC0415 - as above

        client = await self._connected()
        try:
            async with asyncio.timeout(seconds):
                meta: Any = {KEY: key} if key else None
                result = await client.call_tool(tool, dict(arguments), meta=meta)
        except MCPError as error:
            if error.code in NOT_DONE:
                raise Unsent(f"did not take the call ({error.code})") from None
            raise Lost(f"failed ({error.code})") from None
        except TimeoutError:
            raise Late("did not answer in time") from None
        except (RuntimeError, OSError, ValueError) as error:
            raise Lost(f"broke off: {type(error).__name__}") from None
        if result.is_error:
            raise Declined
        if result.structured_content is not None:
            answer = result.structured_content
        else:
            answer = "\n".join(part.text if part.type == "text" else f"[{part.type}]" for part in result.content)
        if len(str(answer)) > self._entry.answer_max:
            raise Lost("its answer is too large")
        return answer

    async def close(self) -> None:
        """Close the connection; the next call opens another one."""
        task, self._task, self._client = self._task, None, None
        if task is not None:
            self._done.set()
            _, late = await asyncio.wait({task}, timeout=OPEN_SECONDS)
            for each in late:
                each.cancel()

    async def _connected(self) -> "Client":
        async with self._opening:
            if self._client is not None and self.connection is not None:
                return self._client
            ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
            self._done = asyncio.Event()
            self._task = asyncio.create_task(self._hold(ready, self._done))
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    self._client = await asyncio.shield(ready)
                    self._opened_times += 1
            except TimeoutError:
                self._task.cancel()
                raise Unsent("cannot be reached in time") from None
            except BaseException:  # whoever asked is gone
                self._task.cancel()
                raise
            return self._client

    async def _hold(self, ready: "asyncio.Future[Client]", done: asyncio.Event) -> None:
        """Hold a connection open until it is done with; both ends in one task, as the client wants it."""
        import httpx2  # noqa: PLC0415 - as above
        from mcp import MCPError  # noqa: PLC0415 - as above

        try:
            async with self._opened() as client:
                ready.set_result(client)
                await done.wait()
        except (MCPError, httpx2.HTTPError, OSError, ValueError, RuntimeError, ExceptionGroup) as error:
            log.warning("service.failed", service=self._name, error=type(error).__name__)
            if not ready.done():
                ready.set_exception(Unsent(f"cannot be reached: {type(error).__name__}"))

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator["Client"]:
        import httpx2  # noqa: PLC0415 - as above
        from mcp.client.client import Client  # noqa: PLC0415 - as above
        from mcp.client.stdio import StdioServerParameters  # noqa: PLC0415 - as above
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 - as above

        async with AsyncExitStack() as stack:
            server: Any
            if self._entry.mcp:
                http = httpx2.AsyncClient(
                    headers={**self._headers, "Accept-Encoding": "identity"},
                    transport=_bounded(self._entry.answer_max),
                    trust_env=False,
                    timeout=self._entry.seconds,
                )
                await stack.enter_async_context(http)
                server = streamable_http_client(self._entry.mcp, http_client=http)
            else:
                command, *arguments = self._entry.command
                server = StdioServerParameters(command=command, args=arguments, env=self._environment)
            yield await stack.enter_async_context(Client(server, cache=None))


def _bounded(answer_max: int) -> "httpx2.AsyncHTTPTransport":
    """Return a way over which no answer is longer than that, and none is unpacked."""
    import httpx2  # noqa: PLC0415 - as above

    class Counted(httpx2.AsyncByteStream):
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            read = 0
            async for chunk in self._stream:
                read += len(chunk)
                if read > answer_max:
                    raise httpx2.ReadError("the answer is too large")
                yield chunk

        async def aclose(self) -> None:
            await self._stream.aclose()

    class Bounded(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            response = await super().handle_async_request(request)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                await response.aclose()
                raise httpx2.ReadError("the answer is compressed, which was not asked for")
            response.stream = Counted(response.stream)
            return response

    return Bounded(verify=certificates())
