"""How does the account of models look as REST? One route; who is told of whom is the service's to say."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.routes import Table
from daeri.gateway.services import Services
from daeri.gateway.wire import Query, answer
from daeri.operations.costs import ASKED
from daeri.records.actor import Actor


def used(services: Services, keeper: Doorkeeper) -> APIRouter:
    """Return the route of the account."""
    table, costs = Table(keeper), services.costs

    async def page(request: Request, actor: Actor) -> Response:
        query = Query(request, *ASKED)
        asked = {name: query.text(name) if name == "person" else query.word(name) for name in ASKED}
        return answer(await costs.page(actor, asked))

    table.at("/v1/usage", get=page)
    return table.router
