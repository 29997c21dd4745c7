from dataclasses import replace

import pytest

from web.conftest import text_of
from worlds import company

pytestmark = pytest.mark.anyio

LEAVE = {"arg.start": "2026-11-26", "arg.days": "2", "arg.reason": "여행"}


async def called(browser, name, fields):
    return await browser.post(f"/ops/{name}", fields, seen=f"/ops/{name}")


async def test_only_permitted_operations_are_listed(people):
    assert "인원" in text_of(await people["hr"].get("/ops"))
    assert "인원" not in text_of(await people["owner"].get("/ops"))
    assert (await people["owner"].get("/ops/work.headcount")).status_code == 403


async def test_a_read_answers_on_the_page(people):
    answer = await called(people["owner"], "work.find", {"arg.employee": "김민준"})
    assert "김민준이에요." in text_of(answer)


async def test_a_remembered_answer_says_how_old_it_is(people, monkeypatch):
    monkeypatch.setitem(company.operations, "work.find", replace(company.operations["work.find"], cache_seconds=60))
    first, again = [await called(people["owner"], "work.find", {"arg.employee": "김민준"}) for _ in range(2)]
    assert "초 전에 읽은 답이에요." not in text_of(first)
    assert "초 전에 읽은 답이에요." in text_of(again)


async def test_a_write_is_shown_before_it_is_made(people):
    owner = people["owner"]
    shown = await called(owner, "work.request", LEAVE)
    for part in ("아직 아무것도 바꾸지 않았어요.", "쓴 휴가 0 2", "박서연 팀장 최지우 본부장", "결재 올리기"):
        assert part in text_of(shown)
    assert "올린 결재가 없어요." in text_of(await owner.get("/approvals?box=drafted"))


async def test_filing_leads_to_the_document_and_twice_files_once(people):
    owner = people["owner"]
    sent = LEAVE | {"act": "call", "key": "one-form"}
    first, second = await called(owner, "work.request", sent), await called(owner, "work.request", sent)
    assert first.headers["location"].startswith("/approvals/apr_")
    assert first.headers["location"] == second.headers["location"]


async def test_wrong_input_is_named_beside_its_field_and_kept(people):
    answer = await called(people["owner"], "work.request", LEAVE | {"arg.days": "many"})
    assert answer.status_code == 422
    assert 'value="many"' in answer.text
    assert 'aria-invalid="true"' in answer.text


async def test_a_rule_of_the_company_is_told_in_its_own_words(people):
    answer = await called(people["owner"], "work.request", LEAVE | {"arg.days": "11"})
    assert answer.status_code == 409
    assert "열흘까지만 쓸 수 있어요" in text_of(answer)


async def test_a_hidden_value_is_refused_with_who_may_see_it(people):
    answer = await called(people["owner"], "work.salary", {"arg.employee": "김민준"})
    assert answer.status_code == 403
    assert "39000002" not in answer.text
    assert "인사 담당" in text_of(answer)
