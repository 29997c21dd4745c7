"""What has a person written and not filed yet? The list of drafts, and each in the form of its operation."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import DaeriError
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other
from daeri.web.operations import OperationForm, arguments_of


class DraftScreens:
    """The drafts of the person."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk
        self._drafts = desk.services.office.drafts
        self._form = OperationForm(desk)

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, "/drafts", self.listed)
        self._desk.add(router, "/drafts", self.begin, methods=["POST"])
        self._desk.add(router, "/drafts/{draft_id}", self.show)
        self._desk.add(router, "/drafts/{draft_id}", self.act, methods=["POST"])

    async def listed(self, request: Request, visitor: Visitor) -> Response:
        """List the drafts."""
        drafts = await self._drafts.mine(visitor.signed, visitor.lang)
        return await self._desk.page(request, visitor, "drafts.html", drafts=drafts, api=Api("/v1/drafts"))

    async def begin(self, request: Request, visitor: Visitor) -> Response:
        """Take a document up again that was rejected or withdrawn (재기안)."""
        approval_id = forms.field(await request.form(), "previous")
        draft = await self._drafts.again(visitor.signed, approval_id, visitor.lang)
        return see_other(f"/drafts/{draft['draft_id']}")

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show a draft in the form of its operation."""
        draft = await self._read(request, visitor)
        operation = self._form.operation(visitor, draft["operation"])
        return await self._form.page(request, visitor, operation, sent=draft["arguments"], saved=draft)

    async def act(self, request: Request, visitor: Visitor) -> Response:
        """Keep what the form says; then preview it, file it, or throw it away."""
        form, actor, lang = await request.form(), visitor.signed, visitor.lang
        draft = await self._read(request, visitor)
        operation = self._form.operation(visitor, draft["operation"])
        act = forms.field(form, "act")
        if act == "discard":
            await self._drafts.drop(actor, draft["draft_id"])
            return see_other("/drafts")
        state: dict[str, Any] = {}
        try:
            sent = arguments_of(form, operation)
            draft = await self._drafts.rewrite(actor, draft["draft_id"], sent, lang)
            if act == "call":
                body = (await self._drafts.file(actor, draft["draft_id"], lang)).body(lang)
                return see_other(f"/approvals/{body['approval_id']}" if "approval_id" in body else "/drafts")
            if act == "try":
                state["draft"] = (await self._desk.services.door.dry_run(actor, operation.name, sent, lang=lang)).body(
                    lang
                )
        except DaeriError as error:
            return await self._form.refused(request, visitor, operation, error, sent=draft["arguments"], saved=draft)
        if not state:
            return see_other(f"/drafts/{draft['draft_id']}")
        return await self._form.page(request, visitor, operation, sent=sent, saved=draft, **state)

    async def _read(self, request: Request, visitor: Visitor) -> dict[str, Any]:
        return await self._drafts.get(visitor.signed, request.path_params["draft_id"], visitor.lang)
