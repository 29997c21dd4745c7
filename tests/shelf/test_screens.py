"""Does a person see on the screen that a value is only a part of it, and why?"""

import pytest
from httpx import ASGITransport, AsyncClient

from web.conftest import ADDRESS, application_of, screens_of, text_of
from worlds import COLLEAGUE, OWNER

pytestmark = pytest.mark.anyio


@pytest.fixture
async def browser(world):
    session, _ = await world.identity.sign_in_demo("owner")
    transport = ASGITransport(application_of(screens_of(world)))
    async with AsyncClient(transport=transport, base_url=ADDRESS, cookies={"daeri_session": session}) as client:
        yield client


async def test_a_list_shows_masks_marked_as_such(browser):
    said = text_of(await browser.get("/records/s_card"))
    assert "010-1001-2001" in said
    assert "010-****-2002 일부 가려짐" in said
    assert "1002" not in said


async def test_a_row_says_why_a_value_is_masked(browser):
    said = text_of(await browser.get(f"/records/s_card/{COLLEAGUE}"))
    assert "전화 010-****-2002 일부 가려짐 전화는 본인 · 인사 담당만 볼 수 있어요" in said
    assert "일부 가려짐" not in text_of(await browser.get(f"/records/s_card/{OWNER}"))
