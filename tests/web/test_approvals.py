import pytest

from daeri.operations.outcome import Held
from daeri.records.credentials import Credentials
from web.conftest import text_of
from worlds import OWNER

pytestmark = pytest.mark.anyio

ARGUMENTS = {"start": "2026-11-26", "days": "2", "reason": "여행"}


@pytest.fixture
async def path(world):
    held = await world.door.call(await world.deputy(OWNER), "work.request", ARGUMENTS)
    assert isinstance(held, Held)
    return f"/approvals/{held.approval_id}"


def version_of(page):
    return page.text.split('name="version" value="')[1].split('"')[0]


async def decided(browser, path, decision, comment="", version=None):
    page = await browser.get(path)
    fields = {"decision": decision, "comment": comment, "version": version or version_of(page)}
    return await browser.post(path, fields, seen=path)


async def test_what_waits_is_where_the_approver_arrives(people, path):
    lead = people["lead"]
    assert (await lead.get("/")).headers["location"] == "/approvals"
    box = await lead.get("/approvals")
    assert path in box.text
    assert "휴가 신청 대리 김하은 대리" in text_of(box)


async def test_the_document_shows_who_what_and_why(people, path):
    said = text_of(await people["lead"].get(path))
    for part in ("기안 2026. 11. 21.(토) 14:02", "2026. 11. 26.(목)", "본부장까지 결재해요", "AI 생성", "쓴 휴가 0 2"):
        assert part in said
    assert "대신 작성했어요" in said


async def test_a_document_whose_key_was_revoked_says_so_to_who_decides_and_in_the_box(world, people):
    key = await world.identity.add_key(OWNER, "agent", decides=False)
    actor = await world.identity.actor_of_key(key.secret, "rest")
    held = [await world.held(actor, "work.request", {"start": f"2026-12-0{day}"}) for day in (1, 2)]
    first = f"/approvals/{held[0].approval_id}"
    assert "폐기" not in text_of(await people["lead"].get(first))
    await Credentials(world.identity, world.store, world.clock).revoke(await world.actor(OWNER), key.id)
    for who in ("lead", "owner"):
        assert "이 문서를 올린 키는 폐기됐어요" in text_of(await people[who].get(first))
    assert (await people["stranger"].get(first)).status_code == 404
    box = await people["lead"].get("/approvals")
    assert text_of(box).count("폐기된 키") == 2
    assert 'type="checkbox"' not in box.text, "it is read by itself"


async def test_nobody_outside_the_line_learns_of_a_document(people, path):
    answer = await people["stranger"].get(path)
    assert answer.status_code == 404
    assert "여행" not in answer.text


async def test_an_approval_is_stamped_and_names_who_is_next(people, path):
    answer = await decided(people["lead"], path, "approve", "확인했어요")
    shown = await people["lead"].get(answer.headers["location"])
    assert "승인했어요. 다음 차례는 최지우 본부장님이에요." in text_of(shown)
    assert 'role="img" aria-label="박서연 팀장 승인 2026. 11. 21.(토) 14:02"' in shown.text
    assert "확인했어요" in text_of(shown)


async def test_an_agent_has_a_square_mark_and_never_a_stamp(people, path):
    page = (await people["owner"].get(path)).text
    draft = page.split('<li data-status="draft">')[1].split("</li>")[0]
    assert 'class="proxy"' in draft
    assert "stamp" not in draft


async def test_a_rejection_needs_a_reason_and_then_a_square_seal(people, path):
    lead = people["lead"]
    refused = await decided(lead, path, "reject")
    assert refused.status_code == 422
    assert "반려하는 까닭을 적어 주세요." in text_of(refused)
    await decided(lead, path, "reject", "그날은 어려워요")
    page = await lead.get(path)
    assert 'class="stamp no' in page.text
    assert "그날은 어려워요" in text_of(page)


async def test_a_decision_on_an_old_version_keeps_what_was_written(people, path):
    answer = await decided(people["lead"], path, "approve", "제 의견이에요", version="99")
    assert answer.status_code == 412
    assert ">제 의견이에요</textarea>" in answer.text
    assert "적은 의견은 그대로 두었으니" in text_of(answer)


async def test_a_decision_out_of_turn_is_not_lost_either(people, path):
    lead = people["lead"]
    page = await lead.get(path)
    await decided(lead, path, "approve")
    fields = {"decision": "reject", "comment": "다시 생각했어요", "version": version_of(page)}
    answer = await lead.post(path, fields, seen="/approvals")
    assert answer.status_code in {409, 412}
    assert "보내지 못한 의견: 다시 생각했어요" in text_of(answer)


async def test_the_drafter_takes_it_back(people, path):
    answer = await decided(people["owner"], path, "withdraw")
    assert "회수했어요." in text_of(await people["owner"].get(answer.headers["location"]))


async def test_a_get_never_decides(world, people, path):
    await people["lead"].get(f"{path}?decision=approve&done=approve")
    document = await world.approvals.show(await world.actor(OWNER), path.rpartition("/")[2])
    assert document["status"] == "in_progress"


@pytest.mark.parametrize("fields", [{"decision": "approve"}, {"decision": "burn", "version": "1"}, {"version": "x"}])
async def test_a_form_that_makes_no_sense_changes_nothing(people, path, fields):
    answer = await people["lead"].post(path, fields, seen=path)
    assert answer.status_code == 422


@pytest.mark.parametrize("box", ["waiting", "upcoming", "drafted", "done", "rejected", "cc", "nonsense"])
async def test_every_box_opens_in_both_languages(people, box):
    for language in ("ko", "en"):
        assert (await people["lead"].get(f"/approvals?box={box}", **{"accept-language": language})).status_code == 200
