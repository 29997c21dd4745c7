"""How does each service look as REST? The routes under /v1: decode, call one service, write its answer once.

Every handler is that and no more; who may do what, and what follows, is the services' to decide.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import StaleVersion
from daeri.gateway.bodies import Decided, Nothing, ResultsTold, RunAsked, RunEdited, Withdrawn
from daeri.gateway.conversations import ConversationRoutes
from daeri.gateway.documents import DocumentRoutes
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.events import event_response
from daeri.gateway.files import FileRoutes
from daeri.gateway.lifelines import Lifelines
from daeri.gateway.office import OfficeRoutes
from daeri.gateway.records import RecordRoutes
from daeri.gateway.routes import DOOR, Table, page_answer
from daeri.gateway.services import Services
from daeri.gateway.wire import (
    Query,
    answer,
    fitted,
    idempotency_key,
    language,
    read_object,
    versions,
)
from daeri.operations.approval import Box
from daeri.operations.listing import LIMIT_DEFAULT
from daeri.operations.outcome import Replayed
from daeri.records.actor import Actor

__all__ = ["Table", "rest"]

WAIT_MAX: Final = 60.0
"""Seconds a request is held open at most; proxies give up soon after."""


def rest(services: Services, keeper: Doorkeeper, lines: Lifelines) -> APIRouter:
    """Return the routes of every resource."""
    table = Table(keeper)
    # A path is tried against one route after the other: what is asked for most stands first.
    RecordRoutes(services, keeper).add_to(table)
    OperationRoutes(services).add_to(table)
    RunRoutes(services, keeper, lines).add_to(table)
    ConversationRoutes(services).add_to(table)
    OfficeRoutes(services).add_to(table)  # several documents at once are an address of their own, no document's
    ApprovalRoutes(services).add_to(table)
    DocumentRoutes(services).add_to(table)
    FileRoutes(services).add_to(table)
    return table.router


class RunRoutes:
    """An agent's work: ask, look, listen, stop."""

    def __init__(self, services: Services, keeper: Doorkeeper, lines: Lifelines) -> None:
        """Take the runs, who the listeners are, and what ends their streams before time."""
        self._runs = services.runs
        self._keeper = keeper
        self._lines = lines

    def add_to(self, table: Table) -> None:
        """Put the routes at their paths."""
        table.at("/v1/runs", get=self.page, post=self.create)
        table.at("/v1/runs/{run_id}", get=self.get)
        table.at("/v1/runs/{run_id}/events", get=self.events)
        table.at("/v1/runs/{run_id}/cancel", post=self.cancel)
        table.at("/v1/runs/{run_id}/edit", post=self.edit)
        table.at("/v1/runs/{run_id}/results", post=self.results)

    async def create(self, request: Request, actor: Actor) -> Response:
        """Accept a request to an agent; with ?wait= the answer comes with its end, if that comes in time."""
        wait = Query(request, "wait").seconds("wait", WAIT_MAX)
        asked = fitted(RunAsked, await read_object(request))
        lang = language(request.headers)
        run = await self._runs.create(
            actor,
            asked.input,
            agent=asked.agent,
            session_id=asked.session_id,
            lang=lang,
            idempotency_key=idempotency_key(request),
            terms=asked.terms(),
        )
        if wait:
            run = await self._runs.wait(actor, run["run_id"], wait, lang)
        return answer(run, 202, {"Location": f"/v1/runs/{run['run_id']}"})

    async def page(self, request: Request, actor: Actor) -> Response:
        """List the person's runs."""
        query = Query(request, "limit", "cursor", "session_id")
        page = await self._runs.page(
            actor,
            limit=query.integer("limit", 20),
            cursor=query.text("cursor"),
            session_id=query.text("session_id"),
        )
        return page_answer(request, page)

    async def get(self, request: Request, actor: Actor) -> Response:
        """Show a run; ?wait= holds until it ends or waits for a person."""
        wait = Query(request, "wait").seconds("wait", WAIT_MAX)
        run_id, lang = request.path_params["run_id"], language(request.headers)
        if wait:
            return answer(await self._runs.wait(actor, run_id, wait, lang))
        return answer(await self._runs.get(actor, run_id, lang))

    async def events(self, request: Request, actor: Actor) -> Response:
        """Stream a run's events."""
        credential = self._keeper.credential(request, DOOR)
        return await event_response(request, self._runs, actor, request.path_params["run_id"], self._lines, credential)

    async def cancel(self, request: Request, actor: Actor) -> Response:
        """Stop a run."""
        Query(request)
        fitted(Nothing, await read_object(request))
        return answer(await self._runs.cancel(actor, request.path_params["run_id"], language(request.headers)))

    async def edit(self, request: Request, actor: Actor) -> Response:
        """Ask a turn again in other words; with ?wait= the answer comes with its end, if that comes in time."""
        wait = Query(request, "wait").seconds("wait", WAIT_MAX)
        edited = fitted(RunEdited, await read_object(request))
        run_id, lang, key = request.path_params["run_id"], language(request.headers), idempotency_key(request)
        run = await self._runs.edit(actor, run_id, edited.input, lang=lang, idempotency_key=key)
        if wait:
            run = await self._runs.wait(actor, run["run_id"], wait, lang)
        return answer(run, 202, {"Location": f"/v1/runs/{run['run_id']}"})

    async def results(self, request: Request, actor: Actor) -> Response:
        """Tell what the caller's functions returned; with ?wait= the answer comes with the run's end or next wait."""
        wait = Query(request, "wait").seconds("wait", WAIT_MAX)
        told = fitted(ResultsTold, await read_object(request))
        run_id, lang = request.path_params["run_id"], language(request.headers)
        run = await self._runs.returned(actor, run_id, told.of(run_id), lang)
        if wait:
            run = await self._runs.wait(actor, run_id, wait, lang)
        return answer(run, 202, {"Location": f"/v1/runs/{run_id}"})


