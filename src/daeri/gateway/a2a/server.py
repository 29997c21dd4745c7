"""What does A2A answer? The SDK's routes, in both bindings, over a request handler of ours.

A message in words is a request to the company's agent and becomes a run; a message with a data part that names an
operation calls it. This file imports the SDK; only `mount.py` loads it, at the first request.
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from typing import Any, Final, TypeVar, cast

from a2a.server.context import ServerCallContext
from a2a.server.events.event_queue import Event
from a2a.server.request_handlers.request_handler import RequestHandler, validate_request_params
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.routes.common import ServerCallContextBuilder
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import (
    A2AError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from google.protobuf.json_format import MessageToDict, ParseDict
from starlette.applications import Starlette
from starlette.requests import Request

from daeri.clock import rfc3339
from daeri.errors import Conflict, DaeriError, FieldError, InvalidRequest, NotFound, ValidationFailed
from daeri.gateway.a2a import render
from daeri.gateway.a2a.card import PATH, card
from daeri.gateway.a2a.pushing import Pushing
from daeri.gateway.delivery import Deliverer
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.lifelines import LOOK_SECONDS as RECHECK_SECONDS
from daeri.gateway.services import Services
from daeri.operations.outcome import Done, Held, Replayed
from daeri.wording import Text

T = TypeVar("T")

WAIT_SECONDS: Final = 60.0
"""How long a message that wants its end waits for it; then the task is told as it stands."""
PAGE: Final = 50
PAGE_MAX: Final = 100
WORDS: Final = frozenset({"text/plain", "text/markdown", ""})

_FINISHED: Final = Text(
    "이미 끝난 작업이에요. 같은 contextId로 새 메시지를 보내 주세요",
    "This task has ended; send a new message in its context",
)
_PEOPLE: Final = Text(
    "사람의 결재를 기다리는 작업이에요. 메시지로는 결재할 수 없어요",
    "This task waits for people's approval, which no message can give",
)
_EMPTY: Final = Text("텍스트나 작업이 있어야 해요", "A message needs words, or an operation in a data part")


class Context(ServerCallContextBuilder):
    """Hands on who calls, as the door has noted."""

    def build(self, request: Request) -> ServerCallContext:
        """Return the context of a request."""
        return ServerCallContext(
            state={
                "caller": request.scope["state"]["caller"],
                "request": request,
                "headers": dict(request.headers),  # where the SDK looks for the version
            }
        )


class Handler(RequestHandler):
    """Answers every method of both bindings."""

    def __init__(self, services: Services, keeper: Doorkeeper, deliverer: Deliverer, version: str) -> None:
        """Take the services, who checks again whether a listener may go on, who sends news, and the version."""
        self._runs = services.runs
        self._approvals = services.approvals
        self._door = services.door
        self._pushing = Pushing(services, deliverer)
        self._clock = services.clock
        self._keeper = keeper
        self._version = version

    @validate_request_params
    async def on_message_send(self, params: pb.SendMessageRequest, context: ServerCallContext) -> pb.Task | pb.Message:
        """Answer a message: with the end of the work, or at once where that is asked for."""
        caller = _caller(context)
        call = _operation_in(params.message)
        if call is not None:
            return await _told(self._call(caller, params.message, *call))
        run = await _told(self._begin(caller, params, context))
        if not params.configuration.return_immediately:
            run = await _told(self._runs.wait(caller.actor, run["run_id"], WAIT_SECONDS, caller.lang))
        return render.task_of_run(run, _history(params.configuration))

    @validate_request_params
    async def on_message_send_stream(
        self, params: pb.SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Answer a message with each event, until the work ends or waits for people."""
        caller = _caller(context)
        call = _operation_in(params.message)
        if call is not None:
            yield await _told(self._call(caller, params.message, *call))
            return
        run = await _told(self._begin(caller, params, context))
        yield render.task_of_run(run, _history(params.configuration))
        async with aclosing(self._followed(context, run, parks=True)) as updates:
            async for update in updates:
                yield update

    @validate_request_params
    async def on_subscribe_to_task(
        self, params: pb.SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        """Tell the events of a task from its first on, and stay until its end, however long people take."""
        caller = _caller(context)
        run = await _told(self._runs.get(caller.actor, params.id, caller.lang))
        if render.OF_RUN[run["status"]] in render.ENDED:
            raise UnsupportedOperationError(message=_FINISHED.to(caller.lang))
        yield render.task_of_run(run)
        async with aclosing(self._followed(context, run, parks=False)) as updates:
            async for update in updates:
                yield update

    @validate_request_params
    async def on_get_task(self, params: pb.GetTaskRequest, context: ServerCallContext) -> pb.Task | None:
        """Show a task."""
        caller = _caller(context)
        if params.id.startswith("apr_"):
            document = await _told(self._approvals.show(caller.actor, params.id, caller.lang))
            return render.task_of_approval(document, caller.lang)
        run = await _told(self._runs.get(caller.actor, params.id, caller.lang))
        return render.task_of_run(run, params.history_length if params.HasField("history_length") else None)

    @validate_request_params
    async def on_list_tasks(self, params: pb.ListTasksRequest, context: ServerCallContext) -> pb.ListTasksResponse:
        """List the caller's tasks, newest first."""
        caller = _caller(context)
        size = params.page_size or PAGE
        if not 1 <= size <= PAGE_MAX:
            raise InvalidParamsError(message=f"pageSize is 1 to {PAGE_MAX}")
        found: list[dict[str, Any]] = []
        cursor, more, session_id = params.page_token or None, True, params.context_id or None
        while more and len(found) < size:
            page = await _told(
                self._runs.page(caller.actor, limit=size - len(found), cursor=cursor, session_id=session_id)
            )
            found += [run for run in page["data"] if params.status in (0, render.OF_RUN[run["status"]])]
            cursor, more = page["next_cursor"], page["has_more"]
        history = params.history_length if params.HasField("history_length") else 0
        tasks = [render.task_of_run(run, history) for run in found]
        # There is no exact total without counting every run; it is at least this many.
        return pb.ListTasksResponse(
            tasks=tasks, next_page_token=cursor if more and cursor else "", page_size=size, total_size=len(tasks) + more
        )

    @validate_request_params
    async def on_cancel_task(self, params: pb.CancelTaskRequest, context: ServerCallContext) -> pb.Task | None:
        """Stop a run, or take a document back before anyone has decided."""
        caller = _caller(context)
        try:
            if params.id.startswith("apr_"):
                document = await self._approvals.withdraw(caller.actor, params.id, lang=caller.lang)
                return render.task_of_approval(document, caller.lang)
            return render.task_of_run(await self._runs.cancel(caller.actor, params.id, caller.lang))
        except Conflict as error:
            raise TaskNotCancelableError(_words(error, caller), error.problem(caller.lang)) from None
        except DaeriError as error:
            raise _error(error, caller) from None

    @validate_request_params
    async def on_create_task_push_notification_config(
        self, params: pb.TaskPushNotificationConfig, context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        """Note where a task's changes are to be sent."""
        return await _told(self._pushing.create(_caller(context), params), context)

    @validate_request_params
    async def on_get_task_push_notification_config(
        self, params: pb.GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        """Show where they are sent."""
        return await _told(self._pushing.get(_caller(context), params.task_id, params.id), context)

    @validate_request_params
    async def on_list_task_push_notification_configs(
        self, params: pb.ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> pb.ListTaskPushNotificationConfigsResponse:
        """List where they are sent."""
        configs = await _told(self._pushing.all(_caller(context), params.task_id), context)
        return pb.ListTaskPushNotificationConfigsResponse(configs=configs)

    @validate_request_params
    async def on_delete_task_push_notification_config(
        self, params: pb.DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        """Send them there no more."""
        await _told(self._pushing.delete(_caller(context), params.task_id, params.id), context)

    async def on_get_extended_agent_card(
        self, params: pb.GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> pb.AgentCard:
        """Introduce the agent to whom calls: with the skills that they may use."""
        del params
        caller = _caller(context)
        operations = self._door.operations(caller.actor)
        base = self._keeper.base(context.state["request"])
        told: pb.AgentCard = ParseDict(
            card(self._door.company, operations, base, self._version, caller.lang), pb.AgentCard()
        )
        return told

    async def _begin(self, caller: Caller, params: pb.SendMessageRequest, context: ServerCallContext) -> dict[str, Any]:
        message = params.message
        if message.task_id:
            run = await self._runs.get(caller.actor, message.task_id, caller.lang)
            ended = render.OF_RUN[run["status"]] in render.ENDED
            raise UnsupportedOperationError(message=(_FINISHED if ended else _PEOPLE).to(caller.lang))
        words = "\n".join(part.text for part in message.parts if part.HasField("text"))
        if not words.strip():
            raise ValidationFailed(_EMPTY, errors=[FieldError("/message/parts", _EMPTY)])
        run = await self._runs.create(
            caller.actor,
            words,
            agent=context.tenant or None,
            session_id=message.context_id or None,
            lang=caller.lang,
            idempotency_key=f"a2a:{message.message_id}"[:255],
        )
        push = params.configuration.task_push_notification_config
        if push.url:
            push.task_id = run["run_id"]
            await self._pushing.create(caller, push)
        return run

    async def _call(
        self, caller: Caller, message: pb.Message, name: str, arguments: Mapping[str, Any]
    ) -> pb.Task | pb.Message:
        """Call an operation; a refusal is the agent's answer, with the problem of every door as its data."""
        reply, context_id = f"{message.message_id}-answer", message.context_id
        try:
            outcome = await self._door.call(
                caller.actor, name, arguments, lang=caller.lang, idempotency_key=f"a2a:{message.message_id}"[:255]
            )
        except DaeriError as error:
            problem = error.problem(caller.lang, caller.request_id)
            return render.answer_of({"problem": problem}, problem["detail"], reply, context_id)
        body = outcome.body(caller.lang)
        if isinstance(outcome, Held) or (isinstance(outcome, Replayed) and "approval_id" in body):
            return render.task_of_held(body, rfc3339(self._clock.now()), caller.lang)
        say = outcome.say if isinstance(outcome, Done) else body.get("say")
        return render.answer_of(body, say, reply, context_id)

    async def _followed(
        self, context: ServerCallContext, run: Mapping[str, Any], *, parks: bool
    ) -> AsyncGenerator[Event]:
        """Yield a run's events to its end; with `parks`, to where it waits. A credential that was revoked ends it."""
        caller, run_id, checked = _caller(context), run["run_id"], time.monotonic()
        held: dict[str, Any] | None = None
        events = cast("AsyncGenerator[dict[str, Any] | None]", self._runs.events(caller.actor, run_id))
        async with aclosing(events) as sequence:
            async for event in sequence:
                if time.monotonic() - checked > RECHECK_SECONDS:
                    if not await self._still(context):
                        return
                    checked = time.monotonic()
                if event is None or event["type"] in ("run.started", "stream.end"):
                    continue
                if not event["type"].startswith("run."):
                    held = event if event["type"] == "approval.requested" else held
                    yield render.update_of(event, run)
                    continue
                now = (
                    run
                    if event["type"] in render.ON_THE_WAY
                    else await self._runs.get(caller.actor, run_id, caller.lang)
                )
                yield render.status_update(now, event, held, caller.lang)
                if parks and event["type"] == "run.waiting":
                    return

    async def _still(self, context: ServerCallContext) -> bool:
        try:
            await self._keeper.still(context.state["request"], _caller(context).actor.door)
        except DaeriError:
            return False
        return True


async def _told(work: Awaitable[T], context: ServerCallContext | None = None) -> T:
    """Do something, and tell what goes wrong in the protocol's words."""
    try:
        return await work
    except DaeriError as error:
        raise _error(error, _caller(context) if context is not None else None) from None


def _error(error: DaeriError, caller: Caller | None) -> A2AError:
    lang = caller.lang if caller is not None else "ko"
    problem = error.problem(lang)
    if isinstance(error, NotFound):
        return TaskNotFoundError(problem["detail"], problem)
    if isinstance(error, ValidationFailed | InvalidRequest):
        # The SDK reads `errors` its own way, so they go by another name.
        return InvalidParamsError(problem["detail"], {**problem, "errors": None, "fields": problem["errors"]})
    return UnsupportedOperationError(problem["detail"], problem)


def _words(error: DaeriError, caller: Caller) -> str:
    return str(error.problem(caller.lang)["detail"])


def _caller(context: ServerCallContext) -> Caller:
    caller: Caller = context.state["caller"]
    return caller


def _history(configuration: pb.SendMessageConfiguration) -> int | None:
    return configuration.history_length if configuration.HasField("history_length") else None


def _operation_in(message: pb.Message) -> tuple[str, dict[str, Any]] | None:
    """Return the operation that a data part names, with its arguments."""
    for part in message.parts:
        value = MessageToDict(part.data) if part.HasField("data") else None
        if isinstance(value, dict) and isinstance(value.get("operation"), str):
            arguments = value.get("arguments") or {}
            return value["operation"], _whole(arguments if isinstance(arguments, dict) else {})
    return None


def _whole(value: Any) -> Any:
    """Return numbers as they were sent: protobuf knows only one kind, so 12 comes as 12.0."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def application(services: Services, keeper: Doorkeeper, deliverer: Deliverer, version: str) -> Starlette:
    """Put the routes of both bindings together."""
    handler, context = Handler(services, keeper, deliverer, version), Context()
    return Starlette(
        routes=[
            *create_jsonrpc_routes(handler, PATH, context),
            *create_rest_routes(handler, context, path_prefix=PATH),
        ]
    )
