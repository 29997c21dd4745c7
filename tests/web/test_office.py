"""Drafts, absences, consents, tables, several at once and every act, in a browser without JavaScript."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from approvals.claims import claims
from web.conftest import Browser, text_of
from worlds import DIRECTOR, LEAD, OWNER, World, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, claims) as world:
        yield world


async def filed(world: World, amount: int = 100) -> str:
    return (await world.held(await world.actor(OWNER), "claims.claim", {"amount": amount})).approval_id


async def version(world: World, approval_id: str) -> int:
    return int(await world.approvals.version(await world.actor(OWNER), approval_id))


async def act(browser: Browser, world: World, approval_id: str, decision: str, **fields: str):
    path = f"/approvals/{approval_id}"
    sent = {"decision": decision, "version": str(await version(world, approval_id)), **fields}
    return await browser.post(path, sent, seen="/ops/work.request")


# The document


async def test_an_act_is_chosen_from_a_list_of_what_is_possible_now(world, people):
    approval_id = await filed(world)
    page = (await people["lead"].get(f"/approvals/{approval_id}")).text
    offered = re.findall(r'<option value="(\w+)"', page.split('id="act"')[1].split("</select>")[0])
    assert {"hold", "consult", "change_line", "share", "comment"} <= set(offered)
    assert not {"approve", "reject", "return_step", "replace", "settle"} & set(offered)
    answer = await act(people["lead"], world, approval_id, "hold", comment="확인 중이에요")
    held = await people["lead"].get(answer.headers["location"])
    assert "처리했어요: 보류" in text_of(held)
    assert "확인 중이에요" in text_of(held)


async def test_people_are_named_by_name_and_a_name_that_is_nobodys_is_told_beside_what_was_written(world, people):
    approval_id = await filed(world)
    wrong = await act(people["lead"], world, approval_id, "consult", people="홍길동", comment="봐 주세요")
    assert wrong.status_code == 422
    assert 'value="홍길동"' in wrong.text
    assert ">봐 주세요</textarea>" in wrong.text
    asked = await act(people["lead"], world, approval_id, "consult", people="김민준", comment="봐 주세요")
    assert "협의" in text_of(await people["colleague"].get(asked.headers["location"]))


async def test_the_line_tells_why_each_is_in_it_and_who_decided_for_whom(world, people):
    approval_id = await filed(world)
    lead = people["lead"]
    await lead.post(
        "/absences", {"deputy": "김민준", "starts_at": "2026-11-20", "ends_at": "2026-11-30"}, seen="/absences"
    )
    await act(people["colleague"], world, approval_id, "approve")
    page = await people["owner"].get(f"/approvals/{approval_id}")
    assert 'aria-label="김민준 사원 대결 (박서연 팀장) 승인' in page.text
    assert "바로 위 조직장이에요" in text_of(page)


async def test_a_finished_document_prints_its_verification_code_and_an_open_one_says_when(world, people):
    approval_id = await filed(world)
    assert "확인 번호는 문서번호와 함께" in text_of(await people["owner"].get(f"/approvals/{approval_id}"))
    await world.approvals.decide(await world.actor(LEAD), approval_id, "approve")
    body = await world.approvals.decide(await world.actor(DIRECTOR), approval_id, "approve")
    said = text_of(await people["owner"].get(f"/approvals/{approval_id}"))
    assert f"/verify/{body['verification_code']}" in said


async def test_what_is_written_is_shown_field_by_field_and_hidden_fields_without_values(world, people):
    sent = {"start": "2026-11-26", "reason": "비밀 여행"}
    approval_id = (await world.held(await world.actor(OWNER), "work.request", sent)).approval_id
    said = text_of(await people["lead"].get(f"/approvals/{approval_id}"))
    assert "사유 가려짐 가려짐" in said


async def test_everybody_else_is_kept_out_of_every_act(world, people):
    approval_id = await filed(world)
    for who in ("stranger", "colleague"):
        for decision in ("approve", "hold", "consult", "comment", "change_line"):
            answer = await act(people[who], world, approval_id, decision, comment="나", people="김하은")
            assert answer.status_code == 404
    assert await version(world, approval_id) == 1


# 임시저장, 재기안


async def test_a_draft_is_saved_changed_previewed_and_filed(people):
    owner = people["owner"]
    saved = await owner.post("/ops/claims.claim", {"arg.amount": "70", "act": "save"}, seen="/ops/claims.claim")
    path = saved.headers["location"]
    assert path.startswith("/drafts/drf_")
    assert path in (await owner.get("/drafts")).text
    assert 'value="70"' in (await owner.get(path)).text
    shown = await owner.post(path, {"arg.amount": "80", "act": "try"}, seen=path)
    assert "아직 아무것도 바꾸지 않았어요." in text_of(shown)
    done = await owner.post(path, {"arg.amount": "80", "act": "call"}, seen=path)
    assert done.headers["location"].startswith("/approvals/apr_")
    assert (await owner.get(path)).status_code == 404


async def test_a_draft_that_is_refused_keeps_what_was_written(people):
    owner = people["owner"]
    saved = await owner.post("/ops/claims.claim", {"arg.amount": "70", "act": "save"}, seen="/ops/claims.claim")
    path = saved.headers["location"]
    wrong = await owner.post(path, {"arg.amount": "much", "act": "call"}, seen=path)
    assert wrong.status_code == 422
    assert 'value="much"' in wrong.text
    for who in ("colleague", "stranger"):
        assert (await people[who].get(path)).status_code == 404
        assert (await people[who].post(path, {"act": "discard"}, seen="/ops/claims.claim")).status_code == 404
    gone = await owner.post(path, {"act": "discard"}, seen=path)
    assert gone.headers["location"] == "/drafts"
    assert "임시저장한 기안이 없어요." in text_of(await owner.get("/drafts"))


async def test_a_rejected_document_is_taken_up_again_by_its_drafter_alone(world, people):
    approval_id = await filed(world, 900)
    await act(people["lead"], world, approval_id, "reject", comment="많아요")
    assert "다시 기안하기" in text_of(await people["owner"].get(f"/approvals/{approval_id}"))
    assert "다시 기안하기" not in text_of(await people["lead"].get(f"/approvals/{approval_id}"))
    begun = await people["owner"].post("/drafts", {"previous": approval_id}, seen="/ops/claims.claim")
    assert 'value="900"' in (await people["owner"].get(begun.headers["location"])).text
    for who in ("lead", "colleague", "stranger"):
        refused = await people[who].post("/drafts", {"previous": approval_id}, seen="/ops/claims.claim")
        assert refused.status_code == 404


# 함께 결재


async def test_several_are_shown_before_they_are_approved_and_a_get_decides_nothing(world, people):
    lead = people["lead"]
    ids = [await filed(world, amount) for amount in (10, 20)]
    assert (await lead.get("/approvals")).text.count('type="checkbox"') == 2
    path = "/approvals/several?" + "&".join(f"id={one}" for one in ids)
    summary = await lead.get(path)
    assert "아직 결재하지 않았어요." in text_of(summary)
    assert [await version(world, one) for one in ids] == [1, 1]
    shown = re.findall(r'name="id" value="([^"]+)"', summary.text)
    await act(people["owner"], world, ids[1], "comment", comment="하나 더")
    done = await lead.post("/approvals/several", {"id": shown, "comment": "확인"}, seen=path)
    assert "1건을 승인했어요." in text_of(done)
    assert "1건은 승인하지 못했어요." in text_of(done)
    assert (await world.approvals.show(await world.actor(LEAD), ids[1]))["line"][0]["status"] == "waiting"


async def test_none_or_two_kinds_or_other_peoples_are_not_shown_together(world, people):
    lead, claim = people["lead"], await filed(world)
    leave = (await world.held(await world.actor(OWNER), "work.request", {"start": "2026-11-26"})).approval_id
    assert (await lead.get("/approvals/several")).status_code == 422
    assert (await lead.get(f"/approvals/several?id={claim}&id={leave}")).status_code == 422
    assert (await people["stranger"].get(f"/approvals/several?id={claim}")).status_code == 404
    assert (await lead.post("/approvals/several", {"id": f"{claim}:x"}, seen="/absences")).status_code == 422


# 부재


async def test_an_absence_is_set_shown_to_whom_it_concerns_and_ended(people):
    lead = people["lead"]
    sent = {"deputy": "김민준", "starts_at": "2026-11-20", "ends_at": "2026-11-30", "reason": "출장"}
    done = await lead.post("/absences", sent, seen="/absences")
    page = await lead.get(done.headers["location"])
    assert "부재를 정했어요." in text_of(page)
    assert "지금 부재" in text_of(page)
    assert "출장" in text_of(await people["colleague"].get("/absences"))
    for who in ("owner", "stranger"):
        assert "출장" not in (await people[who].get("/absences")).text
    path = re.search(r'action="(/absences/abs_\w+)"', page.text)[1]
    assert path not in (await people["colleague"].get("/absences")).text
    assert (await people["stranger"].post(path, {}, seen="/absences")).status_code == 404
    ended = await lead.post(path, {}, seen="/absences")
    assert "부재를 끝냈어요." in text_of(await lead.get(ended.headers["location"]))


async def test_an_absence_that_makes_no_sense_is_told_at_its_field_and_kept(people):
    sent = {"deputy": "박서연", "starts_at": "2026-11-20", "ends_at": "2026-11-30", "reason": "출장"}
    refused = await people["lead"].post("/absences", sent, seen="/absences")
    assert refused.status_code == 422
    assert re.search(r'id="deputy"[^>]*value="박서연"[^>]*aria-invalid="true"', refused.text)
    assert 'value="출장"' in refused.text


# 사전 승인


async def test_a_consent_is_given_within_the_forms_limits_and_revoked(people):
    lead = people["lead"]
    sent = {"operation": "claims.claim", "ends_at": "2026-11-30", "count": "2", "rows": "5"}
    wide = await lead.post("/consents", sent | {"amount_each": "9,000", "amount_total": "900"}, seen="/consents")
    assert wide.status_code == 422
    assert re.search(r'id="amount_each"[^>]*value="9,000"[^>]*aria-invalid="true"', wide.text)
    done = await lead.post("/consents", sent | {"amount_each": "500", "amount_total": "900"}, seen="/consents")
    page = await lead.get(done.headers["location"])
    assert "건수 0 / 2" in text_of(page)
    assert "₩900" in text_of(page)
    path = re.search(r'action="(/consents/con_\w+)"', page.text)[1]
    assert "청구" not in (await people["stranger"].get("/consents")).text.split("<form")[0]
    assert (await people["owner"].post(path, {}, seen="/consents")).status_code == 404
    revoked = await lead.post(path, {}, seen="/consents")
    assert "사전 승인을 거뒀어요." in text_of(await lead.get(revoked.headers["location"]))


# 위임전결


async def test_the_table_of_delegated_decisions_is_read_as_it_holds_on_a_day(people):
    today = text_of(await people["stranger"].get("/delegations"))
    assert "청구 전결" in today
    assert "접대 ₩5,000 본부장" in today
    then = text_of(await people["stranger"].get("/delegations?on=2025-06-01"))
    assert "₩500 팀장" in then
    assert "본부장" not in then
    assert (await people["stranger"].get("/delegations?on=then")).status_code == 422


@pytest.mark.parametrize("path", ["/drafts", "/absences", "/consents", "/delegations"])
async def test_every_page_opens_in_both_languages_and_for_nobody_unknown(anybody, people, path):
    for lang in ("ko", "en"):
        page = await people["lead"].get(path, **{"accept-language": lang})
        assert page.status_code == 200
        assert f'<html lang="{lang}"' in page.text
    assert (await anybody.get(path)).headers["location"].startswith("/login")
