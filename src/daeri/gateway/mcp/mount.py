"""How does MCP come in? POST /mcp: who calls, from which page, and on to the server, loaded at the first request.

Nothing here imports the SDK: it costs half a second, and most processes never speak MCP.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daeri.errors import DaeriError, InvalidRequest
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.lifelines import EventStream, Lifelines
from daeri.gateway.mcp.extras import Extras
from daeri.gateway.mcp.lasting import Lasting
from daeri.gateway.mcp.talking import SESSION, Answers, Stream, Talking
from daeri.gateway.ondemand import OnDemand
from daeri.gateway.problems import problem_response, request_id_of
from daeri.gateway.refusals import MethodNotAllowed
from daeri.gateway.services import Services
from daeri.gateway.wire import again, answer, decode, encode, idempotency_key, language, read_json

if TYPE_CHECKING:
    from daeri.gateway.mcp.server import Doors

DOOR: Final = "mcp"
PATH: Final = "/mcp"
LAST_WITH_HANDSHAKE: Final = "2025-11-25"
CAPABILITIES_MAX: Final = 16 * 1024
"""Bytes of what a client may tell of itself; more is taken for nothing."""
STREAMED: Final[Sequence[bytes]] = (b'"progressToken"', b'"runs.', b'"subscriptions/listen"')
"""What a body holds that may take long or be told of on the way; all other requests are answered in one piece, which
costs half as much. A body that holds one of them by chance is answered as well, only not as cheaply."""


class Mcp:
    """The door of MCP, as an ASGI application."""

    def __init__(self, services: Services, keeper: Doorkeeper, lines: Lifelines, version: str, extras: Extras) -> None:
        """Take the services, who knows the callers, their streams, the version to tell, and what is offered besides."""
        self._services = services
        self._lines = lines
        self._book = services.handshakes
        self._answers = Answers(services.handshakes)
        self._keeper = keeper
        self._version = version
        self._extras = extras
        names = [*(tool.name for tool in extras.tools), *(prompt.name for prompt in extras.prompts)]
        self._streamed = (*STREAMED, *(f'"{name}"'.encode() for name in names))
        self._lasting = Lasting(services, extras)
        self._server = OnDemand(self._load)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            app, receive, send = await self._taken_in(request, receive, send)
        except DaeriError as error:
            app = self._refuse(request, error)
        await app(scope, receive, send)

    async def _taken_in(self, request: Request, receive: Receive, send: Send) -> tuple[ASGIApp, Receive, Send]:
        """Return what answers a request, and what that reads and writes.

        Raises:
            DaeriError: nothing does: the caller, the form, or the handshake that it goes by is not taken.
        """
        body = await self._checked(request)
        if body is None:
            return await self._of_session(request), receive, send
        message, scope = decode(body), request.scope
        if _goes_by_session(request) and isinstance(message, dict) and "method" not in message:
            await self._answers.take(self._caller(request).actor, request.headers[SESSION], message)
            return Response(status_code=202), receive, send
        send = await self._conversing(request, body, message, send)
        # Blanks round a value are no part of it (RFC 9110 §5.5), and the SDK compares these with the body.
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        doors = await self._server.get()
        app = doors.streamed if self._is_streamed(body) else doors.quick
        return app, again(body, receive, scope["state"]), send

    async def open(self) -> None:
        """Begin to work on what outlives its requests."""
        await self._lasting.open()

    async def close(self) -> None:
        """Let go of what the server holds."""
        await self._server.close()
        await self._lasting.close()

    def _is_streamed(self, body: bytes) -> bool:
        return any(mark in body for mark in self._streamed)

    @staticmethod
    def _caller(request: Request) -> Caller:
        caller: Caller = request.scope["state"]["caller"]
        return caller

    async def _conversing(self, request: Request, body: bytes, message: Any, send: Send) -> Send:
        """Note what a client shakes hands with, or how one that did can be asked; return how it is answered.

        Raises:
            NotFound: the handshake that it goes by is not there any more.
        """
        actor = self._caller(request).actor
        method = message.get("method") if isinstance(message, dict) else None
        if method == "initialize" and not _is_newest(request):
            params = message.get("params")
            told = params.get("capabilities") if isinstance(params, dict) else None
            if "id" not in message or not isinstance(told, dict):  # the SDK says what is missing
                return send
            able = told if len(encode(told)) <= CAPABILITIES_MAX else {}
            return _named(send, await self._book.create(actor, able))
        if not _goes_by_session(request):
            return send
        client = await self._book.get(actor, request.headers[SESSION])
        if not self._is_streamed(body):
            return send
        stream = Stream(send)
        request.scope["state"]["talking"] = Talking(
            partial(self._keeper.still, request, DOOR), client, self._answers, stream.say
        )
        return stream

    async def _of_session(self, request: Request) -> Response:
        """Open the standing stream of a client that shook hands, or forget its handshake.

        Raises:
            NotFound: there is none of this name.
            MethodNotAllowed: too many streams are open; a client goes on without.
        """
        caller, name = self._caller(request), request.headers[SESSION]
        if request.method == "DELETE":
            await self._book.delete(caller.actor, name)
            return Response(status_code=204)
        await self._book.get(caller.actor, name)
        doors = await self._server.get()
        if not doors.standing.has_room(caller.actor.person_id):
            raise MethodNotAllowed
        pieces = doors.standing.pieces(request, caller, name)
        return EventStream(pieces, self._lines, self._keeper.credential(request, DOOR))

    async def _checked(self, request: Request) -> bytes | None:
        """Note who calls, and return the body; None where the request is about a handshake and has none.

        Raises:
            DaeriError: the page, the credential, the method or the body's form is not taken.
        """
        self._keeper.check_page(request)
        about_session = request.method in ("GET", "DELETE") and SESSION in request.headers
        if request.method != "POST" and not about_session:
            raise MethodNotAllowed
        actor = await self._keeper.bearer(request, DOOR)
        body = None if about_session else await read_json(request)
        request.scope["state"]["caller"] = Caller(
            actor, language(request.headers), request_id_of(request), idempotency_key(request)
        )
        return body

    def _refuse(self, request: Request, error: DaeriError) -> ASGIApp:
        lang, request_id = language(request.headers), request_id_of(request)
        if isinstance(error, MethodNotAllowed):
            return problem_response(error, lang, request_id, {"Allow": "POST"})
        if isinstance(error, InvalidRequest) and error.status == InvalidRequest.status:
            problem = error.problem(lang, request_id)
            told = {"code": error.rpc_code, "message": problem["title"], "data": problem}
            return answer({"jsonrpc": "2.0", "id": None, "error": told}, error.status)
        return problem_response(error, lang, request_id, self._keeper.challenge(error, request, PATH))

    def _load(self) -> "AbstractAsyncContextManager[Doors]":
        from daeri.gateway.mcp.server import opened  # noqa: PLC0415 - the SDK takes half a second to import

        return opened(self._services, self._keeper, self._version, self._extras, self._lasting)


def _goes_by_session(request: Request) -> bool:
    """Say whether a client goes by its handshake; the newest revision knows none."""
    return SESSION in request.headers and not _is_newest(request)


def _is_newest(request: Request) -> bool:
    """Say whether a request is of a revision without handshakes: these name each method in a header."""
    version = request.headers.get("mcp-protocol-version", "")
    return "mcp-method" in request.headers or version > LAST_WITH_HANDSHAKE


def _named(send: Send, name: str) -> Send:
    """Tell a client the name of its handshake, by which it goes from then on."""

    async def named(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK:
            message = {**message, "headers": [*message["headers"], (SESSION.encode(), name.encode())]}
        await send(message)

    return named


def mcp(door: Mcp) -> APIRouter:
    """Return the route /mcp."""
    router = APIRouter()
    endpoint: Any = door  # an object, so that it is an ASGI application to the router and not a handler
    router.add_route(PATH, endpoint, include_in_schema=False)
    return router
