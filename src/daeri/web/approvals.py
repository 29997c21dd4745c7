"""How does a person find what waits for them, read it well, and decide once?

The approval boxes and the document. Deciding is a call of operations.approval with the version that was read; this
file only keeps what the person wrote when the answer is "it changed meanwhile".
"""

from typing import Any, Final, cast, get_args

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import Conflict, StaleVersion, ValidationFailed
from daeri.operations.approval import Box, Decision
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other

BOXES: Final = get_args(Box)
PAGE: Final = 30
ACTS: Final = ("approve", "reject", "withdraw")


class ApprovalScreens:
    """The boxes and the document."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, "/approvals", self.box)
        self._desk.add(router, "/approvals/{approval_id}", self.document)
        self._desk.add(router, "/approvals/{approval_id}", self.act, methods=["POST"])

    async def box(self, request: Request, visitor: Visitor) -> Response:
        """Show one box."""
        approvals = self._desk.services.approvals
        asked = request.query_params.get("box")
        box = cast("Box", asked) if asked in BOXES else "waiting"
        cursor = request.query_params.get("cursor")
        return await self._desk.page(
            request,
            visitor,
            "approvals.html",
            box=box,
            boxes=BOXES,
            counts=await approvals.counts(visitor.signed),
            listed=await approvals.box(visitor.signed, box, limit=PAGE, cursor=cursor, lang=visitor.lang),
            first=cursor is None,
            api=Api(f"/v1/approvals?box={box}"),
        )

    async def document(self, request: Request, visitor: Visitor) -> Response:
        """Show the document."""
        document = await self._read(request, visitor)
        done = request.query_params.get("done")
        return await self._page(request, visitor, document, done=done if done in ACTS else None)

    async def act(self, request: Request, visitor: Visitor) -> Response:
        """Decide or withdraw, on exactly the version the person read."""
        form = await request.form()
        decision, comment = forms.field(form, "decision"), forms.field(form, "comment")
        if decision == "reject" and not comment:
            document = await self._read(request, visitor)
            return await self._page(request, visitor, document, status=422, need_comment=True)
        try:
            await self._decide(visitor, request.path_params["approval_id"], decision, form)
        except (StaleVersion, Conflict) as error:
            document = await self._read(request, visitor)
            return await self._page(
                request, visitor, document, status=error.status, trouble=error.detail.to(visitor.lang), comment=comment
            )
        return see_other(f"/approvals/{request.path_params['approval_id']}?done={decision}")

    async def _decide(self, visitor: Visitor, approval_id: str, decision: str, form: FormData) -> None:
        approvals, comment, version = (
            self._desk.services.approvals,
            forms.field(form, "comment") or None,
            forms.field(form, "version"),
        )
        if decision not in ACTS or not version.isdecimal():
            raise ValidationFailed
        if decision == "withdraw":
            await approvals.withdraw(visitor.signed, approval_id, comment, version=int(version))
        else:
            await approvals.decide(
                visitor.signed, approval_id, cast("Decision", decision), comment, version=int(version)
            )

    async def _read(self, request: Request, visitor: Visitor) -> dict[str, Any]:
        return await self._desk.services.approvals.show(
            visitor.signed, request.path_params["approval_id"], visitor.lang
        )

    async def _page(
        self, request: Request, visitor: Visitor, document: dict[str, Any], *, status: int = 200, **state: Any
    ) -> Response:
        """Render the document; `state` is what just happened to it (done, trouble, comment, need_comment)."""
        usual = {"done": None, "trouble": None, "comment": "", "need_comment": False}
        return await self._desk.page(
            request,
            visitor,
            "approval.html",
            status=status,
            document=document,
            next_step=next((step for step in document["line"] if step["status"] == "waiting"), None),
            api=Api(f"/v1/approvals/{document['approval_id']}"),
            **(usual | state),
        )
