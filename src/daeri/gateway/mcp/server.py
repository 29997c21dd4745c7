"""What does MCP answer? The SDK's low-level server over the services, without sessions, in both of its eras.

One handler a method: it takes the caller that the door has noted, calls one service and renders what comes back.
Results are plain dicts in the wire's names. This file imports the SDK; only `mount.py` loads it, at the first request.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.types import ASGIApp

from daeri.clock import rfc3339
from daeri.errors import DaeriError, InvalidRequest, NotFound
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp import tasks
from daeri.gateway.mcp.asking import Asking
from daeri.gateway.mcp.exchange import Live
from daeri.gateway.mcp.extras import Extras, ExtraTool
from daeri.gateway.mcp.lasting import Lasting
from daeri.gateway.mcp.listen import Listening
from daeri.gateway.mcp.prompts import Prompts
from daeri.gateway.mcp.resources import Resources
from daeri.gateway.mcp.results import Result, of_body, of_error, of_outcome
from daeri.gateway.mcp.standing import Standing
from daeri.gateway.mcp.tools import OWN, PAGE, Called, Searched, Tools
from daeri.gateway.mcp.wire import (
    Context,
    caller_of,
    declares_tasks,
    key_of,
    problem_error,
    require_tasks,
    session_of,
    talking_of,
    task_named,
)
from daeri.gateway.methods import Methods
from daeri.gateway.services import Services
from daeri.gateway.wire import fitted
from daeri.operations.outcome import Held
from daeri.wording import Text

BODY_MAX: Final = 64 * 1024 * 1024
"""The guard has bounded the body already; this only has to be above its bound."""
LISTS: Final = CacheHint(5_000, "private")
"""How long a client may keep a list: as long as a revoked right may still show, and for nobody else."""
ROUNDS_MAX: Final = 10
"""Times that one call may ask its client."""
DRY_RUN: Final = "daeri/dry-run"
"""What a call's _meta may carry beside its arguments, besides its key."""

Handler = Callable[[Context, Any], Awaitable[Result]]


class Doors(NamedTuple):
    """How a request is answered: in one piece, as a stream, or by the standing stream of a client."""

    quick: ASGIApp
    streamed: ASGIApp
    standing: Standing


class TaskParams(types.RequestParams):
    """tasks/get and tasks/cancel."""

    task_id: str


class TaskUpdateParams(TaskParams):
    """tasks/update."""

    input_responses: dict[str, Any]


