"""What did the agent do, how long did it take, what did it cost?

The list of one's own runs and the timeline of one.
"""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.web.desk import Api, Desk, Visitor

PAGE: Final = 30


class RunScreens:
    """The run list and the run."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, "/runs", self.listed)
        self._desk.add(router, "/runs/{run_id}", self.show)

    async def listed(self, request: Request, visitor: Visitor) -> Response:
        """List one's own runs, newest first."""
        cursor = request.query_params.get("cursor")
        page = await self._desk.services.runs.page(visitor.signed, limit=PAGE, cursor=cursor)
        return await self._desk.page(
            request, visitor, "runs.html", listed=page, first=cursor is None, api=Api(f"/v1/runs?limit={PAGE}")
        )

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show one run: its steps in order, with what went in and came out."""
        run = await self._desk.services.runs.get(visitor.signed, request.path_params["run_id"], visitor.lang)
        longest = max((step["milliseconds"] or 0 for step in run["steps"]), default=0)
        is_talk = any(agent.name == run["agent"] for agent in self._desk.services.door.company.agents)
        api = Api(f"/v1/runs/{run['run_id']}")
        return await self._desk.page(request, visitor, "run.html", run=run, longest=longest, is_talk=is_talk, api=api)
