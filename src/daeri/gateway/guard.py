"""Who is it, and may the request come in at all? What happens before any protocol reads a request.

`Guard` bounds and marks every request; `Doorkeeper` turns its credential into an Actor. What the actor may do is
decided by the services, never here.
"""

import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, Literal

import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daeri.errors import DaeriError, PermissionDenied, Unauthenticated
from daeri.gateway.issuer import Issuer, IssuerOptions
from daeri.gateway.problems import SAFE_HEADERS, problem_response
from daeri.gateway.refusals import HeadersTooLarge, Misdirected, PayloadTooLarge
from daeri.gateway.resource import EVERYTHING, WELL_KNOWN, InsufficientScope, limits_of
from daeri.gateway.timing import Timing
from daeri.gateway.wire import language
from daeri.log import HOPS, follow_hops, follow_trace, new_request_id, traceparent
from daeri.operations.limits import Left, Limiter
from daeri.records.actor import Actor
from daeri.records.identity import Identity
from daeri.records.standing import VOUCHED
from daeri.tracing import NOTHING, Tracer, here
from daeri.wording import Text

HEADERS_MAX: Final = 100
CREDENTIAL_MAX: Final = 512
"""Characters of a key or token; ours are under 60, and hashing longer ones is only work for an attacker."""
TOKEN_MAX: Final = 8192
"""Characters of a signed token, which carries its claims along."""
CORS_SECONDS: Final = 600
RECENT_SECONDS: Final = 1.0
"""How old a look at a credential may be where a request is only passed on to a model."""
RECENT_MAX: Final = 10_000
FILE_PATHS: Final = frozenset({"/v1/documents", "/documents"})
FORM_AROUND: Final = 64 * 1024
"""Bytes of the fields and boundaries beside a file."""

RESOURCES: Final = ("mcp", "a2a")
"""Doors that tokens may be made for alone."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")
_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SAFE: Final = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]
_FOREIGN: Final = Text("다른 사이트에서 보낸 요청은 받지 않아요", "Requests from pages of other sites are not taken")
_STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")


@dataclass(frozen=True, slots=True)
class NewsOptions:
    """Where news of approvals goes: by mail, to a webhook, to both.

    Attributes:
        smtp_url: the mail server, with its password.
        mail_from: the sender.
        hook, hook_secret: the webhook, and what signs the bodies sent there.
    """

    smtp_url: str = field(default="", repr=False)
    mail_from: str = ""
    hook: str = ""
    hook_secret: str = field(default="", repr=False)

    @property
    def is_wanted(self) -> bool:
        """Whether there is anywhere to send to."""
        return bool(self.smtp_url or self.hook)


@dataclass(frozen=True, slots=True)
class Options:
    """How this server is reached, as far as its wire cares.

    Attributes:
        secure_cookies: served over https; the session cookie then carries `__Host-`.
        body_max, headers_max: bytes of a request.
        file_max: bytes of a file, at the paths where files come.
        hosts: the names this server answers to ("daeri.example.com", "*.example.com", "[::1]"); none = any.
        origins: the web origins whose scripts may call the API with a key; none by default.
        version: told in the API's description.
        public_url: where clients reach this server, where that is not what their requests name.
        push_private: news of runs may be sent to addresses inside the network too.
        issuer: the company's identity provider, whose tokens are taken too.
        news: where news of approvals goes; nowhere by default.
    """

    secure_cookies: bool = False
    body_max: int = 1024 * 1024
    headers_max: int = 32 * 1024
    file_max: int = 100 * 1024 * 1024
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()
    version: str = "0"
    public_url: str = ""
    push_private: bool = False
    issuer: IssuerOptions | None = None
    news: NewsOptions = field(default_factory=NewsOptions)

    @property
    def cookie(self) -> str:
        """The name of the session cookie; only the one that fits the transport is read."""
        return "__Host-daeri" if self.secure_cookies else "daeri_session"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller showed, for looking at it again while a connection stays open.

    Attributes:
        door: the protocol it was shown to.
    """

    kind: Literal["key", "session"]
    secret: str = field(repr=False)
    door: str


