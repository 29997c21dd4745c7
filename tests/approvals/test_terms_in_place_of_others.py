"""Do the terms for deciding in place of others hold? 전결, 대결, 부재, 후열, 선결, 후결."""

from datetime import date, timedelta
from typing import Any

import pytest

from approvals.house import WHY, House, Open, line, states
from daeri.errors import Conflict, DaeriError, NotFound, PermissionDenied, ValidationFailed
from daeri.operations import (
    Delegation,
    Form,
    agree,
    band,
    edition,
    holder,
    superior,
)
from daeri.wording import Text
from worlds import (
    CHIEF,
    COLLEAGUE,
    DIRECTOR,
    FINANCE,
    HR,
    LEAD,
    OTHER_LEAD,
    OWNER,
    STRANGER,
)

pytestmark = pytest.mark.anyio


# 전결

TABLE = Delegation(
    "paper",
    Text("문서 전결", "papers"),
    edition(date(2026, 1, 1), band("팀장", upto=1_000), band("본부장", upto=10_000), band(None)),
    edition(date(2027, 1, 1), band("본부장", upto=1_000), band(None)),
)


def matter(amount: int, today: date = date(2026, 11, 21)) -> Form:
    ladder = (superior(1), agree(holder("finance")), superior(2), superior(3))
    return Form(line(*ladder, delegated=TABLE.at(today, amount=amount)), delegation=TABLE)


async def test_delegated_final_decision_skips_the_later_approvers_and_completes(house: Open) -> None:
    async with house(matter(500)) as h:
        approval_id = await h.file()
        body = await h.show(OWNER, approval_id)
        assert states(body) == [(FINANCE, "waiting"), (LEAD, "upcoming"), (DIRECTOR, "skipped"), (CHIEF, "skipped")]
        assert "팀장 전결" in body["line"][1]["why"]
        body = await h.approve(approval_id, FINANCE, LEAD)
        assert (body["status"], body["line"][1]["manner"]) == ("applied", "delegated")
        (row,) = await h.world.sql("select form from approval")
        assert '"delegation": "paper@2026-01-01#1"' in row["form"]


@pytest.mark.parametrize(
    ("amount", "today", "decides"),
    [
        (1_000, date(2026, 11, 21), LEAD),
        (1_001, date(2026, 11, 21), DIRECTOR),
        (10_001, date(2026, 11, 21), CHIEF),
        (1_000, date(2027, 1, 1), DIRECTOR),
        (1_001, date(2027, 1, 1), CHIEF),
    ],
)
async def test_delegated_final_decision_is_looked_up_by_amount_and_day(
    house: Open, amount: int, today: date, decides: int
) -> None:
    async with house(matter(amount, today)) as h:
        body = await h.show(OWNER, await h.file())
        asked = [person for person, state in states(body) if state != "skipped"]
        assert asked[-1] == decides


def test_delegated_final_decision_prefers_the_row_of_its_own_item() -> None:
    table = Delegation(
        "t",
        WHY,
        edition(date(2026, 1, 1), band("팀장", upto=100), band("본부장", upto=100, item="접대비"), band(None)),
    )
    today = date(2026, 5, 1)
    found = [table.at(today, item=item, amount=100) for item in ("식비", "접대비")]
    assert [each and each.decides for each in found] == ["팀장", "본부장"]
    assert table.at(date(2025, 12, 31), amount=1) is None


# 대결, 부재 설정


async def away(h: House, who: int, deputy: int, *, days: float = 3, by: int | None = None, **more: Any) -> str:
    now = h.world.clock.now()
    setting = await h.absences.set(
        await h.world.actor(by or who),
        deputy_id=deputy,
        person_id=who,
        starts_at=now,
        ends_at=now + timedelta(days=days),
        **more,
    )
    return str(setting["absence_id"])


