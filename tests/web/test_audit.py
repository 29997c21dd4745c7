"""The audit screen: for auditors only, found by what was asked for, and proved when they press the button."""

import pytest

from web.conftest import text_of
from worlds import COLLEAGUE, HR, OWNER, SALARIES

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("who", ["owner", "colleague", "stranger", "lead", "hr"])
async def test_the_audit_is_for_auditors_only(people, who):
    page = await people[who].get("/audit")
    assert page.status_code == 403
    assert "감사 담당만 볼 수 있어요" in text_of(page)
    assert 'href="/audit"' not in page.text
    assert (await people[who].post("/audit/verify", {}, seen="/ask")).status_code == 403


async def test_an_auditor_finds_who_read_whose_salary(world, people):
    await world.done(await world.actor(HR), "work.salary", {"employee": OWNER})
    await world.done(await world.actor(COLLEAGUE), "work.find", {"employee": COLLEAGUE})
    page = await people["auditor"].get(f"/audit?person={OWNER}")
    text = text_of(page)
    assert 'href="/audit"' in page.text
    assert "work.salary" in text
    assert f"w_employee/{OWNER}" in text
    assert "work.find" not in text
    assert not [salary for salary in SALARIES.values() if str(salary) in page.text or f"{salary:,}" in page.text]


async def test_what_makes_no_sense_is_said_beside_the_form(people):
    page = await people["auditor"].get("/audit?id=3")
    assert page.status_code == 422
    assert "기록 종류도 필요해요" in text_of(page)
    assert '<input id="id" name="id" value="3"' in page.text


async def test_nothing_found_is_said(people):
    assert "조건에 맞는 기록이 없어요" in text_of(await people["auditor"].get("/audit?operation=no.such"))


async def test_a_whole_chain_verifies_and_a_changed_row_is_named(world, people):
    await world.done(await world.actor(OWNER), "work.find", {"employee": OWNER})
    whole = await people["auditor"].post("/audit/verify", {}, seen="/audit")
    assert "바뀐 기록이 없어요" in text_of(whole)
    (row,) = await world.sql("SELECT seq FROM audit WHERE action = 'work.find'")
    await world.sql("UPDATE audit SET person_id = 3 WHERE seq = :seq", seq=row["seq"])
    broken = await people["auditor"].post("/audit/verify", {}, seen="/audit")
    assert f"{row['seq']}번 기록이 처음과 달라요" in text_of(broken)
    assert f"daeri audit export --around {row['seq']}" in text_of(broken)


async def test_a_long_audit_comes_in_pages(world, people):
    for _ in range(60):
        await world.done(await world.actor(OWNER), "work.find", {"employee": OWNER})
    first = await people["auditor"].get("/audit?operation=work.find")
    assert first.text.count('role="rowheader"') == 50
    more = first.text.split('class="more"><a class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    second = await people["auditor"].get(more)
    assert second.text.count('role="rowheader"') == 10
    assert 'href="/audit?operation=work.find"' in second.text


async def test_an_auditor_reads_the_prompts_of_each_version(world, people):
    assert "아직 모델에게 물은 적이 없어요" in text_of(await people["auditor"].get("/prompts"))
    first = await world.prompts.keep({"system": "You are <b>{{ agent }}</b>.", "instructions": "Be brief."})
    page = await people["auditor"].get("/prompts")
    assert "Be brief." in text_of(page)
    assert "&lt;b&gt;{{ agent }}" in page.text
    assert "<time" not in text_of(page)
    assert f'href="/prompts/{first}" aria-current="page"' in page.text
    assert (await people["auditor"].get("/prompts/0")).status_code == 404


@pytest.mark.parametrize("who", ["owner", "colleague", "stranger", "lead", "hr"])
async def test_nobody_else_reads_them(world, people, who):
    version = await world.prompts.keep({"system": "You are {{ agent }}.", "instructions": "Be brief."})
    for path in ("/prompts", f"/prompts/{version}"):
        refused = await people[who].get(path)
        assert refused.status_code == 403
        assert "Be brief" not in refused.text
