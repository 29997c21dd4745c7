"""What the tests of the screens ask for: browsers without JavaScript, one for each person of the small company."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from daeri.operations.budgets import Budgets
from daeri.operations.costs import Costs
from daeri.operations.limits import Limiter
from daeri.operations.policy import Policies
from daeri.operations.prompting import PromptLog
from daeri.records.usage import UseBook
from daeri.web.desk import Options, Services
from daeri.web.pages import Pages, pages
from worlds import AUDITOR, COLLEAGUE, HR, LEAD, OWNER, STRANGER, World

PEOPLE = {"owner": OWNER, "colleague": COLLEAGUE, "stranger": STRANGER, "lead": LEAD, "hr": HR, "auditor": AUDITOR}
ADDRESS = "http://daeri.test"


@dataclass(slots=True)
class Browser:
    """A browser without JavaScript: it keeps cookies and sends the forms it was shown."""

    client: AsyncClient

    async def get(self, path: str, **headers: str) -> Response:
        return await self.client.get(path, headers=headers)

    async def post(self, path: str, fields: dict[str, Any], *, seen: str = "/login", **headers: str) -> Response:
        """Send a form as the page at `seen` would: with its token."""
        page = await self.client.get(seen)
        token = re.search(r'name="form_token" value="(\w+)"', page.text)
        assert token, f"{seen} has no form"
        return await self.client.post(path, data={"form_token": token[1], **fields}, headers=headers)

    async def sign_in(self, login: str) -> Response:
        return await self.post("/login", {"person": login})


def text_of(response: Response) -> str:
    """What a person reads on a page."""
    main = re.search(r"<main.*</main>", response.text, re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main[0] if main else response.text)))


def screens_of(world: World, limiter: Limiter | None = None, **options: bool) -> Pages:
    policies = Policies(world.door, world.store, world.clock)
    budgets = Budgets((), world.store, world.clock, UseBook(world.store, world.clock))
    services = Services(
        world.identity,
        world.door,
        world.shelf,
        world.approvals,
        world.office,
        world.runs,
        world.clock,
        policies,
        world.audit_log,
        PromptLog(world.company, world.prompts),
        Costs(world.company, world.store, world.clock, budgets),
        limiter=limiter,
    )
    return pages(services, Options(**{"demo": True, "secure_cookies": False} | options))


def application_of(made: Pages) -> FastAPI:
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    application.include_router(made.router)
    application.mount("/static", made.static)
    return application


@pytest.fixture
async def anybody(world: World) -> AsyncIterator[Browser]:
    """A browser nobody has signed in on."""
    for login, person in PEOPLE.items():
        await world.identity.add_account(login, person, demo=True)
    async with AsyncClient(transport=ASGITransport(application_of(screens_of(world))), base_url=ADDRESS) as client:
        yield Browser(client)


@pytest.fixture
async def people(world: World, anybody: Browser) -> AsyncIterator[dict[str, Browser]]:
    """Everybody in a browser of their own, signed in."""
    browsers = {}
    for login in PEOPLE:
        session, _ = await world.identity.sign_in_demo(login)
        cookies = {"daeri_session": session}
        browsers[login] = Browser(AsyncClient(transport=anybody.client._transport, base_url=ADDRESS, cookies=cookies))
    yield browsers
    for browser in browsers.values():
        await browser.client.aclose()
