"""How does Daeri speak with the identity provider while someone signs in? By Authlib, over our one guarded way out.

Authlib words the requests, shows who we are, reads refusals and holds the ID token against the sign-in. Held stricter
than it does by itself: where requests go, what counts as an answer, whose keys sign, and for whom the ID token is.
"""

from base64 import b64encode
from typing import Any, Final
from urllib.parse import quote_plus

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken

from daeri.errors import NotReady, Unauthenticated, ValidationFailed
from daeri.gateway.issuer import AWAY, REFUSED, Claims, Issuer
from daeri.gateway.signed import LEEWAY_SECONDS, refusing
from daeri.outbound.guard import Unsent, resolved, sent

SCOPE: Final = "openid profile email"
BASIC, POST = "client_secret_basic", "client_secret_post"
_OK: Final = 200
_SENT: Final = ("accept", "authorization", "content-type")
_TOLD: Final = ("access_token", "token_type", "id_token", "error", "error_description")


class RelyingParty:
    """One server's side of the authorization code flow."""

    def __init__(self, issuer: Issuer, back: str) -> None:
        """Take the provider, and the address here that it sends people back to."""
        self._issuer = issuer
        self._back = back

    async def address(self, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser signs in; the answer must bear this state, its ID token this nonce (RFC 7636: S256).

        Raises:
            NotReady: the provider does not answer.
        """
        there = await self._issuer.endpoint("authorization_endpoint")
        async with await self._client() as client:
            url, _ = client.create_authorization_url(there, state=state, code_verifier=verifier, nonce=nonce)
        return str(url)

    async def claims(self, code: str, nonce: str, verifier: str) -> Claims:
        """Exchange a code, and return what the provider says of whoever signed in.

        Raises:
            Unauthenticated: it refuses the code, or its ID token is not for this sign-in.
            NotReady: it does not answer, or not as the standard has it.
        """
        try:
            async with await self._client() as client:
                there = await self._issuer.endpoint("token_endpoint")
                tokens = await client.fetch_token(there, code=code, code_verifier=verifier)
                claims = await self._signed_in(tokens, nonce)
                return claims if self._issuer.says_all(claims) else {**await self._more(client, claims), **claims}
        except AuthlibBaseError:
            raise Unauthenticated(REFUSED) from None
        except (Unsent, ValidationFailed, httpx2.HTTPError, httpx2.InvalidURL, ValueError, RecursionError):
            raise NotReady(AWAY) from None

    async def _client(self) -> AsyncOAuth2Client:
        options, about = self._issuer.options, await self._issuer.about()
        methods = about.get("token_endpoint_auth_methods_supported")
        post = isinstance(methods, list) and POST in methods and BASIC not in methods
        client = AsyncOAuth2Client(
            options.client_id,
            options.client_secret,
            token_endpoint_auth_method=(POST if post else BASIC) if options.client_secret else "none",
            scope=SCOPE,
            redirect_uri=self._back,
            code_challenge_method="S256",
            transport=_Guarded(),
            trust_env=False,
        )
        client.register_client_auth_method((BASIC, _basic))
        client.register_compliance_hook("access_token_response", _tokens)
        return client

    async def _signed_in(self, tokens: dict[str, str], nonce: str) -> Claims:
        """Return the claims of an ID token that was made for this sign-in (OpenID Connect Core §3.1.3.7)."""
        us = self._issuer.options.client_id
        found = await self._issuer.proved(tokens.get("id_token", ""), [us])
        method = found.header["alg"]
        claims = CodeIDToken(
            found.claims,
            {"alg": "EdDSA" if method == "Ed25519" else method},  # Authlib knows the hash of the elder name alone
            {"azp": {"validate": lambda _, party: party == us}},  # where it is empty, too
            {"nonce": nonce, "client_id": us, "access_token": tokens.get("access_token")},
        )
        refusing(claims.validate)(self._issuer.now(), LEEWAY_SECONDS)
        return dict(claims)

    async def _more(self, client: AsyncOAuth2Client, claims: Claims) -> Claims:
        """Return what the provider tells beside the ID token (OpenID Connect Core §5.3), of this very person."""
        answer = await client.get(await self._issuer.endpoint("userinfo_endpoint"))
        told = answer.json() if answer.status_code == _OK else None
        if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
            raise Unauthenticated(REFUSED)
        return told


class _Guarded(httpx2.AsyncBaseTransport):
    """Sends what Authlib asks for, as all that is sent to addresses that others named."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        # The provider is named by whoever runs this server, so it may well stand inside the network.
        target = await resolved(str(request.url), private=True)
        headers = {name: request.headers[name] for name in _SENT if name in request.headers}
        status, body = await sent(request.method, target, headers=headers, body=await request.aread())
        return httpx2.Response(status, content=body, request=request)


def _basic(client: Any, _method: str, uri: str, headers: Any, body: bytes) -> tuple[str, Any, bytes]:
    """Show who we are; each half is a form's value (RFC 6749 §2.3.1), which Authlib leaves out."""
    both = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {b64encode(both.encode()).decode()}"
    return uri, headers, body


def _tokens(answer: httpx2.Response) -> httpx2.Response:
    """Leave of a token endpoint's answer what we use, where it is text: Authlib reads on whatever the types are.

    Raises:
        Unsent: it is neither tokens nor a refusal.
    """
    told = answer.json()
    if not isinstance(told, dict) or not (answer.status_code == _OK or (answer.is_client_error and "error" in told)):
        raise Unsent("neither tokens nor a refusal")
    kept = {name: told[name] for name in _TOLD if isinstance(told.get(name), str)}
    return httpx2.Response(_OK, json=kept, request=answer.request)
