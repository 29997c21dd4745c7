"""What did whom do, to whose data, and is the record of it whole? For auditors: the list, and the proof on demand.

Rows are named by their numbers; what stands in them is never shown here.
"""

from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.operations.auditing import ASKED
from daeri.web.desk import Api, Desk, Visitor

PAGE: Final = 50
OUTCOMES: Final = ("done", "held", "refused", "applied", "failed", "unknown")


class AuditScreens:
    """The audit."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, "/audit", self.show)
        self._desk.add(router, "/audit/verify", self.verify, methods=["POST"])
        self._desk.add(router, "/prompts", self.prompts)
        self._desk.add(router, "/prompts/{version}", self.prompts)

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """List what was asked for, newest first; what cannot be answered is said beside the form."""
        return await self._page(request, visitor)

    async def verify(self, request: Request, visitor: Visitor) -> Response:
        """Prove the whole chain, and show what came of it above the list."""
        proof = await self._desk.services.audit_log.verify(visitor.signed, visitor.lang)
        return await self._page(request, visitor, proof)

    async def prompts(self, request: Request, visitor: Visitor) -> Response:
        """List the versions of the prompts; of the one that is named, or else the newest, show the text."""
        log = self._desk.services.prompt_log
        versions = (await log.page(visitor.signed))["data"]
        newest = versions[0]["version"] if versions else None
        version = request.path_params.get("version", newest)
        shown = await log.get(visitor.signed, version) if version is not None else None
        path = f"/v1/prompts/{version}" if version is not None else "/v1/prompts"
        return await self._desk.page(request, visitor, "prompts.html", versions=versions, shown=shown, api=Api(path))

    async def _page(self, request: Request, visitor: Visitor, proof: dict[str, Any] | None = None) -> Response:
        sent = {name: request.query_params.get(name, "").strip() or None for name in ASKED}
        cursor = request.query_params.get("cursor")
        log = self._desk.services.audit_log
        listing = log.page(visitor.signed, sent, limit=PAGE, cursor=cursor, lang=visitor.lang)
        listed, problem = await self._desk.tried(listing, visitor.lang)
        query = urlencode([(name, value) for name, value in sent.items() if value])
        return await self._desk.page(
            request,
            visitor,
            "audit.html",
            status=problem["status"] if problem else 200,
            sent=sent,
            listed=listed,
            problem=problem,
            proof=proof,
            query=query,
            first=cursor is None,
            outcomes=OUTCOMES,
            api=Api(f"/v1/audit?{query}" if query else "/v1/audit"),
        )
