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
from daeri.operations.approval import Box, Decision, More
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other

BOXES: Final = get_args(Box)
PAGE: Final = 30
ACTS: Final = get_args(Decision)
INTEGER_DIGITS: Final = 9
MAIN: Final = ("approve", "reject", "withdraw")
"""Acts with a button of their own; the others stand in a list to choose from."""
NAMING: Final = ("consult", "share", "assign", "change_line", "replace")
"""Acts that name people."""


class ApprovalScreens:
    """The boxes and the document."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, "/approvals", self.box)
        self._desk.add(router, "/approvals/several", self.several)
        self._desk.add(router, "/approvals/several", self.approve_several, methods=["POST"])
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

    async def several(self, request: Request, visitor: Visitor) -> Response:
        """Show documents together, before they are approved; this decides nothing."""
        ids = request.query_params.getlist("id")
        documents = await self._desk.services.office.several.look(visitor.signed, ids, visitor.lang)
        return await self._desk.page(request, visitor, "several.html", documents=documents, outcomes=[])

    async def approve_several(self, request: Request, visitor: Visitor) -> Response:
        """Approve documents at the versions that the summary showed; say what became of each."""
        form = await request.form()
        shown = [str(value).rpartition(":") for value in form.getlist("id")]
        if not all(version.isascii() and version.isdecimal() for _, _, version in shown):
            raise ValidationFailed
        versions = {approval_id: int(version) for approval_id, _, version in shown}
        comment = forms.field(form, "comment") or None
        outcomes = await self._desk.services.office.several.approve(visitor.signed, versions, comment, visitor.lang)
        return await self._desk.page(request, visitor, "several.html", documents=[], outcomes=outcomes)

    async def act(self, request: Request, visitor: Visitor) -> Response:
        """Act on exactly the version the person read."""
        form = await request.form()
        decision, comment, version = (forms.field(form, name) for name in ("decision", "comment", "version"))
        if decision not in ACTS or not (version.isascii() and version.isdecimal()):
            raise ValidationFailed
        if decision == "reject" and not comment:
            document = await self._read(request, visitor)
            return await self._page(request, visitor, document, status=422, need_comment=True)
        try:
            await self._decide(visitor, request.path_params["approval_id"], cast("Decision", decision), form)
        except (StaleVersion, Conflict, ValidationFailed) as error:
            document = await self._read(request, visitor)
            state: dict[str, Any] = {"comment": comment, "trouble": error.detail.to(visitor.lang)}
            if decision not in MAIN:
                people = forms.field(form, "people")
                state["chosen"] = {"decision": decision, "people": people, "comment": comment}
            stale = not isinstance(error, ValidationFailed)
            return await self._page(request, visitor, document, status=error.status, stale=stale, **state)
        return see_other(f"/approvals/{request.path_params['approval_id']}?done={decision}")

    async def _decide(self, visitor: Visitor, approval_id: str, decision: Decision, form: FormData) -> None:
        services = self._desk.services
        named = [name for part in forms.field(form, "people").split(",") if (name := part.strip())]
        position, part, outcome = (forms.field(form, name) for name in ("position", "part", "outcome"))
        at = int(position) if position.isascii() and position.isdecimal() and len(position) < INTEGER_DIGITS else None
        more = More(
            people=await services.office.directory.ids(visitor.signed, named) if decision in NAMING else (),
            position=at if decision == "replace" else None,
            part=cast("Any", part) if part in ("approve", "review", "agree") else "approve",
            drop=[at] if decision == "change_line" and at is not None else (),
            outcome=cast("Any", outcome) if decision == "settle" and outcome in ("applied", "apply_failed") else None,
        )
        comment, version = forms.field(form, "comment") or None, int(forms.field(form, "version"))
        await services.approvals.decide(
            visitor.signed, approval_id, decision, comment, version=version, lang=visitor.lang, more=more
        )

    async def _read(self, request: Request, visitor: Visitor) -> dict[str, Any]:
        return await self._desk.services.approvals.show(
            visitor.signed, request.path_params["approval_id"], visitor.lang
        )

    async def _page(
        self, request: Request, visitor: Visitor, document: dict[str, Any], *, status: int = 200, **state: Any
    ) -> Response:
        """Render the document; `state` is what just happened to it (done, trouble, stale, comment, chosen, …)."""
        usual: dict[str, Any] = {"done": None, "trouble": None, "stale": False, "comment": "", "need_comment": False}
        usual["chosen"] = {"decision": "", "people": "", "comment": ""}
        others = [act for act in document["acts"] if act in ACTS and act not in MAIN]
        return await self._desk.page(
            request,
            visitor,
            "approval.html",
            status=status,
            document=document,
            others=others,
            named=any(act in NAMING for act in others),
            next_step=next((step for step in document["line"] if step["status"] == "waiting"), None),
            api=Api(f"/v1/approvals/{document['approval_id']}"),
            **(usual | state),
        )