async def test_decision_by_deputy_is_in_the_absent_persons_name(plain: House) -> None:
    await away(plain, LEAD, OTHER_LEAD)
    approval_id = await plain.file()
    assert await plain.box(OTHER_LEAD, "waiting") == [approval_id]
    body = await plain.act(OTHER_LEAD, approval_id, "approve", "대신 봤어요")
    step = body["line"][0]
    assert (step["person"]["id"], step["by"]["id"], step["manner"]) == (LEAD, OTHER_LEAD, "deputy")
    (row,) = [row for row in await plain.world.audited() if row["action"] == "approval.approve"]
    assert (row["person_id"], row["detail"]) == (OTHER_LEAD, {"for": [LEAD]})


async def test_decision_by_deputy_may_come_as_early_as_the_absent_persons(house: Open) -> None:
    steps = [superior(1), agree(holder("hr"))]
    for early in (True, False):
        async with house(Form(line(*steps), agree_early=early)) as h:
            approval_id = await h.file()
            await away(h, HR, STRANGER)
            if not early:
                with pytest.raises(NotFound):
                    await h.show(STRANGER, approval_id)
                continue
            assert (await h.show(STRANGER, approval_id))["status"] == "in_progress"
            body = await h.approve(approval_id, STRANGER)
            assert (body["line"][1]["person"]["id"], body["line"][1]["by"]["id"]) == (HR, STRANGER)


async def test_decision_by_deputy_cannot_be_undone(plain: House) -> None:
    await away(plain, LEAD, OTHER_LEAD)
    approval_id = await plain.file()
    await plain.approve(approval_id, OTHER_LEAD)
    with pytest.raises(Conflict):
        await plain.act(OTHER_LEAD, approval_id, "undo")


async def test_decision_by_deputy_ends_with_the_period(plain: House) -> None:
    await away(plain, LEAD, OTHER_LEAD, days=1)
    approval_id = await plain.file()
    deputy = await plain.world.actor(OTHER_LEAD)
    plain.world.clock.at += timedelta(days=1)
    with pytest.raises(NotFound):
        await plain.world.approvals.decide(deputy, approval_id, "approve")
    assert (await plain.approve(approval_id, LEAD))["line"][0]["manner"] == "in_turn"


async def test_decision_by_deputy_is_never_the_drafters(house: Open) -> None:
    async with house(Form(line(superior(1)))) as h:
        await away(h, LEAD, OWNER)
        approval_id = await h.file()
        with pytest.raises(DaeriError):
            await h.act(OWNER, approval_id, "approve")
        assert await h.projects() == 0


async def test_decision_by_deputy_who_is_in_the_line_already_counts_once(plain: House) -> None:
    await away(plain, LEAD, DIRECTOR)
    approval_id = await plain.file()
    body = await plain.approve(approval_id, DIRECTOR)
    assert states(body) == [(LEAD, "approved"), (DIRECTOR, "approved"), (CHIEF, "waiting")]
    assert [step["manner"] for step in body["line"][:2]] == ["deputy", "in_turn"]
    assert len([act for act in body["history"] if act["act"] == "approve"]) == 1


async def test_decision_by_deputy_goes_on_to_the_deputys_own_deputy(plain: House) -> None:
    await away(plain, LEAD, OTHER_LEAD)
    await away(plain, OTHER_LEAD, HR)
    approval_id = await plain.file()
    with pytest.raises(NotFound):
        await plain.act(OTHER_LEAD, approval_id, "approve")
    assert (await plain.approve(approval_id, HR))["line"][0]["by"]["id"] == HR


async def test_absence_setting_is_ones_own_or_an_administrators(plain: House) -> None:
    with pytest.raises(PermissionDenied):
        await away(plain, LEAD, OTHER_LEAD, by=COLLEAGUE)
    with pytest.raises(PermissionDenied):
        await plain.absences.set(
            await plain.world.deputy(LEAD),
            deputy_id=OTHER_LEAD,
            starts_at=plain.world.clock.now(),
            ends_at=plain.world.clock.now() + timedelta(days=1),
        )
    await plain.world.sql("""update w_employee set roles = '["admin"]' where id = :id""", id=HR)
    absence_id = await away(plain, LEAD, OTHER_LEAD, by=HR)
    ended = await plain.absences.end(await plain.world.actor(LEAD), absence_id)
    assert ended["active"] is False


