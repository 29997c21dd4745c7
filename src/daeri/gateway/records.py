"""How do the company's records look as REST? Lists, rows, writes, exports and histories; and who the caller is.

Decode, call one service, write its answer once. Writes are the generated operations, called at the door like any other.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from daeri.errors import FieldError, NotFound, StaleVersion, ValidationFailed
from daeri.gateway.bodies import filter_of
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.routes import DOOR, Table, page_answer
from daeri.gateway.services import Services
from daeri.gateway.sheets import FORMATS, csv_of, xlsx_of
from daeri.gateway.wire import Query, answer, idempotency_key, language, read_object, versions
from daeri.operations.listing import LIMIT_DEFAULT, ListQuery
from daeri.operations.offering import Removed, Written
from daeri.operations.outcome import Replayed
from daeri.records.actor import Actor
from daeri.records.keys import Id
from daeri.wording import Text

PARAMETERS: Final = ("limit", "cursor", "sort", "q", "fields", "count")
"""The parameters of a record list that are no filters."""
EXPORTED: Final = ("format", "sort", "q", "fields")


class RecordRoutes:
    """The company's records, and who the caller is."""

    def __init__(self, services: Services, keeper: Doorkeeper) -> None:
        """Take the shelf, the door and the accounts, and who checks again whether an export may go on."""
        self._shelf = services.shelf
        self._door = services.door
        self._identity = services.identity
        self._keeper = keeper

    def add_to(self, table: Table) -> None:
        """Put the routes at their paths."""
        table.at("/v1/records", get=self.types)
        table.at("/v1/records/{kind}", get=self.page, post=self.create)
        table.at("/v1/records/{kind}/export", get=self.export)
        table.at("/v1/records/{kind}/{key}", get=self.get, patch=self.update, delete=self.delete)
        table.at("/v1/records/{kind}/{key}/history", get=self.history)
        table.at("/v1/me", get=self.me)

    async def types(self, request: Request, actor: Actor) -> Response:
        """List the record types."""
        Query(request)
        data = self._shelf.types(actor, language(request.headers))
        return answer({"data": data, "next_cursor": None, "has_more": False})

    async def page(self, request: Request, actor: Actor) -> Response:
        """List rows; every parameter that is not one of ours filters by a field."""
        query, filters = _query(request, PARAMETERS)
        if query.word("count") not in (None, "exact"):
            raise ValidationFailed(
                Text("count는 exact만 돼요", "count takes exact"), errors=[FieldError("/count", "one of: exact")]
            )
        listed = ListQuery(
            limit=query.integer("limit", LIMIT_DEFAULT),
            cursor=query.text("cursor"),
            sort=query.text("sort"),
            filters=filters,
            search=query.text("q"),
            fields=_chosen(query),
            count=query.word("count") is not None,
        )
        kind = request.path_params["kind"]
        return page_answer(request, await self._shelf.page(actor, kind, listed, language(request.headers)))

    async def get(self, request: Request, actor: Actor) -> Response:
        """Show one row."""
        fields = _chosen(Query(request, "fields"))
        kind, key = self._named(request)
        row = await self._shelf.get(actor, kind, key, language(request.headers), fields)
        return answer(row, headers=_tagged(row))

    async def create(self, request: Request, actor: Actor) -> Response:
        """Add a row."""
        Query(request)
        sent, key = await read_object(request), idempotency_key(request)
        kind, lang = request.path_params["kind"], language(request.headers)
        name = self._generated(kind, "create")
        outcome = await self._door.call(actor, name, sent, lang=lang, idempotency_key=key)
        body = outcome.body(lang)
        headers = {"Idempotency-Replayed": "true"} if isinstance(outcome, Replayed) else {}
        if "approval_id" in body:
            return answer(body, 202, headers | {"Location": f"/v1/approvals/{body['approval_id']}"})
        row = self._shelf.written(actor, kind, body["result"], lang)
        named = body["result"]["id"]
        place = {} if named is None else {"Location": f"/v1/records/{quote(kind, safe='')}/{quote(str(named))}"}
        return answer(row, 201, headers | place | _tagged(body["result"]))

    async def update(self, request: Request, actor: Actor) -> Response:
        """Change fields of a row, by a JSON merge patch (RFC 7396); If-Match guards against lost updates."""
        Query(request)
        sent = await read_object(request)
        kind, lang = request.path_params["kind"], language(request.headers)
        body, headers = await self._write(request, actor, "update", sent)
        if "approval_id" in body:
            return answer(body, 202, headers)
        row = self._shelf.written(actor, kind, body["result"], lang)
        return answer(row, headers=headers | _tagged(body["result"]))

    async def delete(self, request: Request, actor: Actor) -> Response:
        """Delete a row; If-Match guards against deleting what someone has just changed."""
        Query(request)
        body, headers = await self._write(request, actor, "delete", {})
        if "approval_id" in body:
            return answer(body, 202, headers)
        return Response(status_code=204, headers=headers)

    async def _write(
        self, request: Request, actor: Actor, act: str, sent: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        kind, lang = request.path_params["kind"], language(request.headers)
        key = idempotency_key(request)
        for name in ("id", "version"):
            if name in sent:
                raise ValidationFailed(
                    Text(f"{name}은(는) 본문으로 바꿀 수 없어요", f"{name} cannot be changed by the body"),
                    errors=[FieldError(f"/{name}", "not a field to write; If-Match takes the version")],
                )
        name = self._generated(kind, act)
        arguments: dict[str, Any] = {**sent, "id": self._named(request)[1]}
        arguments["version"] = await self._version(request, actor, name)
        outcome = await self._door.call(actor, name, arguments, lang=lang, idempotency_key=key)
        body = outcome.body(lang)
        headers = {"Idempotency-Replayed": "true"} if isinstance(outcome, Replayed) else {}
        if "approval_id" in body:
            headers["Location"] = f"/v1/approvals/{body['approval_id']}"
        return body, headers

    def _named(self, request: Request) -> tuple[str, Id]:
        """Return the record type and the id of the row that a path names.

        Raises:
            NotFound: no row can have such an id.
        """
        kind = request.path_params["kind"]
        return kind, self._shelf.key(kind, request.path_params["key"])

    def _generated(self, kind: str, act: str) -> str:
        """Return the name of the operation that a company offers for an act on a record.

        Raises:
            NotFound: there is none; an operation that only happens to be called so is none.
        """
        found = self._door.company.operations.get(f"{kind}.{act}")
        if found is None or found.output not in (Written, Removed):
            raise NotFound(Text(f"'{kind}' 기록에는 이 일이 열려 있지 않아요", f"'{kind}' records do not offer this"))
        return found.name

    async def _version(self, request: Request, actor: Actor, name: str) -> int | str | None:
        """Return the version that If-Match names, which the operation compares when it writes."""
        named = versions(request.headers.get("if-match"))
        if named is None:
            return None
        if len(named) == 1 and re.fullmatch(r"[1-9]\d{0,17}", named[0], re.ASCII):
            return int(named[0]) if self._shelf.counts_versions(request.path_params["kind"]) else named[0]
        self._door.operation(actor, name)  # whoever may not write learns nothing of the row
        kind, key = self._named(request)
        present: int | str = (await self._shelf.get(actor, kind, key, "ko", ()))["version"]
        if str(present) not in named:
            raise StaleVersion
        return present

    async def export(self, request: Request, actor: Actor) -> Response:
        """Stream all rows that fit as CSV or XLSX, up to the company's limit."""
        query, filters = _query(request, EXPORTED)
        lang, kind = language(request.headers), request.path_params["kind"]
        wanted = query.word("format") or _accepted(request.headers.get("accept", ""))
        if wanted not in FORMATS:
            raise ValidationFailed(
                Text("format은 csv나 xlsx예요", "format is csv or xlsx"), errors=[FieldError("/format", "csv or xlsx")]
            )
        names = _chosen(query)
        fields = self._shelf.fields(actor, kind, lang, names)
        listed = ListQuery(sort=query.text("sort"), filters=filters, search=query.text("q"), fields=names)

        async def still() -> Actor:
            return await self._keeper.still(request, DOOR)

        batches = self._shelf.export(actor, kind, listed, lang, still)
        first = await anext(batches)  # whatever is wrong with the question is told before the answer begins
        rows = _from(first, batches)
        content = csv_of(fields, rows) if wanted == "csv" else xlsx_of(fields, rows)
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(kind)}.{wanted}",
            "X-Row-Limit": str(self._shelf.export_max),
        }
        return StreamingResponse(content, headers=headers, media_type=FORMATS[wanted])

    async def history(self, request: Request, actor: Actor) -> Response:
        """Show who wrote a row, when and by which operation."""
        query = Query(request, "limit", "cursor")
        kind, key = self._named(request)
        page = await self._shelf.history(
            actor,
            kind,
            key,
            limit=query.integer("limit", LIMIT_DEFAULT),
            cursor=query.text("cursor"),
            lang=language(request.headers),
        )
        return page_answer(request, page)

    async def me(self, request: Request, actor: Actor) -> Response:
        """Show who the caller is."""
        Query(request)
        return answer(await self._identity.me(actor, language(request.headers)))


def _query(request: Request, known: tuple[str, ...]) -> tuple[Query, list[tuple[str, str, str]]]:
    filters = [item for item in request.query_params.multi_items() if item[0] not in known]
    query = Query(request, *known, passed={name for name, _ in filters})
    return query, [filter_of(name, value) for name, value in filters]


def _chosen(query: Query) -> tuple[str, ...] | None:
    text = query.text("fields")
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def _accepted(accept: str) -> str:
    """Return the format that Accept asks for; CSV where it asks for neither."""
    return "xlsx" if FORMATS["xlsx"] in accept else "csv"


async def _from(
    first: list[dict[str, Any]], rest: AsyncIterator[list[dict[str, Any]]]
) -> AsyncIterator[list[dict[str, Any]]]:
    yield first
    async for batch in rest:
        yield batch


def _tagged(row: Mapping[str, Any]) -> dict[str, str]:
    return {"ETag": f'"{row["version"]}"'}
