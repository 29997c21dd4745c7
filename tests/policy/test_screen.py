"""The policy explorer: the form, the verdicts, the command that asks the same; for ordinary people their own rights."""

import shlex

import pytest

from web.conftest import text_of
from worlds import COLLEAGUE, OWNER, SALARIES, STRANGER

pytestmark = pytest.mark.anyio


async def test_ordinary_people_see_their_own_rights(people):
    page = await people["owner"].get("/policies")
    text = text_of(page)
    assert "<h1>내 권한</h1>" in page.text
    assert "own_team" in text
    assert 'name="person"' not in page.text
    assert "인원은 인사 담당만 할 수 있어요" in text


async def test_hr_asks_about_someone(people):
    page = await people["hr"].get(f"/policies?person={COLLEAGUE}&type=w_employee&id={OWNER}")
    text = text_of(page)
    assert "<h1>권한</h1>" in page.text
    assert "연봉은 본인 · 인사 담당만 볼 수 있어요" in text
    assert "봐야 한다면: 인사 담당 hr" in text
    assert "worlds.py:" in text
    assert f"daeri policy explain --person {COLLEAGUE} --on w_employee/{OWNER}" in text
    assert not [salary for salary in SALARIES.values() if str(salary) in page.text or f"{salary:,}" in page.text]


async def test_the_answer_is_about_what_the_form_still_shows(people):
    page = (await people["hr"].get("/policies?operation=work.headcount&agent=reader")).text
    assert '<option value="work.headcount" selected>' in page
    assert '<option value="reader" selected>' in page
    assert "범위 read" in page


@pytest.mark.parametrize(
    ("who", "query", "status", "said"),
    [
        ("owner", f"person={COLLEAGUE}", 403, "내 권한은 언제든 볼 수 있어요"),
        ("owner", f"type=w_employee&id={STRANGER}", 404, "찾을 수 없어요"),
        ("hr", "type=w_employee&id=김대리", 422, "여럿이에요"),
        ("hr", "operation=no.such", 404, "작업이 없어요"),
    ],
)
async def test_what_cannot_be_answered_is_said_beside_the_form(people, who, query, status, said):
    page = await people[who].get(f"/policies?{query}")
    assert page.status_code == status
    assert said in text_of(page)
    assert '<form class="row" method="get" action="/policies"' in page.text


async def test_the_command_is_quoted_for_a_shell(people):
    page = text_of(await people["hr"].get("/policies?person=%27%3B+rm+-rf+%2F"))
    command = page[page.index("daeri policy explain") :]
    assert shlex.split(command)[:5] == ["daeri", "policy", "explain", "--person", "'; rm -rf /"]


async def test_whoever_left_may_do_nothing(people):
    assert "퇴사했거나 계정이 꺼져 있어요" in text_of(await people["hr"].get("/policies?person=9"))


async def test_what_was_forgotten_is_told_to_those_who_look_after_rules(people):
    assert "w_vault" in text_of(await people["hr"].get("/policies"))
    assert "w_vault" not in (await people["owner"].get("/policies")).text


async def test_it_stands_in_the_menu(people):
    assert 'href="/policies"' in (await people["stranger"].get("/records")).text


async def test_english(people):
    page = await people["hr"].get("/policies?type=w_employee", **{"accept-language": "en"})
    assert "Whoever sees the row sees it" in text_of(page)
    assert "행을" not in page.text
