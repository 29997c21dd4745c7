"""How does a tool of one's own talk with the client while it works? Progress, words on the way, questions back."""

from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.jsonrpc import MISSING_REQUIRED_CLIENT_CAPABILITY

from daeri.gateway.mcp.extras import Json, Result
from daeri.gateway.mcp.wire import Context, caller_of

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


class Live:
    """An exchange over the SDK's context of a request."""

    def __init__(
        self, ctx: Context, arguments: dict[str, Any] | None, params: types.InputResponseRequestParams
    ) -> None:
        """Take the request."""
        self._ctx = ctx
        self.caller = caller_of(ctx)
        self.arguments = arguments or {}
        self.state = params.request_state
        self.answers = {
            name: answer.model_dump(mode="json", by_alias=True, exclude_none=True)
            for name, answer in (params.input_responses or {}).items()
        }

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the work is."""
        await self._ctx.session.report_progress(done, total, message)

    async def log(self, level: str, text: str) -> None:
        """Tell what happens."""
        wanted = (self._ctx.meta or {}).get("io.modelcontextprotocol/logLevel")
        if wanted in LEVELS and LEVELS.index(level) >= LEVELS.index(str(wanted)):
            params = types.LoggingMessageNotificationParams(level=level, data=text)
            told = types.LoggingMessageNotification(params=params)
            await self._ctx.session.send_notification(told, related_request_id=self._ctx.request_id)

    def can(self, *path: str) -> bool:
        """Say whether the client declared a capability."""
        declared = self._ctx.session.client_capabilities
        found: Any = declared.model_dump(by_alias=True, exclude_none=True) if declared is not None else {}
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
