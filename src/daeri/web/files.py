"""How does a person look after their own files? The list, fetching one, deleting one; agents write them."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import NotFound
from daeri.operations.outcome import Done
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other


class FileScreens:
    """My files."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screen at its path."""
        self._desk.add(router, "/files", self.serve, methods=("GET", "POST"))

    async def serve(self, request: Request, visitor: Visitor) -> Response:
        """List the visitor's files; delete one where its form is sent."""
        if request.method == "POST":
            key = forms.field(await request.form(), "file")
            if not (key.isascii() and key.isdigit()):
                raise NotFound
            await self._called(visitor, "files.delete", {"file": int(key)})
            return see_other("/files?deleted=1")
        return await self._desk.page(
            request,
            visitor,
            "files.html",
            files=await self._called(visitor, "files.list", {}),
            deleted="deleted" in request.query_params,
            api=Api("/v1/ops/files.list", "POST", "{}"),
        )

    async def _called(self, visitor: Visitor, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        outcome = await self._desk.services.door.call(visitor.signed, name, arguments, lang=visitor.lang)
        if not isinstance(outcome, Done):
            msg = f"{name} may not need an approval"
            raise TypeError(msg)
        return outcome.result
