"""How does a tool of one's own talk with the client while it works? Progress, words on the way, questions back."""

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import MISSING_REQUIRED_CLIENT_CAPABILITY

from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp.extras import Json, Result
from daeri.gateway.mcp.wire import Context, able, caller_of, talking_of
from daeri.runs.jobs import Job

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


class Talk:
    """What every exchange has: who calls with what, what was answered, and what may be asked."""

    def __init__(
        self, caller: Caller, arguments: Mapping[str, Any], answers: Mapping[str, Any], state: str | None, able: Json
    ) -> None:
        """Take the call, with the capabilities that the client declared."""
        self.caller = caller
        self.arguments = dict(arguments)
        self.answers = dict(answers)
        self.state = state
        self.able = able

    def can(self, *path: str) -> bool:
        """Say whether the client declared a capability."""
        found: Any = self.able
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found is not None

    def need(self, *path: str) -> None:
        """Refuse a client that did not declare a capability.

        Raises:
            MCPError: with the capability that is missing.
        """
        if not self.can(*path):
            needed: dict[str, Any] = {}
            inner = needed
            for name in path:
                inner = inner.setdefault(name, {})
            told = {"requiredCapabilities": needed}
            raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "Missing required client capability", told)

    def ask(self, requests: Json, state: str | None = None) -> Result:
        """Ask the client."""
        asked = {"resultType": "input_required", "inputRequests": dict(requests)}
        return asked | ({"requestState": state} if state is not None else {})


class Live(Talk):
    """An exchange over the SDK's context of a request."""

    def __init__(
        self, ctx: Context, arguments: dict[str, Any] | None, params: types.InputResponseRequestParams
    ) -> None:
        """Take the request."""
        self._ctx = ctx
        answers = {
            name: answer.model_dump(mode="json", by_alias=True, exclude_none=True)
            for name, answer in (params.input_responses or {}).items()
        }
        super().__init__(caller_of(ctx), arguments or {}, answers, params.request_state, able(ctx))

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the work is."""
        await self._ctx.session.report_progress(done, total, message)

    async def log(self, level: str, text: str) -> None:
        """Tell what happens."""
        talking = talking_of(self._ctx)
        meta = self._ctx.meta or {}
        wanted = talking.client.level if talking is not None else meta.get("io.modelcontextprotocol/logLevel")
        if wanted in LEVELS and LEVELS.index(level) >= LEVELS.index(str(wanted)):
            params = types.LoggingMessageNotificationParams(level=level, data=text)
            told = types.LoggingMessageNotification(params=params)
            await self._ctx.session.send_notification(told, related_request_id=self._ctx.request_id)


class Later(Talk):
    """An exchange of a job, whose client is not there: it looks at the task instead, and answers there."""

    def __init__(self, caller: Caller, job: Job) -> None:
        """Take the job."""
        super().__init__(caller, job.arguments, job.answers, job.state, job.capabilities)
        self.message = job.message
        """What the task says of itself; whoever carries the job writes it down."""

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Say how far the work is."""
        of_all = f"{done:g}/{total:g}" if total is not None else f"{done:g}"
        self.message = message or of_all

    async def log(self, level: str, text: str) -> None:
        """Tell nothing: "notifications/message … are not supported on tasks" (SEP-2663)."""
