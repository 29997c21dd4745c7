"""How do people sign in by the company's identity provider? The authorization code flow with PKCE, state and nonce.

What the browser brings back counts only with the cookie that this very browser was sent off with. Whoever the provider
proves needs an account here: the provider says who someone is, the company's records what they may.
"""

import base64
import json
import secrets
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from daeri.errors import InvalidRequest, NotFound, Unauthenticated
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.issuer import REFUSED, Issuer
from daeri.gateway.services import Services
from daeri.gateway.wire import Query
from daeri.wording import Text

if TYPE_CHECKING:
    from daeri.gateway.relying_party import RelyingParty

START: Final = "/auth/oidc"
BACK: Final = "/auth/oidc/callback"
COOKIE_SECONDS: Final = 600
"""How long someone may take to sign in there."""

_STALE: Final = Text(
    "로그인이 중간에 끊겼어요. 처음부터 다시 해 주세요", "The sign-in was interrupted; please begin again"
)
_SEALED: Final = {"state", "nonce", "verifier", "next"}


class Oidc:
    """The two routes of the flow."""

    def __init__(self, services: Services, keeper: Doorkeeper, issuer: Issuer | None) -> None:
        """Take the accounts, the cookies' names, and the provider, if there is one."""
        self._identity = services.identity
        self._keeper = keeper
        self._issuer = issuer

    async def start(self, request: Request) -> Response:
        """Send a browser to the provider."""
        after = _local(Query(request, "next").text("next") or "/")
        sealed = {"state": _random(), "nonce": _random(), "verifier": _random(48), "next": after}
        there = await self._party(request).address(sealed["state"], sealed["nonce"], sealed["verifier"])
        response = RedirectResponse(there, 303)
        value = base64.urlsafe_b64encode(json.dumps(sealed).encode()).decode()
        self._keeper.set_cookie(response, self._keeper.cookie("oidc"), value, COOKIE_SECONDS)
        return response

    async def back(self, request: Request) -> Response:
        """Take a browser in that comes from the provider."""
        issuer = self._provider()
        sealed = _unsealed(request.cookies.get(self._keeper.cookie("oidc"), ""))
        given = request.query_params
        if not compare_digest(given.get("state", "").encode(), sealed["state"].encode()):
            raise InvalidRequest(_STALE)
        always = (await issuer.about()).get("authorization_response_iss_parameter_supported") is True
        if given.get("iss", "" if always else issuer.options.url) != issuer.options.url:
            raise InvalidRequest(_STALE)  # an answer of another provider, mixed in (RFC 9207)
        if "error" in given or not given.get("code"):
            raise Unauthenticated(REFUSED)
        claims = await self._party(request).claims(given["code"], sealed["nonce"], sealed["verifier"])
        token, _ = await self._identity.sign_in_by(
            issuer.subject_of(claims), issuer.login_of(claims), issuer.roles_of(claims)
        )
        response = RedirectResponse(_local(sealed["next"]), 303)
        self._keeper.set_cookie(response, self._keeper.cookie("session"), token, None)
        self._keeper.set_cookie(response, self._keeper.cookie("oidc"), "", 0)
        return response

    def _provider(self) -> Issuer:
        if self._issuer is None or not self._issuer.options.client_id:
            raise NotFound
        return self._issuer

    def _party(self, request: Request) -> "RelyingParty":
        from daeri.gateway.relying_party import RelyingParty  # noqa: PLC0415 - Authlib takes a tenth of a second

        return RelyingParty(self._provider(), self._keeper.base(request) + BACK)


def oidc(services: Services, keeper: Doorkeeper, issuer: Issuer | None) -> APIRouter:
    """Return the routes."""
    flow, router = Oidc(services, keeper, issuer), APIRouter()
    router.add_route(START, flow.start, methods=["GET"], include_in_schema=False)
    router.add_route(BACK, flow.back, methods=["GET"], include_in_schema=False)
    return router


def _random(octets: int = 24) -> str:
    return secrets.token_urlsafe(octets)


def _local(path: str) -> str:
    """Return a path of this server; anything that leads elsewhere becomes the first page."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if inside else "/"


def _unsealed(cookie: str) -> dict[str, str]:
    """Return what a browser was sent off with."""
    try:
        sealed = json.loads(base64.urlsafe_b64decode(cookie.encode()))
    except (ValueError, RecursionError):
        sealed = None
    whole = isinstance(sealed, dict) and set(sealed) == _SEALED
    if not whole or not all(isinstance(value, str) and value and value.isprintable() for value in sealed.values()):
        raise InvalidRequest(_STALE)
    return dict(sealed)
