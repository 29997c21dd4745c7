"""How do people sign in by the company's identity provider? The authorization code flow with PKCE, state and nonce.

What the browser brings back counts only with the cookie that this very browser was sent off with. Whoever the provider
proves needs an account here: the provider says who someone is, the company's records what they may.
"""

import base64
import hashlib
import json
import secrets
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from daeri.errors import InvalidRequest, NotFound, NotReady, Unauthenticated
from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.issuer import Claims, Issuer
from daeri.gateway.services import Services
from daeri.gateway.wire import Query
from daeri.outbound.guard import Unsent, resolved, sent
from daeri.wording import Text

START: Final = "/auth/oidc"
BACK: Final = "/auth/oidc/callback"
COOKIE_SECONDS: Final = 600
"""How long someone may take to sign in there."""
SCOPE: Final = "openid profile email"
FORM: Final = "application/x-www-form-urlencoded"

_STALE: Final = Text(
    "로그인이 중간에 끊겼어요. 처음부터 다시 해 주세요", "The sign-in was interrupted; please begin again"
)
_REFUSED: Final = Text("로그인 서버가 거절했어요", "The identity provider refused")


class Oidc:
    """The two routes of the flow."""

    def __init__(self, services: Services, keeper: Doorkeeper, issuer: Issuer | None) -> None:
        """Take the accounts, the cookies' names, and the provider, if there is one."""
        self._identity = services.identity
        self._keeper = keeper
        self._issuer = issuer

    async def start(self, request: Request) -> Response:
        """Send a browser to the provider."""
        issuer = self._provider()
        there = Query(request, "next").text("next") or "/"
        sealed = {"state": _random(), "nonce": _random(), "verifier": _random(48), "next": _local(there)}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sealed["verifier"].encode()).digest()).rstrip(b"=")
        about = await issuer.about()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": issuer.options.client_id,
                "redirect_uri": self._back(request),
                "scope": SCOPE,
                "state": sealed["state"],
                "nonce": sealed["nonce"],
                "code_challenge": challenge.decode(),
                "code_challenge_method": "S256",
            }
        )
        response = RedirectResponse(f"{about['authorization_endpoint']}?{query}", 303)
        value = base64.urlsafe_b64encode(json.dumps(sealed).encode()).decode()
        self._keeper.set_cookie(response, self._keeper.cookie("oidc"), value, COOKIE_SECONDS)
        return response

    async def back(self, request: Request) -> Response:
        """Take a browser in that comes from the provider."""
        issuer = self._provider()
        sealed = _unsealed(request.cookies.get(self._keeper.cookie("oidc"), ""))
        given = request.query_params
        if not compare_digest(given.get("state", "").encode(), str(sealed["state"]).encode()):
            raise InvalidRequest(_STALE)
        always = (await issuer.about()).get("authorization_response_iss_parameter_supported") is True
        if given.get("iss", "" if always else issuer.options.url) != issuer.options.url:
            raise InvalidRequest(_STALE)  # an answer of another provider, mixed in (RFC 9207)
        if "code" not in given:
            raise Unauthenticated(_REFUSED)
        tokens = await self._tokens(issuer, given["code"], str(sealed["verifier"]), self._back(request))
        claims = await issuer.claims(str(tokens.get("id_token", "")), [issuer.options.client_id])
        nonce, party = str(claims.get("nonce", "")), claims.get("azp", issuer.options.client_id)
        if not compare_digest(nonce.encode(), str(sealed["nonce"]).encode()) or party != issuer.options.client_id:
            raise Unauthenticated(_REFUSED)
        if not issuer.says_all(claims):
            claims = {**await self._more(issuer, tokens, claims), **claims}
        token, _ = await self._identity.sign_in_by(
            issuer.subject_of(claims), issuer.login_of(claims), issuer.roles_of(claims)
        )
        response = RedirectResponse(_local(str(sealed["next"])), 303)
        self._keeper.set_cookie(response, self._keeper.cookie("session"), token, None)
        self._keeper.set_cookie(response, self._keeper.cookie("oidc"), "", 0)
        return response

    async def _tokens(self, issuer: Issuer, code: str, verifier: str, back: str) -> Claims:
        """Exchange the code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
        options = issuer.options
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": options.client_id,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": FORM}
        if options.client_secret:
            both = f"{quote_plus(options.client_id)}:{quote_plus(options.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        return await self._asked(issuer, "token_endpoint", headers, urlencode(form).encode())

    async def _more(self, issuer: Issuer, tokens: Claims, claims: Claims) -> Claims:
        """Return what the provider tells beside the ID token (OpenID Connect Core §5.3), of this very person."""
        told = await self._asked(
            issuer, "userinfo_endpoint", {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
        )
        if told.get("sub") != claims["sub"]:
            raise Unauthenticated(_REFUSED)
        return told

    async def _asked(self, issuer: Issuer, endpoint: str, headers: dict[str, str], form: bytes = b"") -> Claims:
        """Ask one of the provider's endpoints, with a form where there is one."""
        about, accept = await issuer.about(), {"Accept": "application/json"}
        try:
            target = await resolved(str(about.get(endpoint, "")), private=True)
            status, body = await sent("POST" if form else "GET", target, headers=headers | accept, body=form)
            found = json.loads(body) if status == 200 else None  # noqa: PLR2004 - the only good one
        except (Unsent, ValueError):
            raise NotReady from None
        if not isinstance(found, dict):
            raise Unauthenticated(_REFUSED)
        return found

    def _provider(self) -> Issuer:
        if self._issuer is None or not self._issuer.options.client_id:
            raise NotFound
        return self._issuer

    def _back(self, request: Request) -> str:
        return self._keeper.base(request) + BACK


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


def _unsealed(cookie: str) -> dict[str, Any]:
    try:
        sealed = json.loads(base64.urlsafe_b64decode(cookie.encode()))
        complete = {"state", "nonce", "verifier", "next"} <= set(sealed) and bool(sealed["state"])
    except (ValueError, TypeError):
        raise InvalidRequest(_STALE) from None
    if not complete:
        raise InvalidRequest(_STALE)
    return dict(sealed)
