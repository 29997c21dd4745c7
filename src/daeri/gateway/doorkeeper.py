"""Who is it that sends a request? Their credential, turned into an actor with the rights they have now.

What the actor may do is decided by the services, never here.
"""

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from daeri.errors import DaeriError, PermissionDenied, Unauthenticated
from daeri.gateway.guard import Options
from daeri.gateway.issuer import Issuer
from daeri.gateway.resource import EVERYTHING, WELL_KNOWN, InsufficientScope, limits_of
from daeri.operations.limits import Limiter
from daeri.records.actor import Actor
from daeri.records.identity import Identity
from daeri.records.standing import VOUCHED
from daeri.wording import Text

CREDENTIAL_MAX: Final = 512
"""Characters of a key or token; ours are under 60, and hashing longer ones is only work for an attacker."""
TOKEN_MAX: Final = 8192
"""Characters of a signed token, which carries its claims along."""
LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999; a token that ends later ends for us there."""
RECENT_SECONDS: Final = 1.0
"""How old a look at a credential may be where a request is only passed on to a model."""
RECENT_MAX: Final = 10_000
RESOURCES: Final = ("mcp", "a2a")
"""Doors that tokens may be made for alone."""
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN: Final = Text("다른 사이트에서 보낸 요청은 받지 않아요", "Requests from pages of other sites are not taken")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller showed, for looking at it again while a connection stays open.

    Attributes:
        door: the protocol it was shown to.
    """

    kind: Literal["key", "session"]
    secret: str = field(repr=False)
    door: str


