"""How does a person get in and out, and choose language and theme?

Only forms and cookies; who may sign in is decided by records.identity.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import Unauthenticated
from daeri.web import forms
from daeri.web.desk import LANG_COOKIE, REMEMBER_SECONDS, THEME_COOKIE, THEMES, Desk, Visitor, see_other


class SignIn:
    """The door of the house."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add_public(router, "/", self.start)
        self._desk.add_public(router, "/login", self.show)
        self._desk.add_public(router, "/login", self.enter, methods=["POST"])
        self._desk.add_public(router, "/logout", self.leave, methods=["POST"])
        self._desk.add_public(router, "/lang", self.choose_language, methods=["POST"])
        self._desk.add_public(router, "/theme", self.choose_theme, methods=["POST"])

    async def start(self, request: Request, visitor: Visitor) -> Response:
        """Lead to where work waits: the approval box if something is in it, else the question box."""
        del request
        if visitor.actor is None:
            return see_other("/login")
        counts = await self._desk.services.approvals.counts(visitor.actor)
        return see_other("/approvals" if counts.get("waiting") else "/ask")

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show the form; a demo server also shows the people one may be."""
        return await self._form(request, visitor)

    async def enter(self, request: Request, visitor: Visitor) -> Response:
        """Start a session, by a demo person's button or by id and password."""
        form = await request.form()
        identity = self._desk.services.identity
        person, login = forms.field(form, "person"), forms.field(form, "login")
        try:
            if person:
                token, _ = await identity.sign_in_demo(person)
            else:
                token, _ = await identity.sign_in(login, str(form.get("password", "")))
        except Unauthenticated:
            return await self._form(request, visitor, login=login, wrong=True)
        if visitor.actor is not None:
            await identity.sign_out(visitor.secret)
        response = see_other(forms.local_path(forms.field(form, "next"), "/"))
        self._desk.cookies.set(response, self._desk.cookies.session, token)
        return response

    async def leave(self, request: Request, visitor: Visitor) -> Response:
        """End the session."""
        del request
        if visitor.actor is not None:
            await self._desk.services.identity.sign_out(visitor.secret)
        response = see_other("/login")
        self._desk.cookies.drop(response, self._desk.cookies.session)
        return response

    async def choose_language(self, request: Request, visitor: Visitor) -> Response:
        """Remember the language in a cookie."""
        del visitor
        return await self._remember(request, "lang", LANG_COOKIE, ("ko", "en"))

    async def choose_theme(self, request: Request, visitor: Visitor) -> Response:
        """Remember the theme in a cookie."""
        del visitor
        return await self._remember(request, "theme", THEME_COOKIE, THEMES)

    async def _remember(self, request: Request, name: str, cookie: str, known: tuple[str, ...]) -> Response:
        form = await request.form()
        chosen = forms.field(form, name)
        response = see_other(forms.local_path(forms.field(form, "next"), "/"))
        if chosen in known:
            self._desk.cookies.set(response, cookie, chosen, seconds=REMEMBER_SECONDS)
        return response

    async def _form(self, request: Request, visitor: Visitor, *, login: str = "", wrong: bool = False) -> Response:
        people = await self._desk.services.identity.demo_people() if self._desk.options.demo else []
        return await self._desk.page(
            request,
            visitor,
            "login.html",
            status=401 if wrong else 200,
            people=people,
            provider=self._desk.options.provider,
            login=login,
            wrong=wrong,
            again="again" in request.query_params,
            next=forms.local_path(request.query_params.get("next"), "/"),
        )
