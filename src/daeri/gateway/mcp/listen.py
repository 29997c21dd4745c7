"""How does a client hear of changes over MCP? subscriptions/listen: its tools, its tasks, its runs and documents.

One stream looks again every few seconds, as the caller it is: whoever loses a right loses the tool with it and is told
so, and a credential that was revoked ends the stream. What is looked at writes no audit rows: lists and states only.
"""

import asyncio
from typing import Any, Final, Literal

import mcp_types as types
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp.shared.exceptions import MCPError

from daeri.errors import DaeriError
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp.resources import Resources
from daeri.gateway.mcp.standing import GONE, Standing
from daeri.gateway.mcp.tasks import ENDED, Tasks
from daeri.gateway.mcp.wire import Context, caller_of, require_tasks

STREAMS_MAX: Final = 256
WATCHED_MAX: Final = 20
LOOK_SECONDS: Final = 1.0


class TaskNotification(types.Notification[dict[str, Any], Literal["notifications/tasks"]]):
    """A task has changed."""

    method: Literal["notifications/tasks"] = "notifications/tasks"
    params: dict[str, Any]


class Listening:
    """Serves the streams."""

    def __init__(self, standing: Standing, tasks: Tasks, resources: Resources, keeper: Doorkeeper) -> None:
        """Take what is listened to, and who checks the credential again."""
        self._resources = resources
        self._standing = standing
        self._tasks = tasks
        self._keeper = keeper
        self._open = 0

    async def listen(self, ctx: Context, params: types.SubscriptionsListenRequestParams) -> dict[str, Any]:
        """Serve one stream until its client leaves or its credential ends."""
        wanted = params.notifications
        task_ids = [str(item) for item in (wanted.model_extra or {}).get("taskIds") or []][:WATCHED_MAX]
        if task_ids:
            require_tasks(ctx)
        if self._open >= STREAMS_MAX:
            raise MCPError(types.INTERNAL_ERROR, "Too many streams are open")
        caller = caller_of(ctx)
        uris = [uri for uri in wanted.resource_subscriptions or [] if self._resources.may_watch(uri)][:WATCHED_MAX]
        # The marks are older than what is told first, so that no change falls between them.
        marks = {task_id: await self._mark(caller, task_id) for task_id in task_ids}
        known = {task_id: await self._task(caller, task_id) for task_id in task_ids}
        known = {task_id: task for task_id, task in known.items() if task is not None}
        watch = _Watch(ctx, wanted, dict(known), dict.fromkeys(uris, ""))
        watch.marks = marks
        self._open += 1
        try:
            await watch.acknowledge()
            await self._follow(ctx, watch)
        finally:
            self._open -= 1
        return {"_meta": watch.meta}

    async def _follow(self, ctx: Context, watch: "_Watch") -> None:
        caller = caller_of(ctx)
        for task in watch.tasks.values():
            await watch.tell_task(task)
        lists = self._standing.lists(caller)
        while True:
            for uri in watch.uris:
                await self._look_at(caller, watch, uri)
            for task_id, task in list(watch.tasks.items()):
                if task["status"] not in ENDED:
                    await self._look_at_task(caller, watch, task_id)
            await asyncio.sleep(LOOK_SECONDS)
            try:
                assert ctx.request is not None  # noqa: S101 - there is no other transport than HTTP
                caller = Caller(await self._keeper.still(ctx.request, caller.actor.door), caller.lang)
            except DaeriError:
                return
            before, lists = lists, self._standing.lists(caller)
            await watch.tell_lists(before, lists)

    async def _task(self, caller: Caller, task_id: str) -> dict[str, Any] | None:
        try:
            return await self._tasks.get(caller, task_id)
        except DaeriError:
            return None

    async def _mark(self, caller: Caller, task_id: str) -> str:
        try:
            return await self._tasks.mark(caller, task_id)
        except DaeriError:
            return GONE

    async def _look_at_task(self, caller: Caller, watch: "_Watch", task_id: str) -> None:
        mark = await self._mark(caller, task_id)
        before = watch.marks.get(task_id)
        watch.marks[task_id] = mark
        now = await self._task(caller, task_id) if before != mark else None
        if now is not None:
            watch.tasks[task_id] = now
            await watch.tell_task(now)

    async def _look_at(self, caller: Caller, watch: "_Watch", uri: str) -> None:
        seen = await self._standing.mark(caller, uri)
        before, watch.uris[uri] = watch.uris[uri], seen
        if before not in ("", seen):
            params = types.ResourceUpdatedNotificationParams(uri=uri, _meta=watch.meta)
            await watch.tell(types.ResourceUpdatedNotification(params=params))


class _Watch:
    """What one stream watches, and how it speaks."""

    def __init__(
        self, ctx: Context, wanted: types.SubscriptionFilter, tasks: dict[str, Any], uris: dict[str, str]
    ) -> None:
        self._ctx = ctx
        self._wanted = wanted
        self.tasks = tasks
        self.uris = uris
        self.marks: dict[str, str] = {}
        self.meta = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}

    async def acknowledge(self) -> None:
        """Tell what of the wish is heard of here; the list of resources changes only with a restart."""
        more = {"taskIds": list(self.tasks)} if self.tasks else {}
        honored = types.SubscriptionFilter(
            tools_list_changed=True if self._wanted.tools_list_changed else None,
            prompts_list_changed=True if self._wanted.prompts_list_changed else None,
            resource_subscriptions=list(self.uris) or None,
            **more,
        )
        params = types.SubscriptionsAcknowledgedNotificationParams(notifications=honored, _meta=self.meta)
        await self.tell(types.SubscriptionsAcknowledgedNotification(params=params))

    async def tell_lists(self, before: tuple[Any, Any], now: tuple[Any, Any]) -> None:
        """Tell which lists have changed."""
        params = types.NotificationParams(_meta=self.meta)
        if self._wanted.tools_list_changed and before[0] != now[0]:
            await self.tell(types.ToolListChangedNotification(params=params))
        if self._wanted.prompts_list_changed and before[1] != now[1]:
            await self.tell(types.PromptListChangedNotification(params=params))

    async def tell_task(self, task: dict[str, Any]) -> None:
        """Tell how a task stands."""
        await self.tell(TaskNotification(params={**task, "_meta": self.meta}))

    async def tell(self, notification: Any) -> None:
        """Send a notification on this stream."""
        await self._ctx.session.send_notification(notification, related_request_id=self._ctx.request_id)
