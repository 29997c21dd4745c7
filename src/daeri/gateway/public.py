"""What may anyone ask of the server? Whether it lives and is ready, its API, what a problem means, if a paper is real.

Nothing here knows a caller, and nothing a company keeps is shown: only what it declares, and whether a printed
document is one of its own to whoever holds the paper.
"""

from functools import cached_property
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.canonical import digest
from daeri.errors import DaeriError, NotFound, NotReady
from daeri.gateway.docs import PAGE_POLICY, docs_page, problem_page, proof_page
from daeri.gateway.llms import llms_text
from daeri.gateway.openapi import document
from daeri.gateway.problems import KNOWN
from daeri.gateway.services import Check, Services
from daeri.gateway.wire import answer, encode, language, tags
from daeri.operations.limits import Limiter


class Public:
    """The routes that need no credential."""

    def __init__(self, services: Services, version: str) -> None:
        """Take the services, and the version to tell."""
        self._company = services.door.company
        self._proofs = services.office.proofs
        self._checks = services.checks
        self._limiter = services.limiter or Limiter()
        self._version = version

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        for path, serve in (
            ("/healthz", self.health),
            ("/readyz", self.ready),
            ("/problems/{code}", self.problem),
            ("/verify/{code}", self.verify),
            ("/openapi.json", self.openapi),
            ("/docs", self.docs),
            ("/llms.txt", self.llms),
        ):
            router.add_route(path, serve, methods=["GET"], include_in_schema=False)
        return router

    async def health(self, request: Request) -> Response:
        """Say that the process serves."""
        del request
        return answer({"status": "ok", "version": self._version})

    async def ready(self, request: Request) -> Response:
        """Say whether everything that requests need is there.

        Raises:
            NotReady: with the outcome of each check.
        """
        del request
        checks = {name: await _holds(check) for name, check in self._checks.items()}
        told = {name: "ok" if holds else "failed" for name, holds in checks.items()}
        if not all(checks.values()):
            raise NotReady(extra={"checks": told})
        return answer({"status": "ok", "checks": told})

    async def problem(self, request: Request) -> Response:
        """Explain a problem's code, to people as a page and to programs as JSON.

        Raises:
            NotFound: there is no such code.
        """
        error = KNOWN.get(request.path_params["code"])
        if error is None:
            raise NotFound
        lang = language(request.headers)
        if "text/html" in request.headers.get("accept", ""):
            return _page(problem_page(error, lang))
        return answer(
            {
                "code": error.code,
                "title": error.title.to(lang),
                "help": error.help.to(lang),
                "status": error.status,
                "rpc_code": error.rpc_code,
                "retryable": error.retryable,
            }
        )

    async def verify(self, request: Request) -> Response:
        """Say whether a printed document is one of ours, to people as a page and to programs as JSON.

        Raises:
            NotFound: no finished document has this code.
            RateLimited: codes are tried from one address.
        """
        request.state.left = await self._limiter.visit(request.client.host if request.client else "")
        lang = language(request.headers)
        found = await self._proofs.check(request.path_params["code"], lang)
        if "text/html" in request.headers.get("accept", ""):
            return _page(proof_page(found, self._company.name.to(lang), lang))
        return answer(found)

    async def openapi(self, request: Request) -> Response:
        """Give the API's description; it changes only with the company's declarations."""
        body, tag = self._described
        headers = {"ETag": f'"{tag}"', "Cache-Control": "no-cache"}
        if tag in (tags(request.headers.get("if-none-match", "")) or ()):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    async def docs(self, request: Request) -> Response:
        """Show the operations with an example call of each."""
        here = f"{request.url.scheme}://{request.url.netloc}"
        return _page(docs_page(self._company, here, language(request.headers)))

    async def llms(self, request: Request) -> Response:
        """Tell a model how to ask here."""
        del request
        return Response(llms_text(self._company), media_type="text/markdown")

    @cached_property
    def _described(self) -> tuple[bytes, str]:
        described: dict[str, Any] = document(self._company, self._version)
        return encode(described), digest(described)[:16]


def _page(html: str) -> Response:
    return Response(html, headers={"Content-Security-Policy": PAGE_POLICY}, media_type="text/html")


async def _holds(check: Check) -> bool:
    try:
        return await check()
    except DaeriError:
        return False
