"""May a request come in at all? What happens before any protocol reads it: it gets an id, bounds and safe headers."""

import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daeri.errors import DaeriError
from daeri.gateway.issuer import IssuerOptions
from daeri.gateway.problems import SAFE_HEADERS, problem_response
from daeri.gateway.refusals import HeadersTooLarge, Misdirected, PayloadTooLarge
from daeri.gateway.timing import Timing
from daeri.gateway.wire import language
from daeri.log import HOPS, bind, follow_hops, follow_trace, new_request_id, traceparent, unbind
from daeri.operations.limits import Left
from daeri.tracing import NOTHING, Tracer, here
from daeri.wording import Text

HEADERS_MAX: Final = 100
CORS_SECONDS: Final = 600
FILE_PATHS: Final = frozenset({"/v1/documents", "/documents"})
OPENAI_HEADERS: Final = (
    *("OpenAI-Organization", "OpenAI-Project"),
    *(f"X-Stainless-{name}" for name in ("Arch", "Helper-Method", "Lang", "OS", "Package-Version", "Retry-Count")),
    *(f"X-Stainless-{name}" for name in ("Runtime", "Runtime-Version", "Timeout")),
)
"""What OpenAI's library sends from a page; a browser asks whether it may, and sends nothing where it may not."""
FORM_AROUND: Final = 64 * 1024
"""Bytes of the fields and boundaries beside a file."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")
_HOST: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_SAFE: Final = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]
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
        bound = bind(**about)
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
            unbind(bound)
            # It knows the scope, and what refers to itself is left to the garbage collector.
            scope["state"].pop("straight", None)
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


def middleware(options: Options, timing: Timing | None = None, tracer: Tracer | None = None) -> list[Middleware]:
    """Return what stands before the application, outermost first."""
    stack = [Middleware(Guard, options=options, timing=timing, tracer=tracer)]
    if options.origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(options.origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=[
                "A2A-Extensions",
                "A2A-Version",
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
                "Traceparent",
                "X-Request-Id",
                *OPENAI_HEADERS,
            ],
            expose_headers=[
                *("Age", "ETag", "Link", "Location", "Mcp-Session-Id", "RateLimit", "RateLimit-Policy", "Retry-After"),
                *("TraceResponse", "WWW-Authenticate", "X-Request-Id", "X-Should-Retry"),
            ],
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
