"""How does the explanation of permissions look as REST? One route; who may ask about whom is the service's to say."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.rest import Table
from daeri.gateway.services import Services
from daeri.gateway.wire import Query, answer, language
from daeri.records.actor import Actor

ASKED: Final = ("person", "agent", "operation", "type", "id")


def policies(services: Services, keeper: Doorkeeper) -> APIRouter:
    """Return the route of the explanation."""
    table = Table(keeper)

    async def explain(request: Request, actor: Actor) -> Response:
        query = Query(request, *ASKED)
        sent = {name: query.text(name) for name in ASKED}
        return answer(await services.policies.ask(actor, sent, language(request.headers)))

    table.at("/v1/policies/explain", get=explain)
    return table.router