class Handlers:
    """The handlers of every method."""

    def __init__(self, services: Services, keeper: Doorkeeper, extras: Extras, lasting: Lasting) -> None:
        """Take the services, who checks a listener again, what is offered besides, and who does what lasts of it."""
        self._door = services.door
        self._extras = extras
        self._lasting = lasting
        self._methods = Methods(services)
        self.tools = Tools(services, extras)
        self._tasks = tasks.Tasks(services)
        self._resources = Resources(services, extras, self._tasks)
        self._asking = Asking(services)
        self.prompts = Prompts(services, extras)
        self._book = services.handshakes
        self.standing = Standing(self.tools, self.prompts, self._resources, services.handshakes, keeper)
        self._listening = Listening(self.standing, self._tasks, self._resources, keeper)

    def all(self) -> Mapping[str, tuple[type[types.RequestParams], Handler]]:
        """Return what handles each method."""
        return {
            "tools/list": (types.PaginatedRequestParams, self.list_tools),
            "tools/call": (types.CallToolRequestParams, self.call_tool),
            "resources/list": (types.PaginatedRequestParams, self.list_resources),
            "resources/templates/list": (types.PaginatedRequestParams, self.list_templates),
            "resources/read": (types.ReadResourceRequestParams, self.read_resource),
            "prompts/list": (types.PaginatedRequestParams, self.list_prompts),
            "prompts/get": (types.GetPromptRequestParams, self.get_prompt),
            "completion/complete": (types.CompleteRequestParams, self.complete),
            "tasks/get": (TaskParams, self.get_task),
            "tasks/update": (TaskUpdateParams, self.update_task),
            "tasks/cancel": (TaskParams, self.cancel_task),
            "subscriptions/listen": (types.SubscriptionsListenRequestParams, self._listening.listen),
            "resources/subscribe": (types.SubscribeRequestParams, self.watch),
            "resources/unsubscribe": (types.UnsubscribeRequestParams, self.unwatch),
            "logging/setLevel": (types.SetLevelRequestParams, self.set_level),
        }

    async def list_tools(self, ctx: Context, params: types.PaginatedRequestParams) -> Result:
        """List the caller's tools."""
        caller = caller_of(ctx)
        wanted = ctx.request.query_params.get("tools") if ctx.request is not None else None
        return _page("tools", self.tools.of(caller.actor, caller.lang, everything=wanted == "all"), "name", params)

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        """Call an operation, or one of Daeri's own tools."""
        caller, sent = caller_of(ctx), params.arguments or {}
        try:
            extra = self._extras.tool(params.name)
            if extra is not None:
                return await self._extra(ctx, extra, params)
            if params.name == "runs.create":
                return await self._asking.ask(ctx, params)
            if params.name == "ops.search":
                return of_body(self.tools.search(caller.actor, fitted(Searched, sent), caller.lang))
            if params.name in OWN:
                return await self._own(caller, params.name, sent)
            if params.name == "ops.call":
                called = fitted(Called, sent)
                return await self._call(ctx, called.name, called.arguments)
            return await self._call(ctx, params.name, sent)
        except DaeriError as error:
            if isinstance(error, InvalidRequest) or (isinstance(error, NotFound) and self._is_unknown(params.name)):
                raise problem_error(error, caller, types.INVALID_PARAMS) from None
            return of_error(error, caller.lang, caller.request_id)

    async def _extra(self, ctx: Context, tool: ExtraTool, params: types.CallToolRequestParams) -> Result:
        """Call a tool of the company's own; work that outlives the request becomes a job."""
        live = Live(ctx, params.arguments, params)
        if tool.lasting == "must":
            require_tasks(ctx)
        asked = await tool.first(live) if tool.first is not None else None
        if asked is not None:
            return asked
        if tool.lasting == "never" or not declares_tasks(ctx):
            return await tool.run(live)
        return tasks.created(tasks.of_job(await self._lasting.begin(tool, live, key_of(ctx))))

    async def _own(self, caller: Caller, name: str, sent: dict[str, Any]) -> Result:
        method = self._methods.find(name)
        assert method is not None  # noqa: S101 - the table of own tools names methods that there are
        return of_body(await method.run(caller, sent))

    async def _call(self, ctx: Context, name: str, sent: dict[str, Any]) -> Result:
        caller, meta = caller_of(ctx), ctx.meta or {}
        if meta.get(DRY_RUN) is True:
            draft = await self._door.dry_run(caller.actor, name, sent, lang=caller.lang)
            return of_body(draft.body(caller.lang))
        key = key_of(ctx)
        outcome = await self._door.call(caller.actor, name, sent, lang=caller.lang, idempotency_key=key)
        if isinstance(outcome, Held) and declares_tasks(ctx):
            held = outcome.body(caller.lang)
            return tasks.created(tasks.of_held(held, rfc3339(outcome.at), caller.lang))
        return of_outcome(outcome, caller.lang)

    def _is_unknown(self, name: str) -> bool:
        own = name in OWN or name in ("ops.search", "ops.call")
        return not own and self.tools.operation(name) is None

    async def list_resources(self, ctx: Context, params: types.PaginatedRequestParams) -> Result:
        """List what can be read by a fixed address."""
        return _page("resources", self._resources.listed(caller_of(ctx)), "uri", params)

    async def list_templates(self, ctx: Context, params: types.PaginatedRequestParams) -> Result:
        """List the shapes of addresses."""
        return _page("resourceTemplates", self._resources.templates(caller_of(ctx)), "uriTemplate", params)

    async def read_resource(self, ctx: Context, params: types.ReadResourceRequestParams) -> Result:
        """Read what is at an address."""
        caller, uri = caller_of(ctx), str(params.uri)
        try:
            contents = await self._resources.contents(caller, uri)
        except NotFound as error:
            code = types.INVALID_PARAMS if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS else -32002
            raise problem_error(error, caller, code, uri=uri) from None
        except DaeriError as error:
            raise problem_error(error, caller) from None
        return {"contents": [contents]}

    async def watch(self, ctx: Context, params: types.SubscribeRequestParams) -> Result:
        """Tell a client that shook hands of changes at an address."""
        caller, uri = caller_of(ctx), str(params.uri)
        try:
            if not self._resources.may_watch(uri):
                raise InvalidRequest(Text("여기는 지켜볼 수 없어요", "Changes at this address are not told of"))
            await self._book.watch(caller.actor, session_of(ctx), uri, await self._resources.mark(caller, uri))
        except DaeriError as error:
            raise problem_error(error, caller) from None
        return {}

    async def unwatch(self, ctx: Context, params: types.UnsubscribeRequestParams) -> Result:
        """Tell it no longer."""
        caller = caller_of(ctx)
        try:
            await self._book.watch(caller.actor, session_of(ctx), str(params.uri), None)
        except DaeriError as error:
            raise problem_error(error, caller) from None
        return {}

    async def set_level(self, ctx: Context, params: types.SetLevelRequestParams) -> Result:
        """Note from which level on a client that shook hands wants to hear what happens."""
        caller = caller_of(ctx)
        try:
            await self._book.set_level(caller.actor, session_of(ctx), params.level)
        except DaeriError as error:
            raise problem_error(error, caller) from None
        return {}

    async def list_prompts(self, ctx: Context, params: types.PaginatedRequestParams) -> Result:
        """List the prompts."""
        return _page("prompts", self.prompts.listed(caller_of(ctx)), "name", params)

    async def get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Result:
        """Fill a prompt."""
        caller, given = caller_of(ctx), dict(params.arguments or {})
        try:
            extra = self._extras.prompt(params.name)
            if extra is not None:
                return await extra.fill(Live(ctx, given, params))
            return self.prompts.get(caller, params.name, given)
        except DaeriError as error:
            raise problem_error(error, caller, types.INVALID_PARAMS) from None

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> Result:
        """Complete a variable of an address."""
        values: list[str] = []
        if isinstance(params.ref, types.ResourceTemplateReference):
            argument = params.argument
            values = self._resources.complete(caller_of(ctx), params.ref.uri, argument.name, argument.value)
        return {"completion": {"values": values[:100], "total": len(values), "hasMore": len(values) > 100}}  # noqa: PLR2004 - the protocol's bound

    async def get_task(self, ctx: Context, params: TaskParams) -> Result:
        """Show a task."""
        caller = task_named(ctx, params.task_id)
        try:
            return await self._tasks.get(caller, params.task_id)
        except DaeriError as error:
            raise problem_error(error, caller, types.INVALID_PARAMS) from None

    async def update_task(self, ctx: Context, params: TaskUpdateParams) -> Result:
        """Take what a client answers; what nobody asked is acknowledged and passed over."""
        caller = task_named(ctx, params.task_id)
        try:
            await self._tasks.update(caller, params.task_id, params.input_responses)
        except DaeriError as error:
            raise problem_error(error, caller, types.INVALID_PARAMS) from None
        self._lasting.wake()
        return {}

    async def cancel_task(self, ctx: Context, params: TaskParams) -> Result:
        """Stop a task."""
        caller = task_named(ctx, params.task_id)
        try:
            await self._tasks.cancel(caller, params.task_id)
        except DaeriError as error:
            raise problem_error(error, caller, types.INVALID_PARAMS) from None
        self._lasting.wake()
        return {}


