"""What can be read by address over MCP? Records, files, documents of approval and runs, each as the service shows it.

`daeri://records/employee/12`, `daeri://documents/7` (and `/31`: from that passage on), `daeri://approvals/apr_…`,
`daeri://runs/run_…`; nothing is listed that takes a decision. A file is read through the door, as by its operation, so
its text comes with the mark that it is text from outside.
"""

import base64
import json
import re
from typing import Any, Final
from urllib.parse import unquote

from daeri.errors import NotFound
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp.extras import Extras
from daeri.gateway.mcp.tasks import Tasks
from daeri.gateway.services import Services
from daeri.operations.listing import ListQuery
from daeri.wording import Text

JSON_TYPE: Final = "application/json"
_ADDRESS: Final = re.compile(
    r"daeri://(?P<kind>records|documents|approvals|runs)(?:/(?P<first>[^/?#]+))?(?:/(?P<second>[^/?#]+))?"
)
WATCHED: Final = ("daeri://runs/run_", "daeri://approvals/apr_")
"""What changes by a mark that may be looked at over and over; reading a record or a document is written down."""
_DIGITS: Final = re.compile(r"[0-9]{1,18}")

_TYPES: Final = Text("기록의 종류와 항목", "Types of records and their fields")
_WAITING: Final = Text("내가 결재할 문서", "Documents that wait for my decision")
READ: Final = "documents.read"
"""The operation by which files are read; not every company keeps any."""
_FILES: Final = (
    ("daeri://documents/{document}", "document", Text("회사 문서의 글", "The text of a company file")),
    ("daeri://documents/{document}/{passage}", "document_from", Text("구절부터", "From a passage on")),
)
_TEMPLATES: Final = (
    ("daeri://records/{type}", "records", Text("기록 목록", "Rows of a type")),
    ("daeri://records/{type}/{id}", "record", Text("기록 한 건", "One row of a type")),
    ("daeri://approvals/{approval_id}", "approval", Text("결재 문서", "An approval document")),
    ("daeri://runs/{run_id}", "run", Text("에이전트 실행", "An agent's run")),
)


class Resources:
    """Lists and reads."""

    def __init__(self, services: Services, extras: Extras, tasks: Tasks) -> None:
        """Take the services, what is offered besides, and who knows when runs and documents change."""
        self._services = services
        self._tasks = tasks
        self._extras = extras.resources
        self._extra = extras.resource

    def listed(self, caller: Caller) -> list[dict[str, Any]]:
        """Return the addresses that stand for themselves."""
        lang, types = caller.lang, self._services.shelf.types(caller.actor, caller.lang)
        fixed = [("daeri://approvals", "approvals", _WAITING.to(lang)), ("daeri://records", "records", _TYPES.to(lang))]
        more = [
            {"uri": each.uri, "name": each.name, "title": each.title.to(lang), "mimeType": each.media_type}
            for each in self._extras
            if "{" not in each.uri
        ]
        kinds = [(f"daeri://records/{kind['type']}", str(kind["type"]), str(kind["label"])) for kind in types]
        own = [
            {"uri": uri, "name": name, "title": title, "mimeType": JSON_TYPE} for uri, name, title in [*fixed, *kinds]
        ]
        return [*own, *more]

    def templates(self, caller: Caller) -> list[dict[str, Any]]:
        """Return the shapes of the addresses."""
        files = _FILES if any(each.name == READ for each in self._services.door.operations(caller.actor)) else ()
        own = [(template, name, title, JSON_TYPE) for template, name, title in (*_TEMPLATES, *files)]
        more = [(each.uri, each.name, each.title, each.media_type) for each in self._extras if "{" in each.uri]
        return [
            {"uriTemplate": template, "name": name, "title": title.to(caller.lang), "mimeType": kind}
            for template, name, title, kind in [*own, *more]
        ]

    def may_watch(self, uri: str) -> bool:
        """Say whether changes at an address can be told of."""
        extra = self._extra(uri)
        return uri.startswith(WATCHED) if extra is None else extra[0].mark is not None

    async def mark(self, caller: Caller, uri: str) -> str:
        """Return what changes when that which is at an address does.

        Raises:
            NotFound: nothing is there that can be watched, or nothing that the caller may see.
        """
        extra = self._extra(uri)
        if extra is None:
            return await self._tasks.mark(caller, uri.rpartition("/")[2])
        resource, variables = extra
        if resource.mark is None:
            raise NotFound
        return await resource.mark(caller, variables)

    async def contents(self, caller: Caller, uri: str) -> dict[str, Any]:
        """Return what is at an address, in the protocol's shape.

        Raises:
            NotFound: nothing, or nothing that the caller may see.
        """
        extra = self._extra(uri)
        if extra is None:
            return {"uri": uri, "mimeType": JSON_TYPE, "text": await self.read(caller, uri)}
        resource, variables = extra
        content = await resource.read(caller, variables)
        told = {"uri": uri, "mimeType": resource.media_type}
        if isinstance(content, bytes):
            return {**told, "blob": base64.b64encode(content).decode()}
        return {**told, "text": content}

    async def read(self, caller: Caller, uri: str) -> str:
        """Return what is at an address, as JSON.

        Raises:
            NotFound: nothing, or nothing that the caller may see.
        """
        parts = _ADDRESS.fullmatch(uri)
        if parts is None:
            raise NotFound
        first, second = (unquote(part) if part else "" for part in (parts["first"], parts["second"]))
        if parts["kind"] == "records":
            body = await self._record(caller, first, second)
        elif parts["kind"] == "documents":
            body = await self._file(caller, first, second)
        else:
            body = await self._other(caller, parts["kind"], first, second)
        return json.dumps(body, ensure_ascii=False)

    def complete(self, caller: Caller, template: str, argument: str, begun: str) -> list[str]:
        """Return what a variable of a template may be."""
        if argument != "type" or template not in {shape for shape, _, _ in _TEMPLATES}:
            return []
        types = self._services.shelf.types(caller.actor, caller.lang)
        return [str(kind["type"]) for kind in types if str(kind["type"]).startswith(begun)]

    async def _record(self, caller: Caller, kind: str, key: str) -> Any:
        shelf, actor, lang = self._services.shelf, caller.actor, caller.lang
        if not kind:
            return {"data": shelf.types(actor, lang), "next_cursor": None, "has_more": False}
        if not key:
            return await shelf.page(actor, kind, ListQuery(), lang)
        return await shelf.get(actor, kind, shelf.key(kind, key), lang)

    async def _file(self, caller: Caller, document: str, passage: str) -> Any:
        if not all(_DIGITS.fullmatch(each) for each in (document, *([passage] if passage else ()))):
            raise NotFound
        asked = {"document": int(document)} | ({"passage": int(passage)} if passage else {})
        return (await self._services.door.call(caller.actor, READ, asked, lang=caller.lang)).body(caller.lang)

    async def _other(self, caller: Caller, kind: str, key: str, more: str) -> Any:
        if more:
            raise NotFound
        if kind == "approvals":
            approvals = self._services.approvals
            if not key:
                return await approvals.box(caller.actor, "waiting", lang=caller.lang)
            return await approvals.show(caller.actor, key, caller.lang)
        runs = self._services.runs
        return await (runs.get(caller.actor, key, caller.lang) if key else runs.page(caller.actor))
