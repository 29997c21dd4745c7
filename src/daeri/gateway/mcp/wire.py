"""What do MCP's handlers need of a request? Its caller, what the client can do, and errors in the protocol's form."""

from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import HEADER_MISMATCH, MISSING_REQUIRED_CLIENT_CAPABILITY
from starlette.requests import Request

from daeri.errors import DaeriError
from daeri.gateway.jsonrpc import Caller
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


def asks_people(ctx: Context) -> bool:
    """Say whether the client can show its person a form."""
    capabilities = ctx.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


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
