"""What does every screen need? The visitor, the language, the frame around a page, and a page for each error.

The screens (signin, ask, approvals, ...) stand on this; nothing here knows any of them.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from daeri.clock import Clock
from daeri.errors import DaeriError, PermissionDenied, Unauthenticated
from daeri.library.librarian import Librarian
from daeri.operations.approval import Approvals
from daeri.operations.auditing import AuditLog
from daeri.operations.costs import Costs
from daeri.operations.invoke import Door
from daeri.operations.limits import Limiter
from daeri.operations.listing import Shelf
from daeri.operations.office import Office
from daeri.operations.policy import Policies
from daeri.operations.prompting import PromptLog
from daeri.records.actor import Actor
from daeri.records.identity import Identity
from daeri.runs.runs import Runs
from daeri.web import forms
from daeri.web.markup import Words, environment
from daeri.wording import Lang

T = TypeVar("T")

LANG_COOKIE: Final = "daeri_lang"
THEME_COOKIE: Final = "daeri_theme"
THEMES: Final = ("system", "light", "dark")
FILE_PATH: Final = "/documents"
"""The one screen whose form may bring a file."""
REMEMBER_SECONDS: Final = 365 * 24 * 3600
_HANGUL: Final = re.compile(r"[가-힣]")


@dataclass(frozen=True, slots=True)
class Services:
    """What the screens call; the gateway calls the very same."""

    identity: Identity
    door: Door
    shelf: Shelf
    approvals: Approvals
    office: Office
    runs: Runs
    clock: Clock
    policies: Policies
    audit_log: AuditLog
    prompt_log: PromptLog
    costs: Costs
    librarian: Librarian | None = None
    limiter: Limiter | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How this server is run, as far as screens care."""

    demo: bool
    secure_cookies: bool
    provider: bool = False


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page, and how they like to see it.

    Attributes:
        secret: the value that this visitor's forms are tied to (session token, or the form cookie).
        actor, person: who is signed in, if anybody.
    """

    lang: Lang
    theme: str
    secret: str
    actor: Actor | None = None
    person: dict[str, Any] | None = None

    @property
    def signed(self) -> Actor:
        """The actor.

        Raises:
            Unauthenticated: nobody is signed in.
        """
        if self.actor is None:
            raise Unauthenticated
        return self.actor


@dataclass(frozen=True, slots=True)
class Api:
    """The API call that gives what a screen shows: the proof that the screen can do no more."""

    path: str
    method: str = "GET"
    body: str | None = None


Screen = Callable[[Request, Visitor], Awaitable[Response]]


class Desk:
    """Receives visitors, checks their forms and hands pages out."""

    def __init__(self, services: Services, options: Options) -> None:
        """Take the services and how the server is run."""
        self.services = services
        self.options = options
        self.cookies = forms.Cookies(options.secure_cookies)
        self._templates = environment()

    def add(self, router: APIRouter, path: str, screen: Screen, *, methods: Sequence[str] = ("GET",)) -> None:
        """Put a screen for signed-in people at a path."""
        router.add_route(path, self._served(screen, public=False), methods=list(methods), include_in_schema=False)

    def add_public(self, router: APIRouter, path: str, screen: Screen, *, methods: Sequence[str] = ("GET",)) -> None:
        """Put a screen that needs no sign-in at a path."""
        router.add_route(path, self._served(screen, public=True), methods=list(methods), include_in_schema=False)

    def _served(self, screen: Screen, *, public: bool) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            visitor = self.guest(request)
            try:
                visitor = await self._known(request, visitor)
                if visitor.actor is None and not public:
                    response = self.to_login(request)
                else:
                    await self._count(request, visitor)
                    await self._check_form(request, visitor)
                    response = await screen(request, visitor)
            except Unauthenticated:
                response = self.to_login(request)
            except DaeriError as error:
                response = await self.error(request, visitor, error)
            self._finish(request, visitor, response)
            return response

        return serve

    async def _count(self, request: Request, visitor: Visitor) -> None:
        """Count a page against its visitor's limits, as any other request of theirs."""
        if visitor.actor is not None and self.services.limiter is not None:
            request.state.left = await self.services.limiter.request(visitor.actor)

    async def _check_form(self, request: Request, visitor: Visitor) -> None:
        if request.method == "POST":
            librarian = self.services.librarian if request.url.path == FILE_PATH else None
            file_bytes = librarian.originals.bytes_max if librarian is not None else 0
            await forms.own_form(request, forms.form_token(visitor.secret), file_bytes=file_bytes)

    def guest(self, request: Request) -> Visitor:
        """Return the visitor as nobody in particular: a language, a theme, a form cookie."""
        theme = request.cookies.get(THEME_COOKIE, "system")
        secret = request.cookies.get(self.cookies.form) or forms.new_seed()
        return Visitor(_language(request), theme if theme in THEMES else "system", secret)

    async def _known(self, request: Request, guest: Visitor) -> Visitor:
        """Return the visitor as the person their session says, if it holds."""
        token = request.cookies.get(self.cookies.session)
        if not token:
            return guest
        try:
            reads = request.method in ("GET", "HEAD")
            actor = await self.services.identity.actor_of_session(token, reads=reads)
        except Unauthenticated:
            return guest
        me = await self.services.identity.me(actor, guest.lang)
        return replace(guest, secret=token, actor=actor, person=me["person"])

    def to_login(self, request: Request) -> Response:
        """Send the visitor to sign in, and back here afterwards if this was a page."""
        if request.method != "GET":
            return see_other("/login?again=1")
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return see_other("/login" if here == "/" else f"/login?next={quote(here)}")

    @staticmethod
    async def tried(asking: Awaitable[T], lang: Lang) -> tuple[T | None, dict[str, Any] | None]:
        """Return what was asked for, or the problem to be shown beside the form that asked.

        Raises:
            PermissionDenied: the visitor may not ask at all; that is a page of its own.
        """
        try:
            return await asking, None
        except PermissionDenied:
            raise
        except DaeriError as error:
            return None, error.problem(lang)

    async def page(
        self,
        request: Request,
        visitor: Visitor,
        template: str,
        *,
        status: int = 200,
        api: Api | None = None,
        **values: Any,
    ) -> Response:
        """Render a page: its template with what every frame shows."""
        waiting = 0
        if visitor.actor is not None:
            waiting = (await self.services.approvals.counts(visitor.actor)).get("waiting", 0)
        html = self._templates.get_template(template).render(
            t=Words(visitor.lang, self.services.clock.now()),
            lang=visitor.lang,
            theme=visitor.theme,
            me=visitor.person,
            form_token=forms.form_token(visitor.secret),
            here=request.url.path,
            back=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            waiting=waiting,
            may_audit=visitor.actor is not None and AuditLog.may_look(visitor.actor),
            has_documents="documents.search" in self.services.door.company.operations,
            has_files="files.list" in self.services.door.company.operations,
            has_memory="memory.list" in self.services.door.company.operations,
            origin=f"{request.url.scheme}://{request.url.netloc}",
            api=api,
            **values,
        )
        return HTMLResponse(html, status_code=status)

    async def error(self, request: Request, visitor: Visitor, error: DaeriError) -> Response:
        """Render the page of an error: what, why, what to do."""
        request_id = getattr(request.state, "request_id", "")
        problem = error.problem(visitor.lang, str(request_id))
        page = await self.page(request, visitor, "error.html", status=error.status, problem=problem)
        if "retry_after" in error.extra:
            page.headers["Retry-After"] = str(error.extra["retry_after"])
        return page

    async def error_page(self, request: Request, error: DaeriError) -> Response | None:
        """Render an error that arose outside every screen (an unknown address, a fault); None if no browser asks."""
        if not wants_page(request):
            return None
        visitor = await self._known(request, self.guest(request))
        response = await self.error(request, visitor, error)
        self._finish(request, visitor, response)
        return response

    def _finish(self, request: Request, visitor: Visitor, response: Response) -> None:
        response.headers.update(forms.PAGE_HEADERS)
        if visitor.actor is None and self.cookies.form not in request.cookies:
            self.cookies.set(response, self.cookies.form, visitor.secret)