async def test_absence_setting_never_makes_a_ring(plain: House) -> None:
    await away(plain, LEAD, OTHER_LEAD)
    await away(plain, OTHER_LEAD, DIRECTOR)
    with pytest.raises(Conflict, match="stand for each other"):
        await away(plain, DIRECTOR, LEAD)


async def test_absence_setting_may_cover_some_operations_only(plain: House) -> None:
    await away(plain, LEAD, OTHER_LEAD, operations=["work.request"])
    approval_id = await plain.file()
    assert await plain.box(OTHER_LEAD, "waiting") == []
    with pytest.raises(NotFound):
        await plain.act(OTHER_LEAD, approval_id, "approve")


@pytest.mark.parametrize("deputy", [LEAD, 9, 777])
async def test_absence_setting_names_someone_else_who_works_here(plain: House, deputy: int) -> None:
    with pytest.raises(ValidationFailed):
        await away(plain, LEAD, deputy)


# 후열: later reading


async def test_later_reading_shows_the_absent_what_was_decided_for_them(plain: House) -> None:
    await away(plain, LEAD, OTHER_LEAD)
    approval_id = await plain.file()
    body = await plain.approve(approval_id, OTHER_LEAD)
    assert [(step["part"], step["person"]["id"]) for step in body["beside"]] == [("post_read", LEAD)]
    assert await plain.box(LEAD, "cc") == [approval_id]
    body = await plain.act(LEAD, approval_id, "read")
    assert (states(body, "beside"), body["line"][0]["status"]) == ([(LEAD, "read")], "approved")


# 선결, 후결

EARLY = Form(line(superior(1), superior(2), superior(3)), early=True, after_days=2)


async def test_early_decision_of_the_final_approver_completes(house: Open) -> None:
    async with house(EARLY) as h:
        approval_id = await h.file()
        body = await h.approve(approval_id, CHIEF)
        assert (body["status"], body["line"][2]["manner"], await h.projects()) == ("applied", "early", 1)


async def test_early_decision_is_refused_where_the_form_does_not_allow_it(plain: House) -> None:
    approval_id = await plain.file()
    with pytest.raises(Conflict):
        await plain.act(CHIEF, approval_id, "approve")


async def test_early_decision_never_passes_over_an_open_agreement(house: Open) -> None:
    async with house(Form(line(superior(1), agree(holder("finance")), superior(2)), early=True)) as h:
        approval_id = await h.file()
        with pytest.raises(Conflict, match="agreement"):
            await h.act(DIRECTOR, approval_id, "approve")


async def test_after_the_fact_approval_stays_with_whoever_was_passed_over(house: Open) -> None:
    async with house(EARLY) as h:
        approval_id = await h.file()
        await h.approve(approval_id, CHIEF)
        assert await h.box(LEAD, "waiting") == [approval_id]
        body = await h.approve(approval_id, LEAD)
        assert (body["line"][0]["status"], body["line"][0]["manner"]) == ("approved", "after")
        assert await h.projects() == 1


async def test_after_the_fact_objection_undoes_nothing_and_must_be_answered(house: Open) -> None:
    async with house(EARLY) as h:
        approval_id = await h.file()
        await h.approve(approval_id, CHIEF)
        body = await h.act(DIRECTOR, approval_id, "reject", "알았다면 반대했어요")
        assert (body["status"], body["line"][1]["status"], await h.projects()) == ("applied", "objected", 1)
        assert await h.box(OWNER, "waiting") == [approval_id]
        body = await h.act(OWNER, approval_id, "answer", "다음부터 먼저 여쭐게요")
        assert states(body, "beside") == [(OWNER, "answered")]


async def test_after_the_fact_approval_lapses_with_its_deadline(house: Open) -> None:
    async with house(EARLY) as h:
        approval_id = await h.file()
        await h.approve(approval_id, CHIEF)
        await h.world.approvals.tend()
        assert await h.box(LEAD, "waiting") == [approval_id]
        h.world.clock.at += timedelta(days=5)
        await h.world.approvals.tend()
        body = await h.show(OWNER, approval_id)
        assert [(step["status"], step["manner"]) for step in body["line"][:2]] == [("skipped", "lapsed")] * 2
        assert await h.box(LEAD, "waiting") == []
