"""How does a person find and read the company's records, within what they may see?

The kinds of records, a list with filters, search and order in its address, one row. What is hidden stays visible as
hidden, with the reason. Rules are in records.access; here values only become words.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from daeri.operations.listing import LIMIT_MAX, OPERATORS, ListQuery
from daeri.web.desk import Api, Desk, Visitor, see_other
from daeri.web.markup import Words
from daeri.wording import Lang, day

PAGE: Final = 30
COLUMNS_MAX: Final = 6
"""More columns than this do not fit a laptop's screen; the rest stand on the row's own page."""

BOOKKEEPING: Final = frozenset({"id", "version"})
"""Fields that say nothing to people."""

NO_FILTERS: Final = frozenset({"q", "sort", "cursor", "limit", "fields", "count", "format"})
"""Parameters of a list that are no filters; those of our own forms begin with an underscore."""

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]+Z")


@dataclass(frozen=True, slots=True)
class View:
    """What a list's address asks for: the very parameters of `GET /v1/records/{type}`."""

    kind: str
    search: str = ""
    sort: str = ""
    filters: tuple[tuple[str, str, str], ...] = ()
    cursor: str | None = None

    def address(self, **change: Any) -> str:
        """Return the address of this list with something changed; a changed list starts at its first page."""
        now = {"search": self.search, "sort": self.sort, "filters": self.filters, "cursor": None} | change
        pairs = [("q", now["search"]), ("sort", now["sort"]), ("cursor", now["cursor"])]
        pairs = [self.named(each) for each in now["filters"]] + pairs
        query = urlencode([(name, value) for name, value in pairs if value])
        return f"/records/{self.kind}" + (f"?{query}" if query else "")

    def exported(self, file_format: str) -> str:
        """Return the address of all rows of this list as a file."""
        pairs = [("format", file_format), *map(self.named, self.filters), ("q", self.search), ("sort", self.sort)]
        return f"/v1/records/{self.kind}/export?{urlencode([(name, value) for name, value in pairs if value])}"

    @staticmethod
    def named(each: tuple[str, str, str]) -> tuple[str, str]:
        """Return a filter as it stands in an address: `team_id=7`, `hired_on.gte=2020-01-01`."""
        name, operator, value = each
        return (name if operator == "eq" and name not in NO_FILTERS else f"{name}.{operator}", value)

    def without(self, dropped: tuple[str, str, str]) -> str:
        """Return the address without one filter."""
        return self.address(filters=tuple(each for each in self.filters if each != dropped))

    def sorted_by(self, name: str) -> str:
        """Return the address ordered by a field; asking twice turns the order around."""
        return self.address(sort=f"-{name}" if self.sort == name else name)

    def order_of(self, name: str) -> str | None:
        """Say how the list is ordered by a field, in the words of aria-sort."""
        return {name: "ascending", f"-{name}": "descending"}.get(self.sort)


class RecordScreens:
    """Kinds of records, lists, rows."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk
        company = desk.services.door.company
        kinds = {record: kind for kind, record in company.records.items()}
        self._refers = {f"{kind}_id": kind for record, kind in kinds.items() if not record.__adopted__}
        self._refers |= {"team_id": kinds[company.people.team]}
        self._refers |= dict.fromkeys(("person_id", "lead_id"), kinds[company.people.person])

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, "/records", self.kinds)
        self._desk.add(router, "/records/{kind}", self.listed)
        self._desk.add(router, "/records/{kind}/{key}", self.show)

    async def kinds(self, request: Request, visitor: Visitor) -> Response:
        """List the kinds of records."""
        kinds = self._desk.services.shelf.types(visitor.signed, visitor.lang)
        return await self._desk.page(request, visitor, "kinds.html", kinds=kinds, api=Api("/v1/records"))

    async def listed(self, request: Request, visitor: Visitor) -> Response:
        """List the rows of one kind."""
        view = _view(request)
        asked = request.query_params
        if asked.get("_field"):
            added = (asked["_field"], asked.get("_operator", "eq"), asked.get("_value", "").strip())
            return see_other(view.address(filters=(*view.filters, added) if added[2] else view.filters))
        query = ListQuery(
            limit=PAGE,
            cursor=view.cursor,
            sort=view.sort or None,
            filters=list(view.filters),
            search=view.search or None,
        )
        page = await self._desk.services.shelf.page(visitor.signed, view.kind, query, visitor.lang)
        naming, columns = _columns(page["fields"], page["data"])
        return await self._desk.page(
            request,
            visitor,
            "records.html",
            view=view,
            page=page,
            naming=naming,
            columns=columns,
            labels={field["name"]: field["label"] for field in page["fields"]},
            open_fields=[field for field in _shown(page["fields"]) if field["sight"] == "open"],
            closed_fields=[field for field in page["fields"] if field["why"] and field["sight"] != "open"],
            operators=[each for each in OPERATORS if each != "in"],
            cells=await self._cells(visitor, view.kind, columns, page["data"]),
            api=Api(_api_address(view)),
        )

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show one row."""
        shelf, kind = self._desk.services.shelf, request.path_params["kind"]
        key = shelf.key(kind, request.path_params["key"])
        row = await shelf.get(visitor.signed, kind, key, visitor.lang)
        known = next(each for each in shelf.types(visitor.signed, visitor.lang) if each["type"] == kind)
        fields = _shown(known["fields"])
        return await self._desk.page(
            request,
            visitor,
            "record.html",
            kind=known,
            row=row,
            fields=fields,
            cells=await self._cells(visitor, kind, fields, [row]),
            api=Api(f"/v1/records/{kind}/{key}"),
        )

    async def _cells(
        self, visitor: Visitor, kind: str, fields: list[dict[str, Any]], rows: list[dict[str, Any]]
    ) -> "Cells":
        """Return what words the values: rows that are referred to are read too, within what the person may see."""
        shelf = self._desk.services.shelf
        names: dict[str, dict[int | str, str]] = {}
        refers = self._refers if shelf.counts_versions(kind) else shelf.refers(visitor.signed, kind)
        for field in fields:
            other = refers.get(field["name"])
            wanted = sorted({str(row[field["name"]]) for row in rows if isinstance(row.get(field["name"]), int | str)})
            if other is not None and wanted:
                query = ListQuery(limit=LIMIT_MAX, filters=[("id", "in", ",".join(wanted))])
                page = await shelf.page(visitor.signed, other, query, visitor.lang)
                names[field["name"]] = {row["id"]: row["_title"] for row in page["data"]}
        return Cells(visitor.lang, refers, names)


