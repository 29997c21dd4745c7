"""How does an error look on HTTP? Problem bodies (RFC 9457) with their headers, for every exception there may be.

What went wrong, and in which words, is in daeri.errors and refusals.py.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from daeri.errors import (
    ALL_ERRORS,
    DaeriError,
    FieldError,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthenticated,
    ValidationFailed,
)
from daeri.gateway.openai import errors as openai
from daeri.gateway.refusals import REFUSALS
from daeri.gateway.wire import encode, language
from daeri.operations.misfits import worded
from daeri.wording import Lang, Text

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final[Mapping[int, int]] = {429: 10, 503: 5}
"""When to come back where the error itself does not say (`extra["retry_after"]`)."""

LIMIT_HEADERS: Final = ("RateLimit-Policy", "RateLimit")
"""What tells callers of limits, on answers and on refusals."""
SAFE_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every response carries that does not say otherwise itself, as pages do."""

ErrorPage = Callable[[Request, DaeriError], Awaitable[Response | None]]
"""Renders an error for a browser; None where the request does not come from one."""

Handler = Callable[[Request, Any], Awaitable[Response]]

log = structlog.get_logger()


KNOWN: Final[Mapping[str, type[DaeriError]]] = {error.code: error for error in (*ALL_ERRORS, *REFUSALS)}
"""Every problem this server may answer with, by its code."""

_BY_STATUS: Final[Mapping[int, type[DaeriError]]] = {404: NotFound} | {error.status: error for error in REFUSALS}


def request_id_of(request: Request) -> str:
    """Return the id that the guard gave the request; "" outside the guard."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def problem_response(
    error: DaeriError, lang: Lang, request_id: str = "", headers: Mapping[str, str] | None = None, path: str = ""
) -> Response:
    """Write an error as a problem, or as the path's own protocol has it, with the headers its status asks for."""
    if openai.is_openai(path):
        return _openai_response(error, lang, request_id, headers or {})
    more = {"Content-Language": lang, "Vary": "Accept-Language", **(headers or {})}
    if error.status == Unauthenticated.status:
        more.setdefault("WWW-Authenticate", 'Bearer realm="daeri"')
    if error.status in RETRY_SECONDS:
        more["Retry-After"] = str(error.extra.get("retry_after", RETRY_SECONDS[error.status]))
    more |= _limit_of(error)
    return Response(encode(error.problem(lang, request_id)), error.status, headers=more, media_type=MEDIA_TYPE)


def _openai_response(error: DaeriError, lang: Lang, request_id: str, headers: Mapping[str, str]) -> Response:
    status = openai.status_of(error)
    more = dict(headers)
    if status == Unauthenticated.status:
        more.setdefault("WWW-Authenticate", 'Bearer realm="daeri"')
    wait = getattr(error, "wait_seconds", None) or error.extra.get("retry_after", RETRY_SECONDS.get(status))
    if status in RETRY_SECONDS:
        more["Retry-After"] = str(int(wait or 0))
    more |= _limit_of(error)
    body = encode(openai.error_body(error, lang, request_id))
    return Response(body, status, headers=more, media_type="application/json")


def _limit_of(error: DaeriError) -> dict[str, str]:
    """Tell which limit is reached, and when it lets through again (draft-ietf-httpapi-ratelimit-headers-10)."""
    limit = error.extra.get("limit")
    if not isinstance(error, RateLimited) or limit is None:
        return {}
    window = f";w={limit['w']}" if "w" in limit else ""  # a quota's days and months are no window that moves
    policy = f'"{limit["name"]}";q={limit["q"]}{window}'
    return {LIMIT_HEADERS[0]: policy, LIMIT_HEADERS[1]: f'"{limit["name"]}";r=0;t={error.extra["retry_after"]}'}


class Problems:
    """The application's exception handlers."""

    def __init__(self, page: ErrorPage | None = None) -> None:
        """Take what renders errors for browsers, if anything does."""
        self._page = page

    def handlers(self) -> dict[int | type[Exception], Handler]:
        """Return which handler answers for which exception."""
        return {
            DaeriError: self.on_error,
            HTTPException: self.on_http,
            RequestValidationError: self.on_invalid,
            ClientDisconnect: self.on_gone,
            Exception: self.on_unexpected,
        }

    async def on_error(self, request: Request, error: DaeriError) -> Response:
        """Answer with an error of Daeri's own."""
        return await self._answer(request, error)

    async def on_http(self, request: Request, error: HTTPException) -> Response:
        """Answer with what the router or a static file found wrong."""
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = ", ".join(sorted(headers["Allow"].replace(" ", "").split(",")))
        kind = _BY_STATUS.get(error.status_code)
        if kind is not None:
            return await self._answer(request, kind(), headers)
        refused = error.status_code < 500  # noqa: PLR2004 - the border between the client's and the server's fault
        found = InvalidRequest(Text(error.detail, error.detail)) if refused else DaeriError()
        return await self._answer(request, found, headers)

    async def on_invalid(self, request: Request, error: RequestValidationError) -> Response:
        """Answer for a route that declares its parameters to FastAPI."""
        errors = [FieldError("".join(f"/{part}" for part in item["loc"][1:]), worded(item)) for item in error.errors()]
        return await self._answer(request, ValidationFailed(errors=errors))

    async def on_gone(self, request: Request, error: ClientDisconnect) -> Response:
        """Nobody is there any more to hear the answer."""
        del request, error
        return Response(status_code=InvalidRequest.status)

    async def on_unexpected(self, request: Request, error: Exception) -> Response:
        """Answer for a fault of ours: its insides go to the log, never to the caller."""
        request_id = request_id_of(request)
        log.error("request.failed", path=request.url.path, request_id=request_id, exc_info=error)
        response = await self._answer(request, DaeriError())
        # Starlette answers for faults outside every middleware, so the guard's headers are put on here.
        for name, value in {**SAFE_HEADERS, "X-Request-Id": request_id}.items():
            response.headers.setdefault(name, value)
        return response

    async def _answer(self, request: Request, error: DaeriError, headers: Mapping[str, str] | None = None) -> Response:
        page = await self._page(request, error) if self._page is not None else None
        if page is not None:
            page.headers.update(headers or {})
            return page
        path = request.url.path
        if request.scope.get("state", {}).get("acted"):  # OpenAI's libraries would send it again by themselves
            headers = {**(headers or {}), "X-Should-Retry": "false"}
        return problem_response(error, language(request.headers), request_id_of(request), headers, path)
