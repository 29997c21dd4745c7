"""How does JSON-RPC 2.0 work? Its envelopes, batches and error codes; which methods there are is in methods.py.

Numbers in comments are sections of the specification (jsonrpc.org/specification).
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import DaeriError, InvalidRequest, NotFound, RateLimited, Unauthenticated, ValidationFailed
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.problems import LIMIT_HEADERS, problem_response, request_id_of
from daeri.gateway.wire import answer, decode, idempotency_key, language, read_json
from daeri.records.actor import Actor
from daeri.wording import Lang, Text

BATCH_MAX: Final = 50
PATIENCE_SECONDS: Final = 300.0
"""How long one HTTP request may wait for runs in all, however many calls its batch has."""
DOOR: Final = "rpc"
METHOD_NOT_FOUND: Final = -32601

_MESSAGES: Final[Mapping[int, str]] = {
    -32700: "Parse error",
    -32600: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
}
"""The messages that the specification's own examples use (§5.1)."""
_NO_ID: Final = object()

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends the calls of one HTTP request.

    Attributes:
        idempotency_key: the request's header; not for batches, where it would name several calls.
        deadline: until when its calls may wait for runs, on the monotonic clock.
    """

    actor: Actor
    lang: Lang
    request_id: str = ""
    idempotency_key: str | None = None
    deadline: float = field(default_factory=lambda: time.monotonic() + PATIENCE_SECONDS)


@dataclass(frozen=True, slots=True)
class Method:
    """A method: the names of its parameters in the order that positional ones take, and what it does."""

    names: tuple[str, ...]
    run: Callable[[Caller, dict[str, Any]], Awaitable[Any]]


Find = Callable[[str], Method | None]
Count = Callable[[Actor], Awaitable[object]]


class UnknownMethod(NotFound):
    """There is no method of this name."""

    rpc_code = METHOD_NOT_FOUND
    title = Text("그런 메서드가 없어요", "There is no such method")
    help = Text("ops.list로 쓸 수 있는 작업을 확인해 주세요.", "See ops.list for the operations there are.")


@dataclass(frozen=True, slots=True)
class _Call:
    """One request object (§4) that has the right form."""

    method: str
    params: list[Any] | dict[str, Any]
    id: Any = _NO_ID


class Dispatcher:
    """Answers the bytes of a request with the value of its response."""

    def __init__(self, find: Find, count: Count, *, one_is_counted: bool) -> None:
        """Take what finds a method by name, and what counts calls; of each message `one_is_counted` already."""
        self._find = find
        self._count = count
        self._one_is_counted = one_is_counted

    async def handle(self, body: bytes, caller: Caller) -> Any:
        """Return the response: an object, a list of them, or None where nothing is to be answered."""
        try:
            sent = decode(body)
        except InvalidRequest as error:
            return await self._malformed(None, error, caller, counted=self._one_is_counted)
        if not isinstance(sent, list):
            return await self._one(sent, caller, counted=self._one_is_counted)
        if not 1 <= len(sent) <= BATCH_MAX:
            size = Text(f"배치는 1개부터 {BATCH_MAX}개까지예요", f"A batch has 1 to {BATCH_MAX} calls")
            return await self._malformed(None, InvalidRequest(size), caller, counted=self._one_is_counted)
        # §6 leaves the order free; in order is what people expect of "do this, then that".
        responses = [
            await self._one(item, caller, counted=self._one_is_counted and not number)
            for number, item in enumerate(sent)
        ]
        return [response for response in responses if response is not None] or None

    async def _one(self, sent: Any, caller: Caller, *, counted: bool) -> dict[str, Any] | None:
        try:
            call = _read(sent)
        except InvalidRequest as error:
            return await self._malformed(_id_of(sent), error, caller, counted=counted)
        response = await self._answered(call, caller, counted=counted)
        return None if call.id is _NO_ID else response

    async def _malformed(self, call_id: Any, error: DaeriError, caller: Caller, *, counted: bool) -> dict[str, Any]:
        """Answer what is no call; it counts as one."""
        try:
            if not counted:
                await self._count(caller.actor)
        except RateLimited as limited:
            error = limited
        return error_answer(call_id, error, caller.lang, caller.request_id)

    async def _answered(self, call: _Call, caller: Caller, *, counted: bool) -> dict[str, Any]:
        try:
            if not counted:
                await self._count(caller.actor)
            method = self._method(call.method)
            result = await method.run(caller, _by_name(call.params, method.names))
        except DaeriError as error:
            return error_answer(call.id, error, caller.lang, caller.request_id)
        except Exception:
            # One call's fault must not lose the answers of the others in its batch.
            log.exception("rpc.failed", method=call.method[:200])
            return error_answer(call.id, DaeriError(), caller.lang, caller.request_id)
        return {"jsonrpc": "2.0", "result": result, "id": call.id}

    def _method(self, name: str) -> Method:
        """Find a method; names that begin with rpc. are the specification's own (§4), and it has none yet.

        Raises:
            UnknownMethod: there is none.
        """
        method = None if name.startswith("rpc.") else self._find(name)
        if method is None:
            raise UnknownMethod
        return method


def error_answer(call_id: Any, error: DaeriError, lang: Lang, request_id: str) -> dict[str, Any]:
    """Word an error as the answer to a call."""
    problem = error.problem(lang, request_id)
    message = _MESSAGES.get(error.rpc_code, problem["title"])
    return {"jsonrpc": "2.0", "error": {"code": error.rpc_code, "message": message, "data": problem}, "id": call_id}


def _read(sent: Any) -> _Call:
    """Check the form of a request object (§4).

    Raises:
        InvalidRequest: it has not.
    """
    if not isinstance(sent, dict) or sent.get("jsonrpc") != "2.0":
        raise InvalidRequest(Text('"jsonrpc": "2.0"인 객체여야 해요', 'It must be an object with "jsonrpc": "2.0"'))
    method, params, call_id = sent.get("method"), sent.get("params", {}), sent.get("id", _NO_ID)
    if not isinstance(method, str):
        raise InvalidRequest(Text("method는 문자열이에요", "method is a string"))
    if not isinstance(params, list | dict):
        raise InvalidRequest(Text("params는 배열이나 객체예요", "params is an array or an object"))
    if call_id is not _NO_ID and not _is_id(call_id):
        raise InvalidRequest(Text("id는 문자열이나 수, null이에요", "id is a string, a number or null"))
    return _Call(method, params, call_id)


def _is_id(value: Any) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _id_of(sent: Any) -> Any:
    """Return the id to answer a malformed request with: its own where it has a proper one, else null (§5)."""
    found = sent.get("id") if isinstance(sent, dict) else None
    return found if _is_id(found) else None


def _by_name(params: list[Any] | dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Give positional parameters (§4.2) their names.

    Raises:
        ValidationFailed: there are more of them than names.
    """
    if isinstance(params, dict):
        return params
    if len(params) > len(names):
        raise ValidationFailed(
            Text(f"매개변수는 {len(names)}개까지예요", f"At most {len(names)} parameters: {', '.join(names)}")
        )
    return dict(zip(names, params, strict=False))


def rpc(find: Find, keeper: Doorkeeper) -> APIRouter:
    """Return the route POST /rpc."""
    dispatcher = Dispatcher(find, keeper.count, one_is_counted=True)

    async def serve(request: Request) -> Response:
        lang, request_id = language(request.headers), request_id_of(request)
        try:
            actor = await keeper.actor(request, DOOR)
        except (Unauthenticated, RateLimited) as error:
            told = problem_response(error, lang, request_id).headers
            headers = {name: told[name] for name in ("WWW-Authenticate", "Retry-After", *LIMIT_HEADERS) if name in told}
            return answer(error_answer(None, error, lang, request_id), error.status, headers)
        body = await read_json(request)
        key = None if body.lstrip().startswith(b"[") else idempotency_key(request)
        response = await dispatcher.handle(body, Caller(actor, lang, request_id, key))
        return Response(status_code=204) if response is None else answer(response)

    router = APIRouter()
    router.add_route("/rpc", serve, methods=["POST"], include_in_schema=False)
    return router
