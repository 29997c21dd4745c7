"""Does every term of Korean approval mean what it says? One test at least for each; TERMS names them all."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from approvals.house import House, Open, line, stages, states
from daeri.errors import Conflict, DaeriError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations import (
    Deadline,
    Form,
    agree,
    cc,
    department,
    holder,
    person,
    rank_at_least,
    receive,
    review,
    superior,
    view,
)
from worlds import (
    AUDITOR,
    CHIEF,
    COLLEAGUE,
    DIRECTOR,
    FINANCE,
    HR,
    LEAD,
    NAMESAKE,
    OTHER_LEAD,
    OWNER,
    STRANGER,
)

pytestmark = pytest.mark.anyio

TERMS = {
    "기안 / 상신 / 임시저장": ["draft_is_frozen", "saved_draft"],
    "결재 (중간·최종)": ["intermediate_approval"],
    "검토": ["review"],
    "합의 / 협조": ["agreement_in_order", "agreement_in_parallel", "agreement_by_a_department"],
    "참조 / 열람 / 회람": ["carbon_copy", "view_right", "circulation"],
    "수신": ["recipient"],
    "전결": ["delegated_final_decision"],
    "대결": ["decision_by_deputy"],
    "후열": ["later_reading"],
    "선결": ["early_decision"],
    "후결": ["after_the_fact"],
    "보류": ["hold"],
    "협의 요청": ["consult"],
    "반려 / 전단계 반려": ["reject_", "return_one_step"],
    "재기안 / 재상신": ["redraft"],
    "회수 / 기안 취소": ["recall"],
    "결재 취소": ["undo"],
    "결재 의견": ["opinion"],
    "문서번호": ["document_number"],
    "결재선 자동 생성": ["automatic_line"],
    "결재선 변경": ["change_of_line"],
    "부재 설정 / 대리": ["absence_setting"],
    "1인 결재": ["single_person"],
}
"""Each term of the table, and how the tests of it begin."""


def test_every_term_has_a_test() -> None:
    sources = "".join(file.read_text() for file in Path(__file__).parent.glob("test_terms*.py"))
    names = re.findall(r"^(?:async )?def test_(\w+)", sources, re.MULTILINE)
    assert [
        begin for begins in TERMS.values() for begin in begins if not any(name.startswith(begin) for name in names)
    ] == []


# 기안 / 상신 / 임시저장


async def test_draft_is_frozen_with_form_line_and_policy(plain: House) -> None:
    approval_id = await plain.file(name="한 번 올린 것")
    (row,) = await plain.world.sql("select * from approval")
    assert '"version": "1"' in row["form"]
    assert all(word in row["line"] for word in ('"position": 3', '"why"', '"needs"'))
    body = await plain.show(OWNER, approval_id)
    assert (body["status"], body["version"], body["round"]) == ("in_progress", 1, 1)
    assert states(body) == [(LEAD, "waiting"), (DIRECTOR, "upcoming"), (CHIEF, "upcoming")]


async def test_saved_draft_is_its_writers_alone_and_asks_nobody(plain: House) -> None:
    owner, colleague = await plain.world.actor(OWNER), await plain.world.actor(COLLEAGUE)
    saved = await plain.drafts.save(owner, "paper.add", {"name": "아직"})
    again = await plain.drafts.save(owner, "paper.add", {"name": "고침"}, draft_id=saved["draft_id"])
    assert (again["draft_id"], again["arguments"]) == (saved["draft_id"], {"name": "고침"})
    assert [one["draft_id"] for one in await plain.drafts.mine(owner)] == [saved["draft_id"]]
    assert await plain.drafts.mine(colleague) == []
    for touch in (plain.drafts.get(colleague, saved["draft_id"]), plain.drafts.drop(colleague, saved["draft_id"])):
        with pytest.raises(NotFound):
            await touch
    assert await plain.box(LEAD, "waiting") == []
    await plain.drafts.drop(owner, saved["draft_id"])
    assert await plain.drafts.mine(owner) == []


# 결재: intermediate and final approval


async def test_intermediate_approval_opens_the_next_turn_and_tells_them(plain: House) -> None:
    approval_id = await plain.file()
    body = await plain.approve(approval_id, LEAD)
    assert states(body) == [(LEAD, "approved"), (DIRECTOR, "waiting"), (CHIEF, "upcoming")]
    told = await plain.world.sql("select person_id, kind from notice order by id")
    assert [(row["person_id"], row["kind"]) for row in told] == [(LEAD, "approve"), (DIRECTOR, "approve")]
    assert await plain.projects() == 0


async def test_intermediate_approval_changes_nothing_the_final_one_does(plain: House) -> None:
    approval_id = await plain.file()
    body = await plain.approve(approval_id, LEAD, DIRECTOR, CHIEF)
    assert (body["status"], await plain.projects()) == ("applied", 1)
    told = await plain.world.sql("select person_id, kind from notice order by id")
    assert (told[-1]["person_id"], told[-1]["kind"]) == (OWNER, "applied")


# 검토


async def test_review_is_a_step_that_may_reject(house: Open) -> None:
    async with house(Form(line(review(holder("finance")), superior(1)))) as h:
        approval_id = await h.file()
        body = await h.act(FINANCE, approval_id, "reject", "예산이 없어요")
        assert (body["status"], states(body)) == ("rejected", [(FINANCE, "rejected"), (LEAD, "skipped")])


async def test_review_is_followed_by_a_decision(house: Open) -> None:
    async with house(Form(line(review(holder("finance")), superior(1)))) as h:
        approval_id = await h.file()
        assert (await h.approve(approval_id, FINANCE))["status"] == "in_progress"
        assert (await h.approve(approval_id, LEAD))["status"] == "applied"


def test_review_never_decides_finally() -> None:
    with pytest.raises(ValueError, match="ends with a review"):
        line(superior(1), review(superior(2)))("x")


# 합의 / 협조


async def test_agreement_in_order_is_given_one_after_the_other(house: Open) -> None:
    async with house(Form(line(agree(holder("finance"), holder("hr")), superior(1)))) as h:
        approval_id = await h.file()
        with pytest.raises(Conflict):
            await h.act(HR, approval_id, "approve")
        body = await h.approve(approval_id, FINANCE, HR, LEAD)
        assert body["status"] == "applied"


async def test_agreement_in_parallel_is_asked_at_once_and_in_any_order(house: Open) -> None:
    form = Form(line(agree(holder("finance"), holder("hr"), parallel=True), superior(1)))
    async with house(form) as h:
        approval_id = await h.file()
        assert stages(await h.show(OWNER, approval_id)) == [(FINANCE, HR), (LEAD,)]
        body = await h.approve(approval_id, HR)
        assert states(body) == [(FINANCE, "waiting"), (HR, "approved"), (LEAD, "upcoming")]
        assert (await h.approve(approval_id, FINANCE, LEAD))["status"] == "applied"


async def test_agreement_in_parallel_is_ended_for_all_by_one_rejection(house: Open) -> None:
    async with house(Form(line(agree(holder("finance"), holder("hr"), parallel=True), superior(1)))) as h:
        approval_id = await h.file()
        body = await h.act(FINANCE, approval_id, "reject", "안 돼요")
        assert states(body) == [(FINANCE, "rejected"), (HR, "skipped"), (LEAD, "skipped")]
        with pytest.raises(Conflict):
            await h.act(HR, approval_id, "approve")


async def test_agreement_without_the_right_to_reject_is_an_opinion(house: Open) -> None:
    async with house(Form(line(agree(holder("hr"), may_reject=False), superior(1)))) as h:
        approval_id = await h.file()
        body = await h.act(HR, approval_id, "reject", "저는 반대예요")
        assert (body["status"], states(body)) == ("in_progress", [(HR, "opposed"), (LEAD, "waiting")])
        assert body["line"][0]["comment"] == "저는 반대예요"
        assert (await h.approve(approval_id, LEAD))["status"] == "applied"


QUORUM = agree(holder("finance"), holder("hr"), holder("auditor"), parallel=True, quorum=2)


async def test_agreement_in_parallel_is_reached_with_its_quorum(house: Open) -> None:
    async with house(Form(line(QUORUM, superior(1)))) as h:
        approval_id = await h.file()
        body = await h.approve(approval_id, HR, FINANCE)
        assert states(body) == [(FINANCE, "approved"), (HR, "approved"), (AUDITOR, "skipped"), (LEAD, "waiting")]


async def test_agreement_in_parallel_fails_when_its_quorum_cannot_be_reached(house: Open) -> None:
    async with house(Form(line(QUORUM, superior(1)))) as h:
        approval_id = await h.file()
        assert (await h.act(HR, approval_id, "reject", "아니요"))["status"] == "in_progress"
        assert (await h.act(FINANCE, approval_id, "reject", "아니요"))["status"] == "rejected"


async def test_agreement_in_parallel_that_was_undone_asks_everyone_again(house: Open) -> None:
    async with house(Form(line(QUORUM, superior(1)))) as h:
        approval_id = await h.file()
        await h.approve(approval_id, HR, FINANCE)
        body = await h.act(FINANCE, approval_id, "undo")
        assert states(body) == [(FINANCE, "waiting"), (HR, "approved"), (AUDITOR, "waiting"), (LEAD, "upcoming")]


async def test_agreement_that_does_not_block_is_not_waited_for(house: Open) -> None:
    async with house(Form(line(agree(holder("hr"), blocking=False), superior(1)))) as h:
        approval_id = await h.file()
        assert states(await h.show(OWNER, approval_id)) == [(HR, "waiting"), (LEAD, "waiting")]
        body = await h.approve(approval_id, LEAD)
        assert (body["status"], states(body)) == ("applied", [(HR, "skipped"), (LEAD, "approved")])


async def test_agreement_before_its_turn_where_the_form_allows(house: Open) -> None:
    steps = (superior(1), agree(holder("finance")), superior(2))
    async with house(Form(line(*steps), agree_early=True)) as h:
        approval_id = await h.file()
        body = await h.approve(approval_id, FINANCE)
        assert states(body) == [(LEAD, "waiting"), (FINANCE, "approved"), (DIRECTOR, "upcoming")]
        body = await h.approve(approval_id, LEAD)
        assert states(body)[2] == (DIRECTOR, "waiting")


async def test_agreement_by_a_department_runs_a_line_of_its_own(house: Open) -> None:
    inner = department("영업2팀", person(NAMESAKE))
    async with house(Form(line(agree(inner, holder("finance"), parallel=True), superior(2)))) as h:
        approval_id = await h.file()
        body = await h.show(OWNER, approval_id)
        assert states(body)[:3] == [(NAMESAKE, "waiting"), (OTHER_LEAD, "upcoming"), (FINANCE, "waiting")]
        body = await h.approve(approval_id, NAMESAKE, OTHER_LEAD, FINANCE, DIRECTOR)
        assert body["status"] == "applied"


async def test_agreement_by_a_department_is_passed_on_inside_it(house: Open) -> None:
    async with house(Form(line(agree(department("영업2팀")), superior(1)))) as h:
        approval_id = await h.file()
        with pytest.raises(ValidationFailed):
            await h.act(OTHER_LEAD, approval_id, "assign", people=[COLLEAGUE])
        body = await h.act(OTHER_LEAD, approval_id, "assign", people=[STRANGER])
        assert (STRANGER, "waiting") in states(body)
        assert (OTHER_LEAD, "upcoming") in states(body)
        assert (await h.approve(approval_id, STRANGER, OTHER_LEAD, LEAD))["status"] == "applied"


# 참조 / 열람 / 회람


async def test_carbon_copy_reads_from_the_beginning_and_never_blocks(house: Open) -> None:
    async with house(Form(line(superior(1), cc(holder("hr"))))) as h:
        approval_id = await h.file()
        assert await h.box(HR, "cc") == [approval_id]
        body = await h.act(HR, approval_id, "read")
        assert (states(body, "beside"), body["version"]) == ([(HR, "read")], 1)
        with pytest.raises(Conflict):
            await h.act(HR, approval_id, "approve")
        assert (await h.approve(approval_id, LEAD))["status"] == "applied"


async def test_view_right_begins_with_completion(house: Open) -> None:
    async with house(Form(line(superior(1), view(holder("hr"))))) as h:
        approval_id = await h.file()
        with pytest.raises(NotFound):
            await h.show(HR, approval_id)
        await h.approve(approval_id, LEAD)
        assert (await h.show(HR, approval_id))["status"] == "applied"
        assert await h.box(HR, "cc") == [approval_id]


async def test_view_right_never_begins_with_a_document_that_was_rejected(house: Open) -> None:
    async with house(Form(line(superior(1), view(holder("hr"))))) as h:
        approval_id = await h.file()
        await h.act(LEAD, approval_id, "reject", "아니요")
        with pytest.raises(NotFound):
            await h.show(HR, approval_id)


async def test_circulation_is_opened_by_those_who_take_part(plain: House) -> None:
    approval_id = await plain.file()
    with pytest.raises(NotFound):
        await plain.act(STRANGER, approval_id, "share", people=[HR])
    await plain.approve(approval_id, LEAD, DIRECTOR, CHIEF)
    await plain.act(OWNER, approval_id, "share", people=[HR, FINANCE])
    assert await plain.box(HR, "cc") == [approval_id]
    with pytest.raises(PermissionDenied):
        await plain.act(HR, approval_id, "share", people=[STRANGER])


# 수신


async def test_recipient_accepts_what_is_complete(house: Open) -> None:
    async with house(Form(line(superior(1), receive(department("영업2팀"))))) as h:
        approval_id = await h.file()
        with pytest.raises(NotFound):
            await h.show(OTHER_LEAD, approval_id)
        await h.approve(approval_id, LEAD)
        assert await h.box(OTHER_LEAD, "waiting") == [approval_id]
        body = await h.act(OTHER_LEAD, approval_id, "accept")
        assert states(body, "beside") == [(OTHER_LEAD, "received")]
        assert await h.box(OTHER_LEAD, "done") == [approval_id]


async def test_recipient_sends_it_back_and_the_drafter_answers(house: Open) -> None:
    async with house(Form(line(superior(1), receive(department("영업2팀"))))) as h:
        approval_id = await h.file()
        await h.approve(approval_id, LEAD)
        with pytest.raises(ValidationFailed):
            await h.act(OTHER_LEAD, approval_id, "send_back")
        await h.act(OTHER_LEAD, approval_id, "send_back", "우리 일이 아니에요")
        assert await h.box(OWNER, "waiting") == [approval_id]
        body = await h.act(OWNER, approval_id, "answer", "3팀으로 다시 보낼게요")
        assert (body["status"], await h.projects()) == ("applied", 1)


async def test_recipient_hands_it_to_someone_of_the_department(house: Open) -> None:
    async with house(Form(line(superior(1), receive(department("영업2팀"))))) as h:
        approval_id = await h.file()
        await h.approve(approval_id, LEAD)
        await h.act(OTHER_LEAD, approval_id, "assign", people=[STRANGER])
        assert await h.box(STRANGER, "waiting") == [approval_id]
        assert states(await h.act(STRANGER, approval_id, "accept"), "beside")[-1] == (STRANGER, "received")


# 보류


async def test_hold_parks_the_turn_with_a_reason(plain: House) -> None:
    approval_id = await plain.file()
    with pytest.raises(ValidationFailed):
        await plain.act(LEAD, approval_id, "hold")
    body = await plain.act(LEAD, approval_id, "hold", "다음 주에 볼게요")
    assert states(body)[:2] == [(LEAD, "held"), (DIRECTOR, "upcoming")]
    assert await plain.box(LEAD, "waiting") == [approval_id]
    assert states(await plain.act(LEAD, approval_id, "release"))[0] == (LEAD, "waiting")
    await plain.act(LEAD, approval_id, "hold", "다시")
    assert states(await plain.approve(approval_id, LEAD))[0] == (LEAD, "approved")


# 협의 요청


async def test_consult_asks_an_opinion_that_binds_nobody(plain: House) -> None:
    approval_id = await plain.file()
    body = await plain.act(LEAD, approval_id, "consult", "예산이 될까요?", people=[FINANCE])
    assert states(body, "beside") == [(FINANCE, "waiting")]
    with pytest.raises(Conflict):
        await plain.act(FINANCE, approval_id, "approve")
    await plain.act(FINANCE, approval_id, "answer", "안 될 것 같아요")
    assert states(await plain.approve(approval_id, LEAD))[1] == (DIRECTOR, "waiting")


@pytest.mark.parametrize("asked", [OWNER, LEAD, 9, 777])
async def test_consult_asks_neither_oneself_nor_the_drafter_nor_a_leaver(plain: House, asked: int) -> None:
    approval_id = await plain.file()
    with pytest.raises(ValidationFailed):
        await plain.act(LEAD, approval_id, "consult", "어때요?", people=[asked])


# 반려 / 전단계 반려


async def test_reject_ends_the_round_and_tells_the_drafter(plain: House) -> None:
    approval_id = await plain.file()
    await plain.approve(approval_id, LEAD)
    body = await plain.act(DIRECTOR, approval_id, "reject", "금액이 달라요")
    assert (body["status"], body["number"]) == ("rejected", None)
    assert await plain.box(OWNER, "rejected") == [approval_id]


async def test_return_one_step_asks_the_previous_approver_again(plain: House) -> None:
    approval_id = await plain.file()
    await plain.approve(approval_id, LEAD, DIRECTOR)
    with pytest.raises(ValidationFailed):
        await plain.act(CHIEF, approval_id, "return_step")
    body = await plain.act(CHIEF, approval_id, "return_step", "다시 봐 주세요")
    assert states(body) == [(LEAD, "approved"), (DIRECTOR, "waiting"), (CHIEF, "upcoming")]
    assert (await plain.approve(approval_id, DIRECTOR, CHIEF))["status"] == "applied"


async def test_return_one_step_has_nowhere_to_go_from_the_first(plain: House) -> None:
    approval_id = await plain.file()
    with pytest.raises(Conflict, match="Nobody decided before you"):
        await plain.act(LEAD, approval_id, "return_step", "다시")


# 재기안


async def test_redraft_is_a_new_version_with_no_approvals(plain: House) -> None:
    first = await plain.file()
    await plain.approve(first, LEAD)
    await plain.act(DIRECTOR, first, "reject", "이름을 고쳐 주세요")
    second = await plain.file(name="고친 과제", previous_id=first)
    body = await plain.show(OWNER, second)
    assert (body["round"], body["previous_id"]) == (2, first)
    assert states(body)[0] == (LEAD, "waiting")
    assert (await plain.show(OWNER, first))["next_id"] == second


async def test_redraft_is_made_once_by_the_drafter_and_only_of_what_ended_badly(plain: House) -> None:
    first = await plain.file()
    with pytest.raises(Conflict):
        await plain.file(previous_id=first)
    await plain.act(LEAD, first, "reject", "아니요")
    with pytest.raises(NotFound):
        await plain.file(previous_id=first, by=COLLEAGUE)
    await plain.file(previous_id=first)
    with pytest.raises(Conflict):
        await plain.file(previous_id=first)


# 회수


@pytest.mark.parametrize(("recall", "early", "late"), [("untouched", 1, 0), ("in_progress", 1, 1), ("never", 0, 0)])
async def test_recall_is_possible_as_far_as_the_form_says(house: Open, recall: Any, early: int, late: int) -> None:
    async with house(Form(line(superior(1), superior(2)), recall=recall)) as h:
        for approvers, possible in (((), early), ((LEAD,), late)):
            approval_id = await h.file()
            await h.approve(approval_id, *approvers)
            if possible:
                assert (await h.act(OWNER, approval_id, "withdraw"))["status"] == "withdrawn"
            else:
                with pytest.raises(Conflict):
                    await h.act(OWNER, approval_id, "withdraw")


async def test_recall_deletes_nothing(plain: House) -> None:
    approval_id = await plain.file()
    await plain.act(OWNER, approval_id, "withdraw", "다시 쓸게요")
    body = await plain.show(OWNER, approval_id)
    assert [act["act"] for act in body["history"]] == ["draft", "withdraw"]


# 결재 취소


async def test_undo_takes_ones_own_approval_back_until_the_next_person_acts(plain: House) -> None:
    approval_id = await plain.file()
    await plain.approve(approval_id, LEAD)
    with pytest.raises(Conflict):
        await plain.act(DIRECTOR, approval_id, "undo")
    body = await plain.act(LEAD, approval_id, "undo")
    assert states(body)[:2] == [(LEAD, "waiting"), (DIRECTOR, "upcoming")]
    await plain.approve(approval_id, LEAD)
    await plain.act(DIRECTOR, approval_id, "hold", "잠깐만요")
    with pytest.raises(Conflict, match="cannot be undone"):
        await plain.act(LEAD, approval_id, "undo")


# 결재 의견


async def test_opinion_is_appended_and_never_changed(plain: House) -> None:
    approval_id = await plain.file()
    with pytest.raises(ValidationFailed):
        await plain.act(OWNER, approval_id, "comment", " ")
    await plain.act(OWNER, approval_id, "comment", "급해요")
    await plain.act(LEAD, approval_id, "comment", "볼게요")
    body = await plain.show(OWNER, approval_id)
    assert [act["comment"] for act in body["history"]] == [None, "급해요", "볼게요"]
    with pytest.raises(NotFound):
        await plain.act(STRANGER, approval_id, "comment", "저도요")


# 문서번호


async def test_document_number_is_the_forms_own_and_given_on_completion(house: Open) -> None:
    async with house(Form(line(superior(1)), prefix="EX")) as h:
        rejected, first, second = [await h.file() for _ in range(3)]
        await h.act(LEAD, rejected, "reject", "아니요")
        assert (await h.approve(first, LEAD))["number"] == "EX-2026-000001"
        h.world.clock.at = datetime(2027, 1, 2, tzinfo=UTC)
        assert (await h.approve(second, LEAD))["number"] == "EX-2027-000001"


# 결재선 자동 생성


async def test_automatic_line_goes_up_to_a_rank_and_says_why(house: Open) -> None:
    async with house(Form(line(superior(1), rank_at_least("상무")))) as h:
        body = await h.show(OWNER, await h.file())
        assert states(body) == [(LEAD, "waiting"), (DIRECTOR, "upcoming")]
        assert [step["why"] for step in body["line"]] == ["바로 위 조직장이에요", "위로 가장 가까운 상무 이상이에요"]


async def test_automatic_line_says_that_a_post_is_vacant(house: Open) -> None:
    async with house(Form(line(superior(1)))) as h:
        await h.world.sql("update w_team set lead_id = null where id = 1")
        body = await h.show(OWNER, await h.file())
        assert states(body) == [(DIRECTOR, "waiting")]
        assert "공석" in body["line"][0]["why"]


async def test_automatic_line_is_previewed_with_everyone_before_it_is_filed(house: Open) -> None:
    async with house(Form(line(agree(holder("hr")), superior(1), cc(holder("finance"))))) as h:
        draft = await h.world.door.dry_run(await h.world.actor(OWNER), "paper.add", {"name": "x"})
        body = draft.body("ko")
        assert [(step["person"]["id"], step["part"]) for step in body["line"]] == [(HR, "agree"), (LEAD, "approve")]
        assert [(each["part"], each["person"]["id"]) for each in body["beside"]] == [("cc", FINANCE)]
        assert all(step["why"] for step in body["line"])


async def test_automatic_line_changes_with_the_day_from_which_a_rule_holds(house: Open) -> None:
    lines = {date(2026, 1, 1): line(superior(1)), date(2026, 12, 1): line(superior(1), superior(2))}
    async with house(Form(lines)) as h:
        assert states(await h.show(OWNER, await h.file())) == [(LEAD, "waiting")]
        h.world.clock.at = datetime(2026, 12, 1, tzinfo=UTC)
        body = await h.show(OWNER, await h.file())
        assert states(body) == [(LEAD, "waiting"), (DIRECTOR, "upcoming")]
        assert body["form"]["since"] == "2026-12-01"


async def test_automatic_line_does_not_move_with_the_chart_but_with_a_leaver(plain: House) -> None:
    approval_id = await plain.file()
    await plain.world.sql("update w_team set lead_id = :new where id = 1", new=OTHER_LEAD)
    assert states(await plain.show(OWNER, approval_id))[0] == (LEAD, "waiting")
    await plain.world.sql("update w_employee set left_on = '2026-11-20' where id = :id", id=LEAD)
    await plain.world.approvals.tend()
    body = await plain.show(OWNER, approval_id)
    assert [each["id"] for each in body["line"][0]["also"]] == [OTHER_LEAD]
    assert (await plain.approve(approval_id, OTHER_LEAD))["line"][0]["manner"] == "escalated"


async def test_automatic_line_is_mended_by_an_administrator_after_someone_left(plain: House) -> None:
    approval_id = await plain.file()
    await plain.world.sql("""update w_employee set roles = '["admin"]' where id = :id""", id=HR)
    with pytest.raises(NotFound):
        await plain.act(HR, approval_id, "replace", position=1, people=[OTHER_LEAD])
    await plain.world.sql("update w_employee set left_on = '2026-11-20' where id = :id", id=LEAD)
    for wrong in (OWNER, HR):
        with pytest.raises(DaeriError):
            await plain.act(HR, approval_id, "replace", position=1, people=[wrong])
    await plain.act(HR, approval_id, "replace", position=1, people=[OTHER_LEAD])
    assert (await plain.approve(approval_id, OTHER_LEAD, DIRECTOR, CHIEF))["status"] == "applied"


async def test_automatic_line_has_a_deadline_in_working_days_and_goes_up_when_it_passes(house: Open) -> None:
    async with house(Form(line(superior(1)), deadline=Deadline(days=2))) as h:
        approval_id = await h.file()  # a Saturday
        body = await h.show(OWNER, approval_id)
        assert body["line"][0]["due_at"] == "2026-11-24T15:00:00.000Z"
        h.world.clock.at = datetime(2026, 11, 24, 14, 59, tzinfo=UTC)
        await h.world.approvals.tend()
        assert await h.box(DIRECTOR, "waiting") == []
        h.world.clock.at = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
        await h.world.approvals.tend()
        assert await h.box(DIRECTOR, "waiting") == await h.box(LEAD, "waiting") == [approval_id]
        assert (await h.approve(approval_id, DIRECTOR))["line"][0]["by"]["id"] == DIRECTOR


# 결재선 변경


async def test_change_of_line_adds_after_oneself_and_never_takes_out_what_a_rule_set(house: Open) -> None:
    async with house(Form(line(superior(1), superior(2)), change_line=True)) as h:
        approval_id = await h.file()
        with pytest.raises(Conflict, match="rule set"):
            await h.act(LEAD, approval_id, "change_line", drop=[2])
        body = await h.act(LEAD, approval_id, "change_line", people=[HR], part="agree")
        assert states(body) == [(LEAD, "waiting"), (HR, "upcoming"), (DIRECTOR, "upcoming")]
        assert [each[0] for each in stages(body)] == [LEAD, HR, DIRECTOR]
        body = await h.act(LEAD, approval_id, "change_line", drop=[3])
        assert states(body)[1] == (HR, "skipped")
        await h.act(LEAD, approval_id, "change_line", people=[FINANCE], part="review")
        assert (await h.approve(approval_id, LEAD, FINANCE, DIRECTOR))["status"] == "applied"


async def test_change_of_line_is_refused_where_the_form_does_not_allow_it(plain: House) -> None:
    approval_id = await plain.file()
    with pytest.raises(Conflict, match="does not allow"):
        await plain.act(LEAD, approval_id, "change_line", people=[HR])


# 1인 결재


async def test_single_person_approval_is_the_drafters_own_act_where_the_form_allows(house: Open) -> None:
    async with house(Form(line(superior(1)), alone=True)) as h:
        approval_id = await h.file(by=CHIEF)
        assert await h.projects() == 0
        body = await h.approve(approval_id, CHIEF)
        assert (body["status"], body["line"][0]["manner"]) == ("applied", "self")


async def test_single_person_approval_is_off_for_what_an_agent_started(house: Open) -> None:
    async with house(Form(line(superior(1)), alone=True)) as h:
        with pytest.raises(Conflict, match="Nobody can approve"):
            await h.file(by=CHIEF, agent=True)


async def test_single_person_approval_is_off_by_default(plain: House) -> None:
    with pytest.raises(Conflict, match="Nobody can approve"):
        await plain.file(by=CHIEF)