def wants_page(request: Request) -> bool:
    """Say whether an error should be answered with a page: a browser asks for one by name, programs do not."""
    asks = "text/html" in request.headers.get("accept", "")
    return asks and not request.url.path.startswith(("/v1/", "/rpc", "/static/"))


def see_other(address: str) -> Response:
    """Send the browser to a page after a post (303: it fetches it with GET)."""
    return RedirectResponse(address, status_code=303)


def told_by(error: DaeriError, visitor: Visitor) -> dict[str, Any]:
    """Return what a form is told of an error: the problem, and what is wrong with each of its fields."""
    wrong = {each.pointer.strip("/").split("/")[0].removesuffix("_id"): each.to(visitor.lang) for each in error.errors}
    return {"problem": error.problem(visitor.lang), "wrong": wrong}


def spoken(examples: Sequence[str], lang: Lang) -> list[str]:
    """Return the examples that are in a language."""
    return [each for each in examples if bool(_HANGUL.search(each)) == (lang == "ko")]


def _language(request: Request) -> Lang:
    """Choose Korean or English: what the person set, else what the browser asks for first, else Korean."""
    chosen = request.cookies.get(LANG_COOKIE)
    if chosen in {"ko", "en"}:
        return cast("Lang", chosen)
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in {"ko", "en"}:
            return cast("Lang", tag)
    return "ko"