def _page(what: str, items: list[dict[str, Any]], key: str, params: types.PaginatedRequestParams) -> Result:
    """Cut a page; the cursor is the key of the last item before it.

    Raises:
        MCPError: the cursor is none of ours.
    """
    first = 0
    if params.cursor is not None:
        keys = [item[key] for item in items]
        if params.cursor not in keys:
            raise MCPError(types.INVALID_PARAMS, "The cursor is not one that this server gave")
        first = keys.index(params.cursor) + 1
    page = items[first : first + PAGE]
    return {what: page} | ({"nextCursor": page[-1][key]} if len(items) > first + PAGE else {})


def _marked(handler: Handler) -> Handler:
    """Mark the kind of each result, complete where its handler does not say otherwise; ask who must be asked first."""

    async def marked(ctx: Context, params: Any) -> Result:
        result = await handler(ctx, params)
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return {"resultType": "complete", **result}
        for _ in range(ROUNDS_MAX):
            if result.get("resultType") != "input_required":
                return result
            params = await _answered(ctx, params, result)
            result = await handler(ctx, params)
        raise MCPError(types.INTERNAL_ERROR, "It asks again and again")

    return marked


async def _answered(ctx: Context, params: Any, result: Result) -> Any:
    """Ask a client that shook hands what a newer one is asked in the answer, and return its call with the answers.

    Raises:
        MCPError: it cannot be asked, or gave no answer.
    """
    talking, caller = talking_of(ctx), caller_of(ctx)
    if talking is None:
        raise MCPError(types.INVALID_REQUEST, "This needs a client that can be asked: one with a session")
    try:
        answers = await talking.ask(result["inputRequests"])
    except DaeriError as error:
        raise problem_error(error, caller) from None
    given = {"inputResponses": answers, "requestState": result.get("requestState")}
    sent = params.model_dump(mode="json", by_alias=True, exclude_none=True)
    return type(params).model_validate({**sent, **given})


