"""How does a client ask an agent over MCP? runs.create: as a task, with progress, or asking its person back.

A client that follows tasks gets the run's id at once and the run outlives it. One that waits for the answer hears of
each step, and stops the run by closing the stream, as the protocol has it; a server that goes down stops nothing.
"""

import asyncio
from typing import Any, Final

import anyio
import mcp_types as types

from daeri.canonical import digest
from daeri.errors import DaeriError, InvalidRequest, NotFound
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp.results import Result, of_body
from daeri.gateway.mcp.tasks import created, of_run, said
from daeri.gateway.mcp.tools import Asked
from daeri.gateway.mcp.wire import Context, asks_people, caller_of, declares_tasks, key_of
from daeri.gateway.services import Services
from daeri.gateway.wire import fitted
from daeri.runs.journal import AT_WORK
from daeri.wording import Lang, Text

CHOICE: Final = "choice"
_CHOOSE: Final = Text("고르기", "Choose")
TOLD: Final = frozenset({"run.started", "run.waiting", "step.started", "tool.started", "message.completed"})
"""The events that say what is going on; the others say that what was said is over."""
_NOT_OURS: Final = Text("이 질문에 대한 답이 아니에요", "This answers no question of ours")


class Asking:
    """Runs of an agent, for a client that waits or comes back."""

    def __init__(self, services: Services) -> None:
        """Take the runs."""
        self._runs = services.runs

    async def ask(self, ctx: Context, params: types.CallToolRequestParams) -> Result:
        """Start a run, or go on from a question that was answered."""
        caller, asked, key = caller_of(ctx), fitted(Asked, params.arguments or {}), key_of(ctx)
        if params.request_state is not None:
            # A client that repeats its call with an answer repeats its key too, and what it asks now is another run.
            key = digest([key, params.request_state]) if key is not None else None
            answered = await self._answered(caller, params, asked)
            if isinstance(answered, dict):
                return answered
            asked = answered
        run = await self._runs.create(
            caller.actor,
            asked.input,
            agent=asked.agent,
            session_id=asked.session_id,
            lang=caller.lang,
            idempotency_key=key,
        )
        if declares_tasks(ctx):
            return created(of_run(run, caller.lang))
        run = await self._followed(ctx, caller, run["run_id"], asked.wait)
        if asks_people(ctx) and _asks_back(run):
            return _question(run, caller.lang)
        return _told(run)

    async def _answered(
        self, caller: Caller, params: types.CallToolRequestParams, asked: Asked
    ) -> Asked | dict[str, Any]:
        """Return the request that a person has chosen; where they chose none, the run that asked.

        Raises:
            InvalidRequest: the state is not the id of a run of the caller's, or the answer none of its choices.
        """
        try:
            run = await self._runs.get(caller.actor, params.request_state or "", caller.lang)
        except NotFound:
            raise InvalidRequest(_NOT_OURS) from None
        given = (params.input_responses or {}).get(CHOICE)
        content = given.content if isinstance(given, types.ElicitResult) and given.action == "accept" else None
        if content is None:
            return _told(run)
        inputs = {choice["label"]: choice["input"] for choice in run["choices"]}
        chosen = inputs.get(str(content.get(CHOICE)))
        if chosen is None:
            raise InvalidRequest(_NOT_OURS)
        return asked.model_copy(update={"input": chosen, "session_id": run["session_id"], "agent": run["agent"]})

    async def _followed(self, ctx: Context, caller: Caller, run_id: str, seconds: float) -> dict[str, Any]:
        try:
            if (ctx.meta or {}).get("progress_token") is not None:
                await self._tell(ctx, caller, run_id, seconds)
                seconds = 0
            return await self._runs.wait(caller.actor, run_id, seconds, caller.lang)
        except asyncio.CancelledError:
            if ctx.request is not None and ctx.request.scope["state"].get("gone"):
                with anyio.CancelScope(shield=True):
                    await self._stop(caller, run_id)
            raise

    async def _tell(self, ctx: Context, caller: Caller, run_id: str, seconds: float) -> None:
        """Report what goes on until the run ends or waits."""
        assert ctx.request is not None  # noqa: S101 - there is no other transport than HTTP
        state = ctx.request.scope["state"]
        before = state.get("told", 0)  # a request that asked its client goes on with another run, and never backwards
        with anyio.move_on_after(seconds):
            async for event in self._runs.events(caller.actor, run_id):
                if event is None or event["type"] not in TOLD:
                    continue
                state["told"] = before + event["seq"]
                await ctx.session.report_progress(float(state["told"]), message=_words(event))
                if event["type"] == "run.waiting":
                    return

    async def _stop(self, caller: Caller, run_id: str) -> None:
        try:
            run = await self._runs.get(caller.actor, run_id, caller.lang)
            if run["status"] in AT_WORK:
                await self._runs.cancel(caller.actor, run_id, caller.lang)
        except DaeriError:
            return  # it ended in the meantime, or the caller lost the right to stop it


def _told(run: dict[str, Any]) -> Result:
    return of_body(run, said(run), error=run["status"] in ("failed", "cancelled", "expired"))


def _asks_back(run: dict[str, Any]) -> bool:
    """Say whether a run ended with a question; choices beside an answer only suggest what to ask next."""
    last = run["steps"][-1] if run["steps"] else {}
    return bool(run["choices"]) and last.get("kind") == "answer" and last["output"].get("kind") == "question"


def _question(run: dict[str, Any], lang: Lang) -> Result:
    """Ask the client's person to choose; the state is the run's id, which only its owner can use."""
    labels = [choice["label"] for choice in run["choices"]]
    schema = {
        "type": "object",
        "properties": {CHOICE: {"type": "string", "title": _CHOOSE.to(lang), "enum": labels}},
        "required": [CHOICE],
    }
    asked = {"mode": "form", "message": run["answer"], "requestedSchema": schema}
    return {
        "resultType": "input_required",
        "inputRequests": {CHOICE: {"method": "elicitation/create", "params": asked}},
        "requestState": run["run_id"],
    }


def _words(event: dict[str, Any]) -> str:
    """Word an event in a line."""
    told = event.get("text") or event.get("summary") or event.get("name")
    return f"{event['type']}: {told}" if told else str(event["type"])
