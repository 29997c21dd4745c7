"""Who is it, and may the request come in at all? What happens before any protocol reads a request.

`Guard` bounds and marks every request; `Doorkeeper` turns its credential into an Actor. What the actor may do is
decided by the services, never here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from daeri.errors import DaeriError, PermissionDenied, Unauthenticated
from daeri.gateway.problems import SAFE_HEADERS, problem_response
from daeri.gateway.refusals import HeadersTooLarge, Misdirected, PayloadTooLarge
from daeri.gateway.wire import language
from daeri.records.actor import Actor
from daeri.records.identity import Identity
from daeri.wording import Text

HEADERS_MAX: Final = 100
CREDENTIAL_MAX: Final = 512
"""Characters of a key or token; ours are under 60, and hashing longer ones is only work for an attacker."""
CORS_SECONDS: Final = 600

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")
_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SAFE: Final = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]
_FOREIGN: Final = Text("다른 사이트에서 보낸 요청은 받지 않아요", "Requests from pages of other sites are not taken")
_STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")


@dataclass(frozen=True, slots=True)
class Options:
    """How this server is reached, as far as its wire cares.

    Attributes:
        secure_cookies: served over https; the session cookie then carries `__Host-`.
        body_max, headers_max: bytes of a request.
        hosts: the names this server answers to ("daeri.example.com", "*.example.com", "[::1]"); none = any.
        origins: the web origins whose scripts may call the API with a key; none by default.
        version: told in the API's description.
        public_url: where clients reach this server, where that is not what their requests name.
        push_private: news of runs may be sent to addresses inside the network too.
    """

    secure_cookies: bool = False
    body_max: int = 1024 * 1024
    headers_max: int = 32 * 1024
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()
    version: str = "0"
    public_url: str = ""
    push_private: bool = False

    @property
    def cookie(self) -> str:
        """The name of the session cookie; only the one that fits the transport is read."""
        return "__Host-daeri" if self.secure_cookies else "daeri_session"


class Guard:
    """Gives each request an id, bounds it, and puts safe headers on each response. Plain ASGI: no task of its own."""

    def __init__(self, app: ASGIApp, options: Options) -> None:
        """Stand before an application."""
        self._app = app
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it before anyone reads its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        # The server gives each request its own context, so what is bound here ends with the request.
        client = scope.get("client")
        structlog.contextvars.bind_contextvars(request_id=request_id, **({"client": client[0]} if client else {}))
        marked = self._marked(send, request_id)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await problem_response(refusal, language(headers), request_id)(scope, receive, marked)
            return
        bounded = self._bounded(receive) if "transfer-encoding" in headers else receive
        await self._app(scope, bounded, marked)

    def _refusal(self, scope: Scope, headers: Headers) -> DaeriError | None:
        raw: list[tuple[bytes, bytes]] = scope["headers"]
        if len(raw) > HEADERS_MAX or sum(len(name) + len(value) for name, value in raw) > self._options.headers_max:
            return HeadersTooLarge()
        if self._options.hosts and not _is_known_host(headers.get("host", ""), self._options.hosts):
            return Misdirected()
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > self._options.body_max:
            return PayloadTooLarge(self._too_large())
        return None

    def _too_large(self) -> Text:
        most = self._options.body_max
        return Text(f"본문은 {most:,}바이트까지 받아요", f"A body may have {most:,} bytes")

    def _bounded(self, receive: Receive) -> Receive:
        """Count a body that does not tell its length beforehand."""
        seen = 0

        async def count() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._options.body_max:
                raise PayloadTooLarge(self._too_large())
            return message

        return count

    def _marked(self, send: Send, request_id: str) -> Send:
        always = [(b"x-request-id", request_id.encode())]
        if self._options.secure_cookies:
            always.append(_STRICT_TRANSPORT)

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message["headers"] = list(message.get("headers", ()))
                names = {name.lower() for name, _ in own}
                own += [header for header in (*_SAFE, *always) if header[0] not in names]
            await send(message)

        return mark


class Doorkeeper:
    """Turns the credential of a request into an actor."""

    def __init__(self, identity: Identity, options: Options) -> None:
        """Take who knows the accounts, and the cookie's name."""
        self._identity = identity
        self._options = options

    async def actor(self, request: Request, door: str) -> Actor:
        """Return who sends a request: by key, else by session cookie.

        Raises:
            Unauthenticated: neither, or it does not hold.
            PermissionDenied: a write with a cookie that another site's page sent.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            return await self._identity.actor_of_key(_bearer(authorization), door)
        token = request.cookies.get(self._options.cookie, "")
        if not token or len(token) > CREDENTIAL_MAX:
            raise Unauthenticated
        check_origin(request)
        actor = await self._identity.actor_of_session(token)
        return replace(actor, door=door)

    async def bearer(self, request: Request, door: str) -> Actor:
        """Return who sends a request that carries a key; a cookie is no credential here.

        Raises:
            Unauthenticated: there is no key, or it does not hold.
        """
        return await self._identity.actor_of_key(_bearer(request.headers.get("authorization", "")), door)

    def base(self, request: Request) -> str:
        """Return the address of this server, as clients outside reach it."""
        return self._options.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"

    def check_page(self, request: Request) -> None:
        """Refuse what a page sent that is neither ours nor one of those that may call the API, whatever it carries.

        Raises:
            PermissionDenied: a web page of elsewhere, such as one whose name was bound to our address.
        """
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._options.origins and not _is_own(origin, request):
            raise PermissionDenied(_FOREIGN)


def middleware(options: Options) -> list[Middleware]:
    """Return what stands before the application, outermost first."""
    stack = [Middleware(Guard, options=options)]
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
                "X-Request-Id",
            ],
            expose_headers=["ETag", "Link", "Location", "Retry-After", "X-Request-Id"],
            max_age=CORS_SECONDS,
        )
        stack.append(cors)
    return stack


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


def _is_own(origin: str, request: Request) -> bool:
    # A proxy may end TLS before us, so the scheme says nothing here.
    host = request.headers.get("host", "").lower()
    return origin.lower() in (f"http://{host}", f"https://{host}")


def _bearer(authorization: str) -> str:
    scheme, _, key = authorization.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key or len(key) > CREDENTIAL_MAX:
        raise Unauthenticated(
            Text("Authorization: Bearer KEY 형식으로 보내 주세요", "Send the key as Authorization: Bearer KEY")
        )
    return key


def _request_id(headers: Headers) -> str:
    sent = headers.get("x-request-id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else f"req_{ULID()}"


def _is_known_host(header: str, hosts: Sequence[str]) -> bool:
    parts = _HOST.fullmatch(header)
    if parts is None:
        return False
    name = parts["name"].lower()
    return any(name == host.lower() or (host.startswith("*.") and name.endswith(host[1:].lower())) for host in hosts)
