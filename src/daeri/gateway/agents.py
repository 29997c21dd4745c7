"""Which agents are there for whoever asks? One route; whom an agent serves is the company's to say."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.routes import Table
from daeri.gateway.services import Services
from daeri.gateway.wire import answer, language
from daeri.records.actor import Actor


def listed_agents(services: Services, keeper: Doorkeeper) -> APIRouter:
    """Return the route of the list."""
    table, company = Table(keeper), services.door.company

    async def listed(request: Request, actor: Actor) -> Response:
        lang = language(request.headers)
        return answer({"data": [agent.body(lang) for agent in company.agents_for(actor)]})

    table.at("/v1/agents", get=listed)
    return table.router
