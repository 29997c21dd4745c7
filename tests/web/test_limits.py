"""A page counts as a request of whoever looks at it, and of nobody else."""

import pytest
from httpx import ASGITransport, AsyncClient

from daeri.operations.limits import Limit, Limiter
from web.conftest import ADDRESS, application_of, screens_of
from worlds import COLLEAGUE, OWNER, STRANGER

pytestmark = pytest.mark.anyio


async def test_a_person_who_turns_pages_too_fast_is_told_when_to_come_back_and_nobody_else_is(world):
    limiter = Limiter([Limit.read("person=2/minute")])
    transport = ASGITransport(application_of(screens_of(world, limiter)))
    told = {}
    for login, person in (("owner", OWNER), ("colleague", COLLEAGUE), ("stranger", STRANGER)):
        await world.identity.add_account(login, person, demo=True)
        session, _ = await world.identity.sign_in_demo(login)
        async with AsyncClient(transport=transport, base_url=ADDRESS, cookies={"daeri_session": session}) as browser:
            told[login] = [await browser.get("/approvals") for _ in range(3 if login == "owner" else 1)]
    assert [page.status_code for page in told["owner"]] == [200, 200, 429]
    refused = told["owner"][2]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "한도" in refused.text
    assert [told[login][0].status_code for login in ("colleague", "stranger")] == [200, 200]


async def test_a_page_of_nobody_is_not_counted(world):
    transport = ASGITransport(application_of(screens_of(world, Limiter([Limit.read("person=1/minute")]))))
    async with AsyncClient(transport=transport, base_url=ADDRESS) as browser:
        assert [(await browser.get("/login")).status_code for _ in range(3)] == [200, 200, 200]
