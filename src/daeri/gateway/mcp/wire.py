"""What do MCP's handlers need of a request? Its caller, what the client can do, and errors in the protocol's form."""

from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import HEADER_MISMATCH, MISSING_REQUIRED_CLIENT_CAPABILITY
from starlette.requests import Request

from daeri.errors import DaeriError, NotFound
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp.talking import SESSION, Talking
from daeri.gateway.mcp.tasks import EXTENSION
from daeri.gateway.wire import checked_key

Context = ServerRequestContext[Any, Request]
KEY: Final = "daeri/idempotency-key"
"""What a call's _meta may carry where its client cannot send the header."""


def caller_of(ctx: Context) -> Caller:
    """Return who calls, as the door has noted."""
    assert ctx.request is not None  # noqa: S101 - there is no other transport than HTTP
    caller: Caller = ctx.request.scope["state"]["caller"]
    return caller


def key_of(ctx: Context) -> str | None:
    """Return the key by which the same call is known where it comes again.

    Raises:
        InvalidRequest: it is none that can be kept.
    """
    key = (ctx.meta or {}).get(KEY)
    return checked_key(key) if isinstance(key, str) else caller_of(ctx).idempotency_key


def declares_tasks(ctx: Context) -> bool:
    """Say whether the client told with this request that it can follow tasks."""
    capabilities = ctx.session.client_capabilities
    return capabilities is not None and EXTENSION in (capabilities.extensions or {})


def talking_of(ctx: Context) -> Talking | None:
    """Return the way to ask a client that shook hands first; None for all others, who are asked in answers."""
    assert ctx.request is not None  # noqa: S101 - as above
    talking: Talking | None = ctx.request.scope["state"].get("talking")
    return talking


def able(ctx: Context) -> dict[str, Any]:
    """Return what the client told that it can do: with this request, or when it shook hands."""
    if (talking := talking_of(ctx)) is not None:
        return talking.client.capabilities
    declared = ctx.session.client_capabilities
    return declared.model_dump(mode="json", by_alias=True, exclude_none=True) if declared is not None else {}


def asks_people(ctx: Context) -> bool:
    """Say whether the client can show its person a form."""
    elicitation = able(ctx).get("elicitation")
    return elicitation is not None and ("form" in elicitation or "url" not in elicitation)


def session_of(ctx: Context) -> str:
    """Return the name of the handshake that the client goes by.

    Raises:
        NotFound: it names none.
    """
    assert ctx.request is not None  # noqa: S101 - as above
    name: str | None = ctx.request.headers.get(SESSION)
    if name is None:
        raise NotFound
    return name


def require_tasks(ctx: Context) -> None:
    """Refuse a client that did not tell that it can follow tasks.

    Raises:
        MCPError: it did not.
    """
    if not declares_tasks(ctx):
        needed: dict[str, Any] = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "Missing required client capability", needed)


def task_named(ctx: Context, task_id: str) -> Caller:
    """Return who asks for a task.

    Raises:
        MCPError: the client does not follow tasks, or its header names another one than its body.
    """
    require_tasks(ctx)
    assert ctx.request is not None  # noqa: S101 - there is no other transport than HTTP
    if ctx.request.headers.get("mcp-name", task_id) != task_id:
        raise MCPError(HEADER_MISMATCH, "The Mcp-Name header does not match the body's taskId")
    return caller_of(ctx)


def problem_error(error: DaeriError, caller: Caller, code: int | None = None, **more: Any) -> MCPError:
    """Return an error as the protocol's, with the problem as its data."""
    problem = error.problem(caller.lang, caller.request_id) | more
    return MCPError(code if code is not None else error.rpc_code, problem["detail"], problem)