class _Server(Server[Any]):
    """The SDK's server; what it tells of changes, it also tells clients that shake hands first."""

    def create_initialization_options(
        self, notification_options: NotificationOptions | None = None, *args: Any, **more: Any
    ) -> InitializationOptions:
        """Say so."""
        told = notification_options or NotificationOptions(prompts_changed=True, tools_changed=True)
        return super().create_initialization_options(told, *args, **more)


def build(handlers: Handlers, company: Text, version: str) -> Server[Any]:
    """Put the server together."""
    server = _Server(
        "daeri",
        version=version,
        title=f"{company.ko} ({company.en})",
        instructions=handlers.prompts.instructions("en"),
        cache_hints={
            "tools/list": LISTS,
            "resources/list": LISTS,
            "resources/templates/list": LISTS,
            "prompts/list": LISTS,
            "server/discover": LISTS,
            "resources/read": CacheHint(0, "private"),
        },
        get_tool_input_schema=handlers.tools.schema,
    )
    for method, (params, handler) in handlers.all().items():
        server.add_request_handler(method, params, _marked(handler))
    server.extensions = {tasks.EXTENSION: {}}
    server.middleware.clear()  # spans are the gateway's; a span of the SDK's own costs a tenth of a call
    return server


@asynccontextmanager
async def opened(
    services: Services, keeper: Doorkeeper, version: str, extras: Extras, lasting: Lasting
) -> AsyncIterator[Doors]:
    """Open the server twice over the same handlers: answering in one piece, and as a stream."""
    handlers = Handlers(services, keeper, extras, lasting)
    server = build(handlers, services.door.company.name, version)
    quick, streamed = (
        StreamableHTTPSessionManager(server, json_response=whole, stateless=True, max_request_body_size=BODY_MAX)
        for whole in (True, False)
    )
    async with quick.run(), streamed.run():
        yield Doors(quick.handle_request, streamed.handle_request, handlers.standing)
