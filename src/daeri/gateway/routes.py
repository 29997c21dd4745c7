"""How does a handler come to a path? Tables of routes for callers who are known, and what their answers share."""

from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.gateway.doorkeeper import Doorkeeper
from daeri.gateway.wire import MARK_OCTETS, answer, marked, tags
from daeri.records.actor import Actor

DOOR: Final = "rest"
JSON: Final = "application/json"
VARY: Final = "Authorization, Cookie, Accept-Language"
"""What decides who reads, and in which language."""
_READS: Final = ("GET", "HEAD")

Handler = Callable[[Request, Actor], Awaitable[Response]]


class Table:
    """Puts handlers at paths: one route for all methods of a path, so that a 405 names every one of them."""

    def __init__(self, keeper: Doorkeeper) -> None:
        """Take who knows the callers."""
        self.router = APIRouter()
        self._keeper = keeper

    def at(
        self,
        path: str,
        *,
        get: Handler | None = None,
        post: Handler | None = None,
        patch: Handler | None = None,
        delete: Handler | None = None,
    ) -> None:
        """Serve a path to callers who are known."""
        all_methods = (("GET", get), ("POST", post), ("PATCH", patch), ("DELETE", delete))
        handlers: dict[str, Handler] = {method: handler for method, handler in all_methods if handler is not None}

        async def serve(request: Request) -> Response:
            handler = handlers["GET" if request.method == "HEAD" else request.method]
            response = await handler(request, await self._keeper.actor(request, DOOR))
            return _unless_known(request, response)

        self.router.add_route(path, serve, methods=list(handlers), include_in_schema=False)


def _unless_known(request: Request, response: Response) -> Response:
    """Tell what is read by its content, and send it only to a caller who does not have it already.

    The content was made for this caller, by the rules of this instant: what they may no longer see changes the mark.
    Where a handler tells a version, it stands before the content's mark, for If-Match.
    """
    if request.method not in _READS or response.status_code != HTTPStatus.OK or response.media_type != JSON:
        return response
    version = response.headers.get("ETag", "").strip('"')
    mark = marked(version, blake2b(response.body, digest_size=MARK_OCTETS).hexdigest())
    response.headers.update({"ETag": f'"{mark}"', "Vary": VARY})
    known = tags(request.headers.get("if-none-match", ""))
    if known is None or mark in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": f'"{mark}"', "Vary": VARY})
    return response


def page_answer(request: Request, page: Mapping[str, Any]) -> Response:
    """Answer with a page and a link to the next one (RFC 8288)."""
    if page["next_cursor"] is None:
        return answer(page)
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    following = urlencode([*kept, ("cursor", page["next_cursor"])])
    return answer(page, headers={"Link": f'<{request.url.path}?{following}>; rel="next"'})