class Doorkeeper:
    """Turns the credential of a request into an actor."""

    def __init__(
        self, identity: Identity, options: Options, issuer: Issuer | None = None, limiter: Limiter | None = None
    ) -> None:
        """Take who knows the accounts, how the server is reached, who else vouches for people, and who counts."""
        self._identity = identity
        self._limiter = limiter or Limiter()
        self._options = options
        self._recent: dict[Credential, tuple[float, Actor]] = {}
        self._issuer = issuer

    async def actor(self, request: Request, door: str, *, acts: bool = False) -> Actor:
        """Return who sends a request: by key, else by session cookie.

        `acts` says that it may change something, though its method says that it does not.

        Raises:
            Unauthenticated: neither, or it does not hold.
            PermissionDenied: a write with a cookie that another site's page sent.
            RateLimited: they ask too often.
        """
        credential = self.credential(request, door)
        if credential.kind == "session":
            check_origin(request)
        reads = only_reads(request) and not acts
        return await self._admitted(request, await self.actor_of(credential, reads=reads))

    def credential(self, connection: HTTPConnection, door: str) -> Credential:
        """Return what a request or a WebSocket shows: a key, else a session cookie.

        Raises:
            Unauthenticated: neither, or not in the form of one.
        """
        authorization = connection.headers.get("authorization")
        if authorization is not None:
            return Credential("key", _bearer(authorization), door)
        token = connection.cookies.get(self._options.cookie, "")
        if not token or len(token) > CREDENTIAL_MAX:
            raise Unauthenticated
        return Credential("session", token, door)

    async def actor_of(self, credential: Credential, *, reads: bool = False) -> Actor:
        """Return who stands behind a credential now, with the rights they have now.

        `reads` says that nothing can be changed by what is asked.

        Raises:
            Unauthenticated: it does not hold, or no longer.
        """
        if credential.kind == "key":
            return await self.holder(credential.secret, credential.door)
        return replace(await self._identity.actor_of_session(credential.secret, reads=reads), door=credential.door)

    async def recent(self, request: Request, door: str) -> tuple[Actor, Credential]:
        """Return who sends a request, as known within the last second: for what no record and no right depends on.

        What they show comes with it, to be looked at again.

        Raises:
            Unauthenticated: no credential, or it does not hold.
            PermissionDenied: as `actor`.
        """
        credential, now = self.credential(request, door), time.monotonic()
        if credential.kind == "session":
            check_origin(request)
        known = self._recent.get(credential)
        if known is not None and now - known[0] < RECENT_SECONDS:
            return await self._admitted(request, known[1]), credential
        actor = await self._admitted(request, await self.actor_of(credential, reads=only_reads(request)))
        if len(self._recent) >= RECENT_MAX:
            self._recent.clear()
        self._recent[credential] = (now, actor)
        return actor, credential

    async def still(self, connection: HTTPConnection, door: str) -> Actor:
        """Return who stands behind a request that was let in and goes on, as they stand now; it is not counted again.

        Raises:
            Unauthenticated: what it showed does not hold any more.
        """
        return await self.actor_of(self.credential(connection, door))

    async def bearer(self, request: Request, door: str) -> Actor:
        """Return who sends a request that carries a key; a cookie is no credential here.

        Raises:
            Unauthenticated: there is no key, or it does not hold.
        """
        holder = await self.holder(_bearer(request.headers.get("authorization", "")), door)
        return await self._admitted(request, holder)

    async def count(self, actor: Actor) -> object:
        """Count one more call of an actor who is let in already.

        Raises:
            RateLimited: they ask too often.
        """
        return await self._limiter.request(actor)

    async def visit(self, request: Request) -> None:
        """Count a request of nobody in particular, by its address.

        Raises:
            RateLimited: there were too many.
        """
        request.state.left = await self._limiter.visit(request.client.host if request.client else "")

    async def _admitted(self, request: Request, actor: Actor) -> Actor:
        """Count the request against its sender's limits, and keep for the answer how much is left."""
        request.state.left = await self._limiter.request(actor)
        return actor

    async def holder(self, credential: str, door: str) -> Actor:
        """Return who stands behind a key or a token.

        Raises:
            Unauthenticated: it does not hold.
        """
        if self._issuer is not None and _is_signed(credential):
            return await self._vouched(self._issuer, credential, door)
        if not credential or len(credential) > CREDENTIAL_MAX:
            raise Unauthenticated
        return await self._identity.actor_of_key(credential, door)

    async def _vouched(self, issuer: Issuer, token: str, door: str) -> Actor:
        """Return whom a token of the provider stands for, within its scope; it never decides."""
        base = self._options.public_url.rstrip("/")
        claims = await issuer.claims(token, {base, f"{base}/{door}"} if door in RESOURCES else {base})
        agent = claims.get("act", {}).get("sub") if isinstance(claims.get("act"), dict) else None
        actor = await self._identity.actor_of_login(
            issuer.subject_of(claims),
            issuer.login_of(claims),
            door,
            scopes=limits_of(claims),
            credential=f"{VOUCHED}{str(claims.get('jti', ''))[:40]}",
        )
        actor = replace(actor, root=f"{VOUCHED}{actor.person_id}")  # a fresh token is no fresh quota
        return actor if agent is None else self._identity.narrowed(actor, str(agent))

    async def end_of(self, credential: str) -> datetime | None:
        """Return when a provider's token ends; None for a key of ours, whose end is known where it is kept.

        Raises:
            Unauthenticated: it does not hold.
        """
        if self._issuer is None or not _is_signed(credential):
            return None
        claims = await self._issuer.claims(credential, {self._options.public_url.rstrip("/")})
        return datetime.fromtimestamp(min(claims["exp"], LAST_SECOND), UTC)

    def challenge(self, error: DaeriError, request: Request, path: str) -> dict[str, str]:
        """Return how to come in properly, for a caller who was refused at a resource's path (RFC 9728 §5.1)."""
        if self._issuer is None or not isinstance(error, Unauthenticated | InsufficientScope):
            return {}
        parts = ['Bearer realm="daeri"', f'resource_metadata="{self.base(request)}{WELL_KNOWN}{path}"']
        if isinstance(error, InsufficientScope):
            parts += ['error="insufficient_scope"', f'scope="{EVERYTHING}"']
        elif "authorization" in request.headers:
            parts.append('error="invalid_token"')
        return {"WWW-Authenticate": ", ".join(parts)}

    def cookie(self, use: str) -> str:
        """Return the name of a cookie: of the session, or of a sign-in that is under way."""
        return self._options.cookie if use == "session" else f"{self._options.cookie}_{use}"

    def set_cookie(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        """Set a cookie as ours are: out of scripts' reach, and not sent along by other sites' forms."""
        secure = self._options.secure_cookies
        response.set_cookie(name, value, max_age=seconds, secure=secure, httponly=True, samesite="lax", path="/")

    def base(self, request: Request) -> str:
        """Return the address of this server, as clients outside reach it."""
        return self._options.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"

    def check_page(self, request: HTTPConnection) -> None:
        """Refuse what a page sent that is neither ours nor one of those that may call the API, whatever it carries.

        Raises:
            PermissionDenied: a web page of elsewhere, such as one whose name was bound to our address.
        """
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._options.origins and not _is_own(origin, request):
            raise PermissionDenied(_FOREIGN)


def only_reads(request: Request) -> bool:
    """Say whether a request can change nothing, by its method."""
    return request.method in _SAFE_METHODS


def check_origin(request: Request) -> None:
    """Refuse a write that a page of another site sent with a cookie.

    Browsers name the origin on every write and scripts cannot change it; other clients send neither header.

    Raises:
        PermissionDenied: the page is not ours.
    """
    if only_reads(request):
        return
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    if site not in ("same-origin", "none") or not (origin is None or _is_own(origin, request)):
        raise PermissionDenied(_FOREIGN)


def _is_own(origin: str, request: HTTPConnection) -> bool:
    # A proxy may end TLS before us, so the scheme says nothing here.
    host = request.headers.get("host", "").lower()
    return origin.lower() in (f"http://{host}", f"https://{host}")


def _is_signed(credential: str) -> bool:
    """Say whether a credential has the form of a signed token; ours never do."""
    return credential.startswith("ey") and credential.count(".") == 2  # noqa: PLR2004 - head, claims, signature


def _bearer(authorization: str) -> str:
    scheme, _, key = authorization.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key or len(key) > (TOKEN_MAX if _is_signed(key) else CREDENTIAL_MAX):
        raise Unauthenticated(
            Text("Authorization: Bearer KEY 형식으로 보내 주세요", "Send the key as Authorization: Bearer KEY")
        )
    return key