class Guard:
    """Gives each request an id, bounds it, and puts safe headers on each response. Plain ASGI: no task of its own."""

    def __init__(
        self, app: ASGIApp, options: Options, timing: Timing | None = None, tracer: Tracer | None = None
    ) -> None:
        """Stand before an application; note in `timing` how long its answers take, and tell it to a `tracer`."""
        self._app = app
        self._tracer = tracer
        self._options = options
        self._timing = timing or Timing()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it before anyone reads its body."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        caller = headers.get("traceparent", "")
        if self._tracer is None:
            await self._serve(scope, receive, send, headers, follow_trace(caller))
            return
        method = scope.get("method", "WS")
        with self._tracer.entered(method, "server", caller, http__request__method=method) as span:
            await self._serve(scope, receive, send, headers, span.part)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, trace: Mapping[str, str]
    ) -> None:
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        client = scope.get("client")
        about = {"request_id": request_id, **trace} | ({"client": client[0]} if client else {})
        about |= follow_hops(headers.get(HOPS, ""))
        scope["state"]["straight"] = send
        told: dict[str, int] = {}
        marked = self._marked(scope, send, {b"x-request-id": request_id, b"traceresponse": traceparent(trace)}, told)
        bound = structlog.contextvars.bind_contextvars(**about)
        started = time.perf_counter()
        try:
            refusal = self._refusal(scope, headers)
            if refusal is not None:
                response = problem_response(refusal, language(headers), request_id, path=scope["path"])
                await response(scope, receive, marked)
            else:
                bounded = self._bounded(receive, self._most(scope)) if "transfer-encoding" in headers else receive
                await self._app(scope, bounded, marked)
        finally:
            structlog.contextvars.reset_contextvars(**bound)
            if scope["type"] == "http":
                # A fault of ours is answered outside of every middleware; whoever writes straight has begun well.
                status = told.get("status", 500 if sys.exc_info()[0] else 200)
                _told(scope, status)
                self._timing.note(scope["path"], scope["method"], status, time.perf_counter() - started)

    def _refusal(self, scope: Scope, headers: Headers) -> DaeriError | None:
        raw: list[tuple[bytes, bytes]] = scope["headers"]
        if len(raw) > HEADERS_MAX or sum(len(name) + len(value) for name, value in raw) > self._options.headers_max:
            return HeadersTooLarge()
        if self._options.hosts and not _is_known_host(headers.get("host", ""), self._options.hosts):
            return Misdirected()
        length = headers.get("content-length", "0")
        most = self._most(scope)
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > most:
            return PayloadTooLarge(self._too_large(most))
        return None

    def _most(self, scope: Scope) -> int:
        """Return how large a request's body may be: where files come, a file and the form around it."""
        takes_file = scope.get("method") == "POST" and scope["path"] in FILE_PATHS
        return self._options.file_max + FORM_AROUND if takes_file else self._options.body_max

    @staticmethod
    def _too_large(most: int) -> Text:
        return Text(f"본문은 {most:,}바이트까지 받아요", f"A body may have {most:,} bytes")

    def _bounded(self, receive: Receive, most: int) -> Receive:
        """Count a body that does not tell its length beforehand."""
        seen = 0

        async def count() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise PayloadTooLarge(self._too_large(most))
            return message

        return count

    def _marked(self, scope: Scope, send: Send, more: Mapping[bytes, str], told: dict[str, int]) -> Send:
        """Put headers on an answer, and note its status."""
        always = [(name, value.encode()) for name, value in more.items()]
        if self._options.secure_cookies:
            always.append(_STRICT_TRANSPORT)

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                own = message["headers"] = list(message.get("headers", ()))
                names = {name.lower() for name, _ in own}
                own += [header for header in (*_SAFE, *always) if header[0] not in names]
                own += [] if b"ratelimit" in names else _limits_of(scope["state"].get("left"))
            await send(message)

        return mark


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

    async def actor(self, request: Request, door: str) -> Actor:
        """Return who sends a request: by key, else by session cookie.

        Raises:
            Unauthenticated: neither, or it does not hold.
            PermissionDenied: a write with a cookie that another site's page sent.
            RateLimited: they ask too often.
        """
        credential = self.credential(request, door)
        if credential.kind == "session":
            check_origin(request)
        return await self._admitted(request, await self.actor_of(credential))

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

    async def actor_of(self, credential: Credential) -> Actor:
        """Return who stands behind a credential now, with the rights they have now.

        Raises:
            Unauthenticated: it does not hold, or no longer.
        """
        if credential.kind == "key":
            return await self.holder(credential.secret, credential.door)
        return replace(await self._identity.actor_of_session(credential.secret), door=credential.door)

    async def recent(self, request: Request, door: str) -> Actor:
        """Return who sends a request, as known within the last second: for what no record and no right depends on.

        Raises:
            Unauthenticated: no credential, or it does not hold.
            PermissionDenied: as `actor`.
        """
        credential, now = self.credential(request, door), time.monotonic()
        if credential.kind == "session":
            check_origin(request)
        known = self._recent.get(credential)
        if known is not None and now - known[0] < RECENT_SECONDS:
            return await self._admitted(request, known[1])
        actor = await self._admitted(request, await self.actor_of(credential))
        if len(self._recent) >= RECENT_MAX:
            self._recent.clear()
        self._recent[credential] = (now, actor)
        return actor

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
        return datetime.fromtimestamp(claims["exp"], UTC)

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


