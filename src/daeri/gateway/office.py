"""How does what stands around the approvals look as REST? Drafts, absences, standing consents, tables, bulk approval.

As everywhere here: decode, call one service, write its answer once. Descriptions of the routes are in
office_endpoints.py, bodies in office_bodies.py.
"""

from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import FieldError, ValidationFailed
from daeri.gateway.bodies import Nothing
from daeri.gateway.office_bodies import AbsenceSet, ConsentGiven, DraftChanged, DraftSaved, SeveralApproved
from daeri.gateway.routes import Table
from daeri.gateway.services import Services
from daeri.gateway.wire import Query, answer, fitted, idempotency_key, language, read_object
from daeri.operations.outcome import Replayed
from daeri.records.actor import Actor
from daeri.wording import Text


class OfficeRoutes:
    """The services beside the approvals."""

    def __init__(self, services: Services) -> None:
        """Take them."""
        self._office = services.office

    def add_to(self, table: Table) -> None:
        """Put the routes at their paths; before those of one approval, whose id would match anything."""
        table.at("/v1/approvals/several", post=self.approve_several)
        table.at("/v1/approvals/{approval_id}/redraft", post=self.redraft)
        table.at("/v1/drafts", get=self.drafts, post=self.save)
        table.at("/v1/drafts/{draft_id}", get=self.draft, patch=self.change, delete=self.discard)
        table.at("/v1/drafts/{draft_id}/file", post=self.file)
        table.at("/v1/absences", get=self.absences, post=self.set_absence)
        table.at("/v1/absences/{absence_id}/end", post=self.end_absence)
        table.at("/v1/consents", get=self.consents, post=self.give)
        table.at("/v1/consents/{consent_id}/revoke", post=self.revoke)
        table.at("/v1/delegations", get=self.delegations)
        table.at("/v1/delegations/{name}", get=self.delegation)

    async def approve_several(self, request: Request, actor: Actor) -> Response:
        """Approve several documents of one kind."""
        Query(request)
        sent = fitted(SeveralApproved, await read_object(request))
        lang = language(request.headers)
        return answer(listed(await self._office.several.approve(actor, sent.versions(), sent.comment, lang)))

    async def redraft(self, request: Request, actor: Actor) -> Response:
        """Begin a draft with what stood in a document that was rejected or withdrawn."""
        Query(request)
        fitted(Nothing, await read_object(request))
        lang = language(request.headers)
        return _made(await self._office.drafts.again(actor, request.path_params["approval_id"], lang))

    async def drafts(self, request: Request, actor: Actor) -> Response:
        """List one's drafts."""
        Query(request)
        return answer(listed(await self._office.drafts.mine(actor, language(request.headers))))

    async def save(self, request: Request, actor: Actor) -> Response:
        """Keep a draft."""
        Query(request)
        sent = fitted(DraftSaved, await read_object(request))
        lang = language(request.headers)
        return _made(await self._office.drafts.save(actor, sent.operation, sent.arguments, lang=lang))

    async def draft(self, request: Request, actor: Actor) -> Response:
        """Show a draft."""
        Query(request)
        return answer(await self._office.drafts.get(actor, request.path_params["draft_id"], language(request.headers)))

    async def change(self, request: Request, actor: Actor) -> Response:
        """Write over what a draft says."""
        Query(request)
        sent = fitted(DraftChanged, await read_object(request))
        draft_id, lang = request.path_params["draft_id"], language(request.headers)
        return answer(await self._office.drafts.rewrite(actor, draft_id, sent.arguments, lang))

    async def discard(self, request: Request, actor: Actor) -> Response:
        """Throw a draft away."""
        Query(request)
        await self._office.drafts.drop(actor, request.path_params["draft_id"])
        return Response(status_code=204)

    async def file(self, request: Request, actor: Actor) -> Response:
        """File a draft."""
        Query(request)
        fitted(Nothing, await read_object(request))
        lang = language(request.headers)
        outcome = await self._office.drafts.file(actor, request.path_params["draft_id"], lang)
        body = outcome.body(lang)
        headers = {"Idempotency-Replayed": "true"} if isinstance(outcome, Replayed) else {}
        if "approval_id" in body:
            headers["Location"] = f"/v1/approvals/{body['approval_id']}"
        return answer(body, outcome.status, headers)

    async def absences(self, request: Request, actor: Actor) -> Response:
        """List the absences that concern the caller."""
        Query(request)
        return answer(listed(await self._office.absences.shown(actor)))

    async def set_absence(self, request: Request, actor: Actor) -> Response:
        """Say who decides while someone is away."""
        Query(request)
        sent = fitted(AbsenceSet, await read_object(request))
        return answer(await sent.set_by(self._office, actor), 201, {"Location": "/v1/absences"})

    async def end_absence(self, request: Request, actor: Actor) -> Response:
        """End an absence."""
        Query(request)
        fitted(Nothing, await read_object(request))
        return answer(await self._office.absences.end(actor, request.path_params["absence_id"]))

    async def consents(self, request: Request, actor: Actor) -> Response:
        """List the standing consents that concern the caller."""
        Query(request)
        return answer(listed(await self._office.consents.shown(actor, language(request.headers))))

    async def give(self, request: Request, actor: Actor) -> Response:
        """Give a standing consent."""
        Query(request)
        sent, key = fitted(ConsentGiven, await read_object(request)), idempotency_key(request)
        body = await sent.given_by(self._office, actor, language(request.headers), key)
        return answer(body, 201, {"Location": "/v1/consents"})

    async def revoke(self, request: Request, actor: Actor) -> Response:
        """Take a standing consent back."""
        Query(request)
        fitted(Nothing, await read_object(request))
        consent_id, lang = request.path_params["consent_id"], language(request.headers)
        return answer(await self._office.consents.revoke(actor, consent_id, lang))

    async def delegations(self, request: Request, actor: Actor) -> Response:
        """List the tables of delegated decisions."""
        Query(request)
        del actor
        return answer(listed(self._office.regulations.page(language(request.headers))))

    async def delegation(self, request: Request, actor: Actor) -> Response:
        """Show a table as it holds on a day."""
        del actor
        on = day_of(Query(request, "on").text("on"))
        return answer(self._office.regulations.show(request.path_params["name"], on, language(request.headers)))


def listed(data: list[dict[str, Any]]) -> dict[str, Any]:
    """Return all of a short list as the one page that it is."""
    return {"data": data, "next_cursor": None, "has_more": False}


def _made(draft: dict[str, Any]) -> Response:
    return answer(draft, 201, {"Location": f"/v1/drafts/{draft['draft_id']}"})


def day_of(text: str | None) -> date | None:
    """Read a day.

    Raises:
        ValidationFailed: it is none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValidationFailed(
            Text(f"'{text}'은(는) 날짜가 아니에요", f"'{text}' is not a day"), errors=[FieldError("/on", "2026-11-21")]
        ) from None