class OperationRoutes:
    """What the company can do: list, describe, call."""

    def __init__(self, services: Services) -> None:
        """Take the single door."""
        self._door = services.door

    def add_to(self, table: Table) -> None:
        """Put the routes at their paths."""
        table.at("/v1/ops", get=self.page)
        table.at("/v1/ops/{name}", get=self.describe, post=self.call)

    async def page(self, request: Request, actor: Actor) -> Response:
        """List the operations the caller may use."""
        Query(request)
        lang = language(request.headers)
        data = [operation.body(lang) for operation in self._door.operations(actor)]
        return answer({"data": data, "next_cursor": None, "has_more": False})

    async def describe(self, request: Request, actor: Actor) -> Response:
        """Describe one operation."""
        Query(request)
        operation = self._door.operation(actor, request.path_params["name"])
        return answer(operation.body(language(request.headers)))

    async def call(self, request: Request, actor: Actor) -> Response:
        """Call an operation, or with ?dry_run=true only tell what it would do."""
        dry = Query(request, "dry_run").flag("dry_run")
        arguments, key = await read_object(request), idempotency_key(request)
        name, lang = request.path_params["name"], language(request.headers)
        if dry:
            return answer((await self._door.dry_run(actor, name, arguments, lang=lang)).body(lang))
        outcome = await self._door.call(actor, name, arguments, lang=lang, idempotency_key=key)
        body = outcome.body(lang)
        headers = {"Idempotency-Replayed": "true"} if isinstance(outcome, Replayed) else {}
        if (
            "." not in name and "__" not in name and "result" in body
        ):  # `query` answers with its table, as SQL clients expect
            body = body["result"]
        if "age" in body:  # RFC 9111's own word for it
            headers["Age"] = str(body["age"])
        if "approval_id" in body:
            headers["Location"] = f"/v1/approvals/{body['approval_id']}"
        return answer(body, outcome.status, headers)


class ApprovalRoutes:
    """Approval documents: the boxes, a document, the decisions."""

    def __init__(self, services: Services) -> None:
        """Take the approvals."""
        self._approvals = services.approvals
        self._directory = services.office.directory

    def add_to(self, table: Table) -> None:
        """Put the routes at their paths."""
        table.at("/v1/approvals", get=self.box)
        table.at("/v1/approvals/{approval_id}", get=self.show)
        table.at("/v1/approvals/{approval_id}/decisions", post=self.decide)
        table.at("/v1/approvals/{approval_id}/withdraw", post=self.withdraw)

    async def box(self, request: Request, actor: Actor) -> Response:
        """List one box."""
        query = Query(request, "box", "limit", "cursor")
        page = await self._approvals.box(
            actor,
            # The service itself refuses names of boxes that it does not have.
            cast("Box", query.word("box") or "waiting"),
            limit=query.integer("limit", LIMIT_DEFAULT),
            cursor=query.text("cursor"),
            lang=language(request.headers),
        )
        return page_answer(request, page)

    async def show(self, request: Request, actor: Actor) -> Response:
        """Show a document."""
        Query(request)
        body = await self._approvals.show(actor, request.path_params["approval_id"], language(request.headers))
        return answer(body, headers=_tagged(body))

    async def decide(self, request: Request, actor: Actor) -> Response:
        """Approve, reject, or whatever else the form allows."""
        Query(request)
        decided = fitted(Decided, await read_object(request))
        approval_id, lang = request.path_params["approval_id"], language(request.headers)
        version = await self._version(request, actor)
        more = await decided.more(self._directory, actor)
        body = await self._approvals.decide(
            actor, approval_id, decided.decision, decided.comment, version=version, lang=lang, more=more
        )
        return answer(body, headers=_tagged(body))

    async def withdraw(self, request: Request, actor: Actor) -> Response:
        """Take one's own document back."""
        Query(request)
        withdrawn = fitted(Withdrawn, await read_object(request))
        approval_id, lang = request.path_params["approval_id"], language(request.headers)
        version = await self._version(request, actor)
        body = await self._approvals.withdraw(actor, approval_id, withdrawn.comment, version=version, lang=lang)
        return answer(body, headers=_tagged(body))

    async def _version(self, request: Request, actor: Actor) -> int | None:
        """Return the version that If-Match names, which the service compares when it writes."""
        named = versions(request.headers.get("if-match"))
        if named is None:
            return None
        if len(named) == 1 and re.fullmatch(r"\d{1,18}", named[0], re.ASCII):
            return int(named[0])
        present = (await self._approvals.show(actor, request.path_params["approval_id"]))["version"]
        if str(present) not in named:
            raise StaleVersion
        return int(present)


def _tagged(body: Mapping[str, Any]) -> dict[str, str]:
    return {"ETag": f'"{body["version"]}"'}
