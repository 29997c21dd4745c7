"""How does a person give the company documents, find what they say, and read them where it stands?

Upload with progress, the list, search with what was found marked, one document with the passage that was cited. Who
sees what is the row rule's; text of documents is shown as text, never as markup.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, get_args

from fastapi import APIRouter
from markupsafe import Markup, escape
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import DaeriError, NotFound
from daeri.library.files import LEVELS, Level
from daeri.library.librarian import Brought, Librarian
from daeri.operations.listing import ListQuery
from daeri.operations.outcome import Done
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other
from daeri.wording import Text

PAGE: Final = 50
FOUND: Final = 8
READ: Final = 30
PIECE: Final = 1 << 20
FILE: Final = "company_file"


class DocumentScreens:
    """Documents: the list with its form and search, and one of them."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, "/documents", self.serve, methods=("GET", "POST"))
        self._desk.add(router, "/documents/{key:int}", self.show)

    async def serve(self, request: Request, visitor: Visitor) -> Response:
        """List and search documents; take one in where a form is sent."""
        if request.method == "POST":
            return await self._add(request, visitor)
        query = request.query_params.get("q", "").strip()
        found = await self._found(visitor, query) if query else None
        asked = ListQuery(
            limit=PAGE,
            cursor=request.query_params.get("cursor"),
            sort="-id",
            filters=[("is_current", "eq", "true")],
        )
        unread = ListQuery(limit=PAGE, sort="-id", filters=[("is_current", "eq", "false"), ("edition", "eq", "1")])
        shelf = self._desk.services.shelf
        return await self._desk.page(
            request,
            visitor,
            "documents.html",
            query=query,
            found=found,
            marked=marked,
            page=await shelf.page(visitor.signed, FILE, asked, visitor.lang),
            unread=await shelf.page(visitor.signed, FILE, unread, visitor.lang),
            levels=[(name, text.to(visitor.lang)) for name, text in LEVELS.items()],
            run=request.query_params.get("run"),
            may_add=self._librarian() is not None and self._may(visitor, "documents.add"),
            api=Api(f"/v1/search?q={query}" if query else "/v1/documents"),
        )

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show a document's text, with the passage that was found."""
        key = int(request.path_params["key"])
        passage = request.query_params.get("passage", "")
        arguments: dict[str, Any] = {"document": key, "limit": READ}
        if passage.isdecimal():
            arguments["passage"] = int(passage)
        read = await self._called(visitor, "documents.read", arguments)
        row = await self._desk.services.shelf.get(visitor.signed, FILE, str(key), visitor.lang)
        return await self._desk.page(
            request,
            visitor,
            "document.html",
            read=read,
            row=row,
            wanted=int(passage) if passage.isdecimal() else None,
            level=LEVELS[row["level"]].to(visitor.lang) if row.get("level") in LEVELS else "",
            api=Api(f"/v1/documents/{key}"),
        )

    async def _add(self, request: Request, visitor: Visitor) -> Response:
        """Take a file in, as the form without JavaScript sends it."""
        form = await request.form()
        file, level = form.get("file"), forms.field(form, "level") or "confidential"
        librarian = self._librarian()
        if not isinstance(file, UploadFile) or not file.filename or librarian is None:
            raise NotFound(Text("파일을 골라 주세요", "Choose a file"))
        known: dict[str, Level] = {name: name for name in get_args(Level)}
        brought = Brought(file.filename, forms.field(form, "folder"), known.get(level, "confidential"))
        run = await librarian.add(visitor.signed, brought, _pieces(file), visitor.lang)
        return see_other(f"/documents?run={run['run_id']}")

    async def _found(self, visitor: Visitor, query: str) -> dict[str, Any]:
        try:
            return await self._called(visitor, "documents.search", {"query": query, "limit": FOUND})
        except DaeriError as error:
            return {"rows": [], "found": False, "problem": error.problem(visitor.lang)["detail"]}

    async def _called(self, visitor: Visitor, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        outcome = await self._desk.services.door.call(visitor.signed, name, arguments, lang=visitor.lang)
        if not isinstance(outcome, Done):
            msg = f"{name} may not need an approval"
            raise TypeError(msg)
        return outcome.result

    def _may(self, visitor: Visitor, name: str) -> bool:
        return any(each.name == name for each in self._desk.services.door.operations(visitor.signed))

    def _librarian(self) -> Librarian | None:
        return self._desk.services.librarian


def marked(text: str, marks: Sequence[Sequence[int]]) -> Markup:
    """Return a text with stretches of it marked; everything in it is text."""
    pieces: list[Markup] = []
    at = 0
    for start, end in sorted((mark[0], mark[1]) for mark in marks):
        if start < at:
            continue
        pieces += [escape(text[at:start]), Markup("<mark>"), escape(text[start:end]), Markup("</mark>")]
        at = end
    return Markup().join([*pieces, escape(text[at:])])


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(PIECE):
        yield piece
