"""What do the models cost? Sums by what the visitor chooses, and how the budgets stand that concern them."""

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.operations.costs import ASKED, GROUPS
from daeri.web.desk import Api, Desk, Visitor

PATH: Final = "/models"


class UsageScreens:
    """The account of the models."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screen at its path."""
        self._desk.add(router, PATH, self.show)

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show what was asked for; what cannot be answered is said beside the form."""
        sent = {name: request.query_params.get(name, "").strip() or None for name in ASKED}
        costs = self._desk.services.costs
        told, problem = await self._desk.tried(costs.page(visitor.signed, sent), visitor.lang)
        query = urlencode([(name, value) for name, value in sent.items() if value])
        return await self._desk.page(
            request,
            visitor,
            "usage.html",
            status=problem["status"] if problem else 200,
            sent=sent,
            told=told,
            problem=problem,
            groups=GROUPS,
            everyone=costs.sees_everyone(visitor.signed),
            api=Api(f"/v1/usage?{query}" if query else "/v1/usage"),
        )
