"""What does an OAuth client need to know before it comes? Where tokens for this server are made (RFC 9728).

Also what a token's scope lets through: the same patterns that keys have, or `daeri` for all that its person may.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import NotFound, PermissionDenied
from daeri.gateway.services import Services
from daeri.gateway.wire import answer
from daeri.operations.company import Company
from daeri.wording import Text

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
EVERYTHING: Final = "daeri"
EFFECTS: Final = ("read", "write", "irreversible")
PROTECTED: Final = ("", "/mcp", "/a2a")
"""The resources that have tokens of their own; the first is the whole server."""


class InsufficientScope(PermissionDenied):
    """The token is proved, and lets nothing of ours through."""

    title = Text("이 토큰의 범위로는 할 수 없어요", "The token's scope does not allow this")
    help = Text("범위를 넓힌 토큰을 받아 주세요.", "Get a token with a wider scope.")


def limits_of(claims: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Return the limits of a token's scope; none where it stands for all that its person may.

    Raises:
        InsufficientScope: nothing of ours is in it.
    """
    scope = claims.get("scope", claims.get("scp", ""))
    words = scope.split() if isinstance(scope, str) else [word for word in scope if isinstance(word, str)]
    if EVERYTHING in words:
        return ()
    ours = tuple(word for word in words if word in EFFECTS or "." in word)
    if not ours:
        raise InsufficientScope
    return (ours,)


def metadata(company: Company, base: str, path: str, issuer: str) -> dict[str, Any]:
    """Describe a resource."""
    return {
        "resource": f"{base}{path}",
        "authorization_servers": [issuer],
        "scopes_supported": [EVERYTHING, *EFFECTS, *(f"{catalog.name}.*" for catalog in company.catalogs)],
        "bearer_methods_supported": ["header"],
        "resource_name": company.name.en,
        "resource_documentation": f"{base}/docs",
    }


def resource(services: Services, base: str, issuer: str) -> APIRouter:
    """Return the routes; without a provider there is nothing to tell."""
    company = services.door.company
    router = APIRouter()

    def at(path: str) -> None:
        async def show(request: Request) -> Response:
            del request
            if not issuer:
                raise NotFound
            return answer(metadata(company, base, path, issuer), headers={"Cache-Control": "max-age=3600"})

        router.add_route(WELL_KNOWN + path, show, methods=["GET"], include_in_schema=False)

    for path in PROTECTED:
        at(path)
    return router
