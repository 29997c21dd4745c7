"""How do the company's documents look as REST? Bring files in, list them, search, read, fetch an original.

As everywhere here: decode, call one service, write its answer once.
"""

import re
from collections.abc import AsyncIterator
from typing import Any, Final, get_args
from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from daeri.errors import FieldError, InvalidRequest, NotFound, ValidationFailed
from daeri.gateway.refusals import UnsupportedMediaType
from daeri.gateway.routes import Table, page_answer
from daeri.gateway.services import Services
from daeri.gateway.wire import INTEGER_MAX, Query, answer, language
from daeri.library.files import Level
from daeri.library.librarian import Brought, Librarian
from daeri.operations.listing import LIMIT_DEFAULT, ListQuery
from daeri.operations.outcome import Done, Held
from daeri.records.actor import Actor
from daeri.wording import Text

FIELDS: Final = frozenset({"folder", "level", "department", "in_force_from"})
FIELD_MAX: Final = 1_000
PIECE: Final = 1 << 20
FILE: Final = "company_file"


class DocumentRoutes:
    """Files and what is found in them."""

    def __init__(self, services: Services) -> None:
        """Take the services."""
        self._services = services

    def add_to(self, table: Table) -> None:
        """Put the routes at their paths."""
        table.at("/v1/documents", get=self.page, post=self.add)
        table.at("/v1/documents/{key}", get=self.show, delete=self.remove)
        table.at("/v1/documents/{key}/original", get=self.original)
        table.at("/v1/search", get=self.search)

    async def add(self, request: Request, actor: Actor) -> Response:
        """Take a file in; the answer is the run that reads it."""
        Query(request)
        form = await read_form(request)
        try:
            brought, file = brought_by(form)
            run = await librarian_of(self._services).add(actor, brought, pieces_of(file), language(request.headers))
        finally:
            await form.close()
        return answer(run, 202, {"Location": f"/v1/runs/{run['run_id']}"})

    async def page(self, request: Request, actor: Actor) -> Response:
        """List the files that the caller may see, editions in force only unless ?old=true."""
        query = Query(request, "limit", "cursor", "folder", "q", "sort", "old")
        filters = [] if query.flag("old") else [("is_current", "eq", "true")]
        folder = query.text("folder")
        asked = ListQuery(
            limit=query.integer("limit", LIMIT_DEFAULT),
            cursor=query.text("cursor"),
            sort=query.text("sort") or "",
            filters=[*filters, ("folder", "eq", folder)] if folder else filters,
            search=query.text("q") or "",
        )
        page = await self._services.shelf.page(actor, FILE, asked, language(request.headers))
        return page_answer(request, page)

    async def show(self, request: Request, actor: Actor) -> Response:
        """Show a file: what is known of it, and its text from a passage on."""
        query = Query(request, "passage", "limit")
        arguments: dict[str, Any] = {"document": row_id(request.path_params["key"])}
        arguments |= {"limit": query.integer("limit", 10)}
        passage = query.text("passage")
        arguments |= {"passage": row_id(passage)} if passage else {}
        return answer((await self._called(request, actor, "documents.read", arguments)).result)

    async def remove(self, request: Request, actor: Actor) -> Response:
        """Remove a file; an agent's own idea of it waits for its person."""
        Query(request)
        arguments, lang = {"document": row_id(request.path_params["key"])}, language(request.headers)
        outcome = await self._services.door.call(actor, "documents.remove", arguments, lang=lang)
        if isinstance(outcome, Held):
            return answer(outcome.body(lang), 202, {"Location": f"/v1/approvals/{outcome.approval_id}"})
        return Response(status_code=204)

    async def original(self, request: Request, actor: Actor) -> Response:
        """Send a file as it was brought in; never to be shown by a browser as a page of ours."""
        Query(request)
        name, path = await librarian_of(self._services).original(actor, row_id(request.path_params["key"]))
        return FileResponse(path, media_type="application/octet-stream", headers=attached(name))

    async def search(self, request: Request, actor: Actor) -> Response:
        """Find passages."""
        query = Query(request, "q", "limit", "folder", "old")
        arguments: dict[str, Any] = {"query": query.text("q") or "", "limit": query.integer("limit", 5)}
        arguments |= {"folder": query.text("folder") or "", "old": query.flag("old")}
        done = await self._called(request, actor, "documents.search", arguments)
        return answer({"data": done.result["rows"], "found": done.result["found"]})

    async def _called(self, request: Request, actor: Actor, name: str, arguments: dict[str, Any]) -> Done:
        outcome = await self._services.door.call(actor, name, arguments, lang=language(request.headers))
        if not isinstance(outcome, Done):
            msg = f"{name} may not need an approval"
            raise TypeError(msg)
        return outcome


def attached(name: str) -> dict[str, str]:
    """Return the headers under which a browser saves a file, and never shows it as a page of ours."""
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return {"Content-Disposition": disposition, "Content-Security-Policy": "sandbox; default-src 'none'"}


def row_id(text: str) -> int:
    """Read the id of a file or passage.

    Raises:
        NotFound: nothing can have such an id.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(INTEGER_MAX)) or int(text) > INTEGER_MAX:
        raise NotFound
    return int(text)


def librarian_of(services: Any) -> Librarian:
    """Return who takes files in.

    Raises:
        NotFound: this company keeps no documents.
    """
    found = services.librarian
    if not isinstance(found, Librarian) or "documents.add" not in services.door.company.operations:
        raise NotFound(Text("이 회사는 문서를 두지 않아요", "This company keeps no documents"))
    return found


async def read_form(request: Request) -> FormData:
    """Read a form with one file; its bytes wait in a temporary file, not in memory.

    Raises:
        UnsupportedMediaType: it is no multipart form.
        InvalidRequest: it is broken.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UnsupportedMediaType
    try:
        return await request.form(max_files=1, max_fields=20)
    except MultiPartException as error:
        raise InvalidRequest(Text(f"양식을 읽을 수 없어요: {error.message}", f"The form: {error.message}")) from None


def brought_by(form: FormData) -> tuple[Brought, UploadFile]:
    """Return what a form says of its file, and the file.

    Raises:
        ValidationFailed: there is no file, or a field does not fit.
    """
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise _wrong("file", Text("파일을 골라 주세요", "Choose a file"))
    values = {name: str(form[name]).strip()[:FIELD_MAX] for name in FIELDS if name in form}
    level = values.get("level") or "confidential"
    known: dict[str, Level] = {name: name for name in get_args(Level)}
    if level not in known:
        raise _wrong("level", Text(f"{', '.join(known)} 가운데 하나예요", f"One of {', '.join(known)}"))
    day = values.get("in_force_from") or None
    if day is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
        raise _wrong("in_force_from", Text("2026-11-26 처럼 적어 주세요", "Write it like 2026-11-26"))
    department = values.get("department") or None
    return Brought(file.filename, values.get("folder", ""), known[level], department, day), file


async def pieces_of(file: UploadFile) -> AsyncIterator[bytes]:
    """Yield a file in pieces."""
    while piece := await file.read(PIECE):
        yield piece


def _wrong(name: str, detail: Text) -> ValidationFailed:
    return ValidationFailed(detail, errors=[FieldError(f"/{name}", detail)])
