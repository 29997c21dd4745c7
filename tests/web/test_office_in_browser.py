"""The screens around the approvals in Chromium where there is something on them: accessible, quiet, fitting."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from approvals.claims import claims
from daeri.operations.approval import More
from daeri.operations.deciding.consents import Wish
from daeri.records.credentials import Credentials
from gateway.live import served
from screens import CHROMIUM, IN_THEME, LANGS, QUIET, TOO_WIDE, Looks
from web.conftest import application_of, screens_of
from worlds import COLLEAGUE, LEAD, OWNER, World, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, claims) as world:
        yield world


async def furnish(world: World) -> list[str]:
    """Give the lead a consent, an absence, a draft of someone who was refused, and documents with every mark."""
    lead, owner, now = await world.actor(LEAD), await world.actor(OWNER), world.clock.now()
    full = (await world.held(owner, "claims.claim", {"amount": 1500})).approval_id
    await world.approvals.decide(lead, full, "consult", "어떤가요?", more=More(people=[COLLEAGUE]))
    await world.approvals.decide(lead, full, "change_line", more=More(people=[COLLEAGUE], part="agree"))
    await world.office.absences.set(lead, deputy_id=COLLEAGUE, starts_at=now, ends_at=now + timedelta(days=3))
    await world.approvals.decide(await world.actor(COLLEAGUE), full, "approve", "대신 봤어요")
    wish = Wish("claims.claim", now + timedelta(days=5), 3, 500, 900, 5, OWNER)
    revoked = (await world.office.consents.grant(lead, wish))["consent_id"]
    await world.office.consents.revoke(lead, revoked)
    await world.office.consents.grant(lead, wish)
    await world.held(owner, "claims.claim", {"amount": 100})
    agent = (await world.held(await world.deputy(OWNER), "claims.claim", {"amount": 800})).approval_id
    key = await world.identity.add_key(OWNER, "program", decides=False)
    program = await world.identity.actor_of_key(key.secret, "rest")
    keyed = (await world.held(program, "claims.claim", {"amount": 700})).approval_id
    await Credentials(world.identity, world.store, world.clock).revoke(owner, key.id)
    back = (await world.held(owner, "claims.claim", {"amount": 900})).approval_id
    await world.approvals.decide(lead, back, "reject", "다시")
    pages = [f"/approvals/{one}" for one in (full, agent, keyed, back)]
    boxes = ["/approvals", "/approvals?box=in_progress"]
    return [*pages, "/absences", "/consents", "/delegations", *boxes]


@pytest.mark.parametrize(("lang", "looks"), LANGS)
async def test_a_screen_with_everything_on_it_is_accessible_and_fits(world: World, lang: str, looks: Looks) -> None:
    pages = await furnish(world)
    await world.identity.add_account("lead", LEAD, demo=True)
    session, _ = await world.identity.sign_in_demo("lead")
    async with served(application_of(screens_of(world))) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        context = await browser.new_context(locale="ko-KR" if lang == "ko" else "en-GB")
        await context.add_cookies([{"name": "daeri_session", "value": session, "url": address}])
        page = await context.new_page()
        for path in pages:
            answered = await page.goto(address + path)
            assert answered is not None
            assert answered.ok, path
            for details in await page.locator("main details > summary").all():
                if await details.is_visible():
                    await details.click()
            for theme, width in looks:
                await page.evaluate(IN_THEME, theme)
                await page.set_viewport_size({"width": width, "height": 844})
                found = await Axe().run(page)
                assert found.violations_count == 0, f"{path} {theme} {width}: {found.generate_report()}"
                assert await page.evaluate(TOO_WIDE) <= 0, f"{path} scrolls at {width}"
        await browser.close()
