"""What do agents remember of me, and how do I correct it or have it forgotten? The screen over the catalog `memory`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.operations.outcome import Done
from daeri.tools.memory import RECALL
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other

HERE = "/memory"


class MemoryScreens:
    """One's own memories: list, remember, correct, forget."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, HERE, self.show)
        self._desk.add(router, HERE, self.remember, methods=["POST"])
        self._desk.add(router, f"{HERE}/{{memory}}", self.change, methods=["POST"])

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """List what is remembered."""
        done = await self._desk.services.door.call(visitor.signed, RECALL, {}, lang=visitor.lang)
        rows = done.result["rows"] if isinstance(done, Done) else []
        company = self._desk.services.door.company
        told = [{**row, "by": company.agent_label(row["proposed_by"], visitor.lang)} for row in rows]
        return await self._desk.page(
            request, visitor, "memory.html", memories=told, api=Api(f"/v1/ops/{RECALL}", "POST", "{}")
        )

    async def remember(self, request: Request, visitor: Visitor) -> Response:
        """Remember what the person wrote."""
        await self._call(visitor, "memory.remember", {"text": forms.field(await request.form(), "text")})
        return see_other(HERE)

    async def change(self, request: Request, visitor: Visitor) -> Response:
        """Correct one, or forget it."""
        form, named = await request.form(), {"memory": request.path_params["memory"]}
        if forms.field(form, "act") == "forget":
            await self._call(visitor, "memory.forget", named)
        else:
            await self._call(visitor, "memory.correct", named | {"text": forms.field(form, "text")})
        return see_other(HERE)

    async def _call(self, visitor: Visitor, operation: str, arguments: dict[str, str]) -> None:
        await self._desk.services.door.call(visitor.signed, operation, arguments, lang=visitor.lang)
