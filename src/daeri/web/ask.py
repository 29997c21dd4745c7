"""How does a person ask, and see the answer come about?

The question box and a conversation: each turn is one run with its steps, sources and drafts. Runs are made and kept
by runs/; here they are shown, and the browser follows their events by itself.
"""

import secrets
from collections.abc import Collection, Sequence
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import IdempotencyMismatch
from daeri.operations.company import Company
from daeri.operations.operation import Operation
from daeri.runs.journal import AT_WORK
from daeri.runs.runs import LIST_MAX
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other, spoken
from daeri.wording import Lang

TURNS_MAX: Final = 20
"""A page shows this many turns of a conversation; older ones stay in the run list."""

PAST_MAX: Final = 20
STARTS: Final = 4
PATIENCE_SECONDS: Final = 8.0
"""A browser without JavaScript waits this long for an answer before it gets the page of a run still at work."""

LIVE_HEADER: Final = "x-daeri-live"
SETTLED: Final = frozenset({"succeeded", "failed", "cancelled", "expired"})


class Ask:
    """The question box and conversations."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, "/ask", self.show_new)
        self._desk.add(router, "/ask", self.send, methods=["POST"])
        self._desk.add(router, "/ask/{session_id}", self.show)
        for act in (self.rename, self.delete, self.fork):
            self._desk.add(router, f"/ask/{{session_id}}/{act.__name__}", act, methods=["POST"])
        self._desk.add(router, "/runs/{run_id}/edit", self.edit, methods=["POST"])
        self._desk.add(router, "/runs/{run_id}/cancel", self.stop, methods=["POST"])

    async def show_new(self, request: Request, visitor: Visitor) -> Response:
        """Show an empty conversation with what one could ask, and earlier conversations."""
        return await self._page(request, visitor, [])

    async def send(self, request: Request, visitor: Visitor) -> Response:
        """Start a run for the question and lead to its conversation."""
        form = await request.form()
        question, session = forms.field(form, "input"), forms.field(form, "session_id") or None
        if not question:
            return see_other(f"/ask/{session}" if session else "/ask")
        runs = self._desk.services.runs
        key = forms.field(form, "key") or None
        live, who = LIVE_HEADER in request.headers, visitor.signed
        asked: Any = {"session_id": session, "agent": forms.field(form, "agent") or None, "lang": visitor.lang}
        try:
            run = await runs.create(who, question, **asked, idempotency_key=key)
        except IdempotencyMismatch:
            # The form was sent before and its answer was lost; now it says something else.
            run = await runs.create(who, question, **asked)
        if not live:
            await runs.wait(visitor.signed, run["run_id"], PATIENCE_SECONDS, visitor.lang)
        return see_other(f"/ask/{run['session_id']}")

    async def edit(self, request: Request, visitor: Visitor) -> Response:
        """Ask a turn again in other words."""
        runs, form, run_id = self._desk.services.runs, await request.form(), request.path_params["run_id"]
        run = await runs.edit(visitor.signed, run_id, forms.field(form, "input"), lang=visitor.lang)
        if LIVE_HEADER not in request.headers:
            await runs.wait(visitor.signed, run["run_id"], PATIENCE_SECONDS, visitor.lang)
        return see_other(f"/ask/{run['session_id']}")

    async def rename(self, request: Request, visitor: Visitor) -> Response:
        """Call a conversation otherwise."""
        session_id, title = request.path_params["session_id"], forms.field(await request.form(), "title")
        await self._desk.services.runs.conversations.rename(visitor.signed, session_id, title, visitor.lang)
        return see_other(f"/ask/{session_id}")

    async def delete(self, request: Request, visitor: Visitor) -> Response:
        """Delete a conversation."""
        await self._desk.services.runs.conversations.delete(visitor.signed, request.path_params["session_id"])
        return see_other("/ask")

    async def fork(self, request: Request, visitor: Visitor) -> Response:
        """Begin a conversation with a copy of the turns so far."""
        session_id, until = request.path_params["session_id"], forms.field(await request.form(), "run_id") or None
        fork = await self._desk.services.runs.conversations.fork(visitor.signed, session_id, until, visitor.lang)
        return see_other(f"/ask/{fork['session_id']}")

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show a conversation."""
        session_id = request.path_params["session_id"]
        conversation = await self._desk.services.runs.conversations.get(visitor.signed, session_id, visitor.lang)
        runs, replaced = await self._conversation(visitor, session_id)
        turns = [await self._turn(visitor, run) for run in runs[-TURNS_MAX:]]
        return await self._page(
            request, visitor, turns, older=len(runs) > TURNS_MAX, replaced=replaced, conversation=conversation
        )

    async def stop(self, request: Request, visitor: Visitor) -> Response:
        """Cancel a run and go back to its conversation."""
        run = await self._desk.services.runs.cancel(visitor.signed, request.path_params["run_id"])
        return see_other(f"/ask/{run['session_id']}")

    async def _conversation(
        self, visitor: Visitor, session_id: str
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the runs of a conversation and those that were asked again, oldest first; the newest of very many."""
        cursor, runs, replaced = None, list[dict[str, Any]](), list[dict[str, Any]]()
        while True:
            page = await self._desk.services.runs.page(
                visitor.signed, limit=LIST_MAX, cursor=cursor, session_id=session_id
            )
            runs = [*runs, *(run for run in page["data"] if run["replaced_by"] is None)][-TURNS_MAX - 1 :]
            replaced = [*replaced, *(run for run in page["data"] if run["replaced_by"] is not None)][-TURNS_MAX:]
            cursor = page["next_cursor"]
            if cursor is None:
                return runs, replaced

    async def _turn(self, visitor: Visitor, run: dict[str, Any]) -> dict[str, Any]:
        """Return a run with the documents it filed, and whether it is still at work."""
        approvals = self._desk.services.approvals
        documents = [await approvals.show(visitor.signed, each, visitor.lang) for each in run["approvals"]]
        return run | {"documents": documents, "live": run["status"] not in SETTLED}

    async def _page(
        self,
        request: Request,
        visitor: Visitor,
        turns: list[dict[str, Any]],
        *,
        older: bool = False,
        replaced: Sequence[dict[str, Any]] = (),
        conversation: dict[str, Any] | None = None,
    ) -> Response:
        sought = request.query_params.get("q", "").strip()
        past = None if conversation is not None else await self._past(visitor, request, sought)
        return await self._desk.page(
            request,
            visitor,
            "ask.html",
            turns=turns,
            older=older,
            replaced=replaced,
            conversation=conversation,
            session_id=conversation["session_id"] if conversation is not None else "",
            agents=[] if conversation is not None else self._desk.services.door.company.agents_for(visitor.signed),
            key=secrets.token_urlsafe(16),
            starts=[] if conversation is not None else self._suggested(visitor),
            past=past,
            sought=sought,
            running=next((turn for turn in turns if turn["status"] in AT_WORK), None),
            api=Api(f"/v1/runs/{turns[-1]['run_id']}") if turns else Api("/v1/runs", "POST", '{"input": "…"}'),
        )

    def _suggested(self, visitor: Visitor) -> list[str]:
        door = self._desk.services.door
        permitted = {operation.name for operation in door.operations(visitor.signed)}
        return suggestions(door.company, permitted, visitor.lang)

    async def _past(self, visitor: Visitor, request: Request, sought: str) -> dict[str, Any]:
        """Return the last conversations, or those that hold what is sought."""
        return await self._desk.services.runs.conversations.page(
            visitor.signed,
            search=sought,
            limit=PAST_MAX,
            cursor=request.query_params.get("cursor"),
            lang=visitor.lang,
        )


def suggestions(company: Company, permitted: Collection[str], lang: Lang) -> list[str]:
    """Choose example questions this person may ask: the main question of each of four subjects.

    Questions only: a tile asks as soon as it is pressed, and nobody files a document by looking at examples. What a
    company gave the most examples for is what people there ask the most; of equals, what it declared last.
    Returns at most four, in the reader's language.
    """
    main = []
    for catalog in company.catalogs:
        own = [item for item in catalog.operations.values() if item.name in permitted]
        own = [item for item in own if item.effect == "read" and spoken(item.examples, lang)]
        main += [max(reversed(own), key=_exemplified)] if own else []
    chosen = sorted(main, key=_exemplified, reverse=True)[:STARTS]
    return [spoken(item.examples, lang)[0] for item in chosen]


def _exemplified(operation: Operation) -> int:
    return len(operation.examples)
