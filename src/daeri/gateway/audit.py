"""How do the audit and the prompts look as REST? That they are for auditors is the services' to say."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.routes import Table, page_answer
from daeri.gateway.services import Services
from daeri.gateway.wire import Query, answer, language
from daeri.operations.auditing import ASKED
from daeri.operations.listing import LIMIT_DEFAULT
from daeri.records.actor import Actor


def audited(services: Services, keeper: Doorkeeper) -> APIRouter:
    """Return the routes of the audit."""
    table, log, prompts = Table(keeper), services.audit_log, services.prompt_log

    async def page(request: Request, actor: Actor) -> Response:
        query = Query(request, *ASKED, "limit", "cursor")
        sent = {name: query.text(name) for name in ASKED}
        limit = query.integer("limit", LIMIT_DEFAULT)
        lang = language(request.headers)
        found = await log.page(actor, sent, limit=limit, cursor=query.text("cursor"), lang=lang)
        return page_answer(request, found)

    async def verify(request: Request, actor: Actor) -> Response:
        Query(request)
        return answer(await log.verify(actor, language(request.headers)))

    async def list_prompts(request: Request, actor: Actor) -> Response:
        Query(request)
        return answer(await prompts.page(actor))

    async def get_prompt(request: Request, actor: Actor) -> Response:
        Query(request)
        return answer(await prompts.get(actor, request.path_params["version"]))

    table.at("/v1/audit", get=page)
    table.at("/v1/audit/verify", get=verify)
    table.at("/v1/prompts", get=list_prompts)
    table.at("/v1/prompts/{version}", get=get_prompt)
    return table.router
