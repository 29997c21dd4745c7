"""An identity provider of the tests' own: discovery, keys, sign-in with PKCE, tokens; and every way to do it wrong."""

import base64
import hashlib
import json
import time
from functools import cache
from urllib.parse import parse_qs, unquote_plus, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "daeri", "the client's secret"


@cache
def a_key() -> rsa.RSAPrivateKey:
    """A key that every provider may have: to make one takes as long as a dozen sign-ins."""
    return rsa.generate_private_key(65537, 2048)


class Provider:
    """Signs in whoever `claims` says, without asking."""

    def __init__(self) -> None:
        self.keys = {"one": a_key()}
        self.url = ""
        self.claims = {"sub": "u-1", "preferred_username": "owner", "groups": ["sales"]}
        self.codes: dict[str, dict] = {}
        self.asked = 0
        self.over: dict = {}
        """What the next id token says otherwise."""
        self.beside: dict | None = None
        """What it tells at its userinfo endpoint; None = it has none."""
        self.promises: dict = {}
        """What more it says of itself."""
        self.secret = SECRET
        self.shown = ""
        """How the client showed last who it is."""
        self.listed: object = None
        """Which keys it lists instead of its own, or how else it answers."""
        self.answer: Response | None = None
        """What its token endpoint says instead of the truth."""
        self.told: dict = {}
        """What else it says beside the tokens."""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.about),
                Route("/keys", self.jwks),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/userinfo", self.userinfo),
            ]
        )

    async def about(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                **({} if self.beside is None else {"userinfo_endpoint": f"{self.url}/userinfo"}),
                **self.promises,
            }
        )

    async def jwks(self, _: Request) -> Response:
        self.asked += 1
        keys = [
            {**json.loads(_algorithm(key).to_jwk(key.public_key())), "kid": kid, "use": "sig"}
            for kid, key in self.keys.items()
        ]
        keys += [{"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}, {"kty": "new"}]
        listed = self.listed
        return listed if isinstance(listed, Response) else JSONResponse({"keys": keys if listed is None else listed})

    async def userinfo(self, request: Request) -> Response:
        known = request.headers.get("authorization") == "Bearer opaque"
        return JSONResponse(self.beside) if known else JSONResponse({"error": "invalid_token"}, 401)

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 303)

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if self.answer is not None:
            return self.answer
        name, secret = self._shown(request, form)
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        fits = asked is not None and asked["code_challenge"] == challenge.decode()
        if not fits or (name, secret) != (CLIENT, self.secret) or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {**self.claims, "aud": CLIENT, "nonce": asked["nonce"], **self.over}
        tokens = {"access_token": "opaque", "token_type": "Bearer", "id_token": self.sign(claims)}
        return JSONResponse(tokens | self.told)

    def _shown(self, request: Request, form: dict) -> tuple[str, str]:
        both = request.headers.get("authorization")
        self.shown = "basic" if both else "post" if "client_secret" in form else "none"
        if both is None:
            return form["client_id"], form.get("client_secret", "")
        name, _, secret = base64.b64decode(both[6:]).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)

    def sign(self, claims: dict, *, kid: str = "one", key=None, algorithm: str | None = None, **headers) -> str:
        """Sign claims; where they do not say otherwise, they are of this provider and of now."""
        now = int(time.time())
        whole = {"iss": self.url, "sub": "u-1", "iat": now, "exp": now + 300, **claims}
        key = key if key is not None else self.keys[kid]
        method = algorithm or _method(key)
        return jwt.encode(
            {name: value for name, value in whole.items() if value is not None},
            key,
            algorithm=method,
            headers={"kid": kid, **headers},
        )


def _method(key) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    return "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"


def _algorithm(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return jwt.algorithms.OKPAlgorithm()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
    return jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