def middleware(options: Options, timing: Timing | None = None, tracer: Tracer | None = None) -> list[Middleware]:
    """Return what stands before the application, outermost first."""
    stack = [Middleware(Guard, options=options, timing=timing, tracer=tracer)]
    if options.origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(options.origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=[
                "Accept-Language",
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "Last-Event-ID",
                "MCP-Protocol-Version",
                "Mcp-Method",
                "Mcp-Name",
                "Mcp-Session-Id",
                "X-Request-Id",
            ],
            expose_headers=["ETag", "Link", "Location", "Mcp-Session-Id", "Retry-After", "X-Request-Id"],
            max_age=CORS_SECONDS,
        )
        stack.append(cors)
    return stack


def _told(scope: Scope, status: int) -> None:
    """Tell the trace what a request was: its route, never its address, as that may hold what people wrote."""
    span = here()
    if span is NOTHING:
        return
    if "endpoint" in scope:
        route = scope["path"]
        for name, value in scope.get("path_params", {}).items():
            route = route.replace(f"/{value}", f"/{{{name}}}", 1)
        span.name(f"{scope.get('method', 'WS')} {route}")
        span.note(http__route=route)
    span.note(http__response__status_code=status, daeri__request_id=scope["state"]["request_id"])
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(str(status))


def straight(scope: Scope, send: Send) -> Send:
    """Return the way for the pieces of a body that has begun, past everything that only looks at its beginning."""
    way: Send = scope.get("state", {}).get("straight", send)
    return way


def check_origin(request: Request) -> None:
    """Refuse a write that a page of another site sent with a cookie.

    Browsers name the origin on every write and scripts cannot change it; other clients send neither header.

    Raises:
        PermissionDenied: the page is not ours.
    """
    if request.method in _SAFE_METHODS:
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


def _request_id(headers: Headers) -> str:
    sent = headers.get("x-request-id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else new_request_id()


def _limits_of(left: Left | None) -> list[tuple[bytes, bytes]]:
    """Tell how much of the nearest limit is left (draft-ietf-httpapi-ratelimit-headers-10)."""
    if left is None:
        return []
    limit = left.limit
    return [
        (b"ratelimit-policy", f'"{limit.policy}";q={limit.most};w={limit.seconds}'.encode()),
        (b"ratelimit", f'"{limit.policy}";r={left.left};t={left.seconds}'.encode()),
    ]


def _is_known_host(header: str, hosts: Sequence[str]) -> bool:
    parts = _HOST.fullmatch(header)
    if parts is None:
        return False
    name = parts["name"].lower()
    return any(name == host.lower() or (host.startswith("*.") and name.endswith(host[1:].lower())) for host in hosts)
