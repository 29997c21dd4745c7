"""How does a person ask, and see the answer come about?

The question box and a conversation: each turn is one run with its steps, sources and drafts. Runs are made and kept
by runs/; here they are shown, and the browser follows their events by itself.
"""

import secrets
from collections.abc import Collection
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import IdempotencyMismatch, NotFound
from daeri.operations.company import Company
from daeri.operations.operation import Operation
from daeri.runs.runs import LIST_MAX
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other, spoken
from daeri.wording import Lang

TURNS_MAX: Final = 20
"""A page shows this many turns of a conversation; older ones stay in the run list."""

PAST_MAX: Final = 5
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
        lang, live = visitor.lang, LIVE_HEADER in request.headers
        try:
            run = await runs.create(visitor.signed, question, session_id=session, lang=lang, idempotency_key=key)
        except IdempotencyMismatch:
            # The form was sent before and its answer was lost; now it says something else.
            run = await runs.create(visitor.signed, question, session_id=session, lang=lang)
        if not live:
            await runs.wait(visitor.signed, run["run_id"], PATIENCE_SECONDS, visitor.lang)
        return see_other(f"/ask/{run['session_id']}")

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show a conversation."""
        runs = await self._conversation(visitor, request.path_params["session_id"])
        turns = [await self._turn(visitor, run) for run in runs[-TURNS_MAX:]]
        return await self._page(request, visitor, turns, older=len(runs) > TURNS_MAX)

    async def stop(self, request: Request, visitor: Visitor) -> Response:
        """Cancel a run and go back to its conversation."""
        run = await self._desk.services.runs.cancel(visitor.signed, request.path_params["run_id"])
        return see_other(f"/ask/{run['session_id']}")

    async def _conversation(self, visitor: Visitor, session_id: str) -> list[dict[str, Any]]:
        """Return the runs of a conversation, oldest first; only the newest ones of a very long one."""
        cursor, runs = None, list[dict[str, Any]]()
        while True:
            page = await self._desk.services.runs.page(
                visitor.signed, limit=LIST_MAX, cursor=cursor, session_id=session_id
            )
            runs = [*runs, *page["data"]][-TURNS_MAX - 1 :]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        if not runs:
            raise NotFound
        return runs

    async def _turn(self, visitor: Visitor, run: dict[str, Any]) -> dict[str, Any]:
        """Return a run with the documents it filed, and whether it is still at work."""
        approvals = self._desk.services.approvals
        documents = [await approvals.show(visitor.signed, each, visitor.lang) for each in run["approvals"]]
        return run | {"documents": documents, "live": run["status"] not in SETTLED}

    async def _page(
        self, request: Request, visitor: Visitor, turns: list[dict[str, Any]], *, older: bool = False
    ) -> Response:
        session_id = turns[-1]["session_id"] if turns else ""
        return await self._desk.page(
            request,
            visitor,
            "ask.html",
            turns=turns,
            older=older,
            session_id=session_id,
            key=secrets.token_urlsafe(16),
            starts=[] if turns else self._suggested(visitor),
            past=[] if turns else await self._past(visitor),
            running=next((turn for turn in turns if turn["status"] in {"queued", "running"}), None),
            api=Api(f"/v1/runs/{turns[-1]['run_id']}") if turns else Api("/v1/runs", "POST", '{"input": "…"}'),
        )

    def _suggested(self, visitor: Visitor) -> list[str]:
        door = self._desk.services.door
        permitted = {operation.name for operation in door.operations(visitor.signed)}
        return suggestions(door.company, permitted, visitor.lang)

    async def _past(self, visitor: Visitor) -> list[dict[str, Any]]:
        """Return the latest run of each of the last conversations."""
        page = await self._desk.services.runs.page(visitor.signed, limit=TURNS_MAX)
        latest: dict[str, dict[str, Any]] = {}
        for run in page["data"]:
            latest.setdefault(run["session_id"], run)
        return list(latest.values())[:PAST_MAX]


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