@dataclass(frozen=True, slots=True)
class Cells:
    """Words the values of rows for one reader.

    Attributes:
        refers: the fields that hold another record's id, and which kind that is.
        names: for such a field, what the rows it leads to are called; rows the reader may not see are missing.
    """

    lang: Lang
    refers: Mapping[str, str]
    names: Mapping[str, Mapping[int | str, str]]

    def __call__(self, words: Words, field: dict[str, Any], value: Any) -> str:
        """Return a value as people write it; one that leads to another record is a link."""
        if value is None or value in ("", []):
            return ""
        if isinstance(value, bool):
            return words("yes" if value else "no")
        if isinstance(value, int):
            return self._number(words, field, value)
        if isinstance(value, list):
            return ", ".join(map(str, value))
        text = str(value)
        title = self.names.get(str(field["name"]), {}).get(text)
        if title is not None:
            return self._link(str(field["name"]), text, title)
        if _DAY.fullmatch(text):
            return day(date.fromisoformat(text), self.lang)
        return words.moment(text) if _MOMENT.fullmatch(text) else text

    def is_number(self, field: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
        """Say whether a column holds amounts, which stand to the right."""
        values = [row[field["name"]] for row in rows if row.get(field["name"]) is not None]
        counted = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
        return bool(values) and counted and field["name"] not in self.refers

    def _number(self, words: Words, field: dict[str, Any], value: int) -> str:
        name = str(field["name"])
        title = self.names.get(name, {}).get(value)
        if title is not None:
            return self._link(name, value, title)
        if name in self.refers:
            return f"#{value}"
        if field.get("kind") == "won":
            return words.won(value)
        return str(value) if name.endswith("year") else f"{value:,}"

    def _link(self, name: str, key: int | str, title: str) -> str:
        return Markup('<a href="/records/{}/{}">{}</a>').format(self.refers[name], key, title or f"#{key}")


def _view(request: Request) -> View:
    asked = request.query_params
    filters = []
    for name, value in asked.multi_items():
        if name not in NO_FILTERS and not name.startswith("_"):
            field, _, operator = name.partition(".")
            filters.append((field, operator or "eq", value))
    return View(
        kind=request.path_params["kind"],
        search=asked.get("q", "").strip(),
        sort=asked.get("sort", ""),
        filters=tuple(filters),
        cursor=asked.get("cursor") or None,
    )


def _api_address(view: View) -> str:
    """Return the API address of the same list."""
    return view.address(cursor=view.cursor).replace("/records/", "/v1/records/", 1)


def _shown(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [field for field in fields if field["name"] not in BOOKKEEPING]


def _columns(
    fields: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Choose the columns of a list: the field that names a row, then others that the name does not already say."""
    shown = _shown(fields)

    def named(field: dict[str, Any]) -> bool:
        values = [row.get(field["name"]) for row in rows]
        return bool(rows) and all(
            isinstance(value, str) and value and value in row["_title"] for value, row in zip(values, rows, strict=True)
        )

    naming = next((field for field in shown if named(field)), None)
    return naming, [field for field in shown if not named(field)][:COLUMNS_MAX]
