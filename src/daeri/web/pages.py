"""Which screens are there, and what does the composition root need to put them into the application?

Only the list of screens and the static files; each screen is in its own file.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from daeri.errors import DaeriError
from daeri.web.approvals import ApprovalScreens
from daeri.web.ask import Ask
from daeri.web.audit import AuditScreens
from daeri.web.desk import Desk, Options, Services
from daeri.web.documents import DocumentScreens
from daeri.web.drafts import DraftScreens
from daeri.web.files import FileScreens
from daeri.web.markup import STATIC
from daeri.web.memory import MemoryScreens
from daeri.web.office import OfficeScreens
from daeri.web.operations import OperationScreens
from daeri.web.policies import PolicyScreens
from daeri.web.records import RecordScreens
from daeri.web.runs import RunScreens
from daeri.web.signin import SignIn
from daeri.web.usage import UsageScreens

KEPT: Final = "public, max-age=31536000, immutable"
"""A marked address changes with its content, so browsers may keep the file for good."""


class StaticPages(StaticFiles):
    """The style sheet, the script and the mark, kept by browsers as long as they do not change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Serve a file with its cache rule."""
        response = await super().get_response(path, scope)
        marked = scope.get("query_string", b"").startswith(b"v=")
        response.headers["Cache-Control"] = KEPT if marked else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


@dataclass(frozen=True, slots=True)
class Pages:
    """What the application takes in.

    Attributes:
        router: every screen.
        static: to be mounted at /static.
        error_page: renders an error as a page; None where the request does not come from a browser.
    """

    router: APIRouter
    static: StaticPages
    error_page: Callable[[Request, DaeriError], Awaitable[Response | None]]


def pages(services: Services, options: Options) -> Pages:
    """Build the screens over the services."""
    desk = Desk(services, options)
    router = APIRouter()
    for screens in (
        SignIn(desk),
        Ask(desk),
        ApprovalScreens(desk),
        OfficeScreens(desk),
        DraftScreens(desk),
        RecordScreens(desk),
        DocumentScreens(desk),
        FileScreens(desk),
        MemoryScreens(desk),
        RunScreens(desk),
        OperationScreens(desk),
        PolicyScreens(desk),
        AuditScreens(desk),
        UsageScreens(desk),
    ):
        screens.add_to(router)
    return Pages(router, StaticPages(directory=STATIC), desk.error_page)
