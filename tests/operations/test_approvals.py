"""What may happen to a document? Turns, decisions, withdrawal, and the effect: once, of exactly what was approved."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from daeri.clock import FixedClock
from daeri.errors import Conflict, DaeriError, NotFound, PermissionDenied, StaleVersion, ValidationFailed
from daeri.operations import Catalog, Line, anyone, having, superior
from daeri.operations.documents import approval
from daeri.operations.drafter import drafter_of
from daeri.operations.filing import seal
from daeri.operations.outcome import Held
from daeri.records import Actor, Records
from daeri.wording import Text
from worlds import (
    AUDITOR,
    CHIEF,
    COLLEAGUE,
    DIRECTOR,
    FINANCE,
    HR,
    LEAD,
    OWNER,
    STRANGER,
    Project,
    Said,
    World,
    open_world,
)

pytestmark = pytest.mark.anyio
SHORT = {"start": "2026-12-01", "days": "1"}
LONG = {"start": "2026-12-01", "days": "3", "reason": "여행"}


async def filed(world: World, arguments: dict[str, Any] = SHORT, *, by: int = OWNER) -> str:
    return (await world.held(await world.deputy(by), "work.request", arguments)).approval_id


async def decide(world: World, person: int, approval_id: str, decision: Any = "approve", **more: Any) -> dict[str, Any]:
    comment = more.pop("comment", "사유" if decision == "reject" else None)
    return await world.approvals.decide(await world.actor(person), approval_id, decision, comment, **more)


async def leaves(world: World) -> list[dict[str, Any]]:
    return await world.sql("select employee_id, start, days, reason from w_leave order by id")


async def status(world: World, approval_id: str) -> str:
    return str((await world.sql("select status from approval where id = :id", id=approval_id))[0]["status"])


async def box(world: World, person: int, name: Any) -> list[str]:
    page = await world.approvals.box(await world.actor(person), name)
    return [document["approval_id"] for document in page["data"]]


# Deciding


async def test_the_last_approval_carries_out_exactly_what_was_filed(world: World) -> None:
    approval_id = await filed(world, LONG)
    first = await decide(world, LEAD, approval_id)
    assert (first["status"], first["version"], await leaves(world)) == ("in_progress", 2, [])
    last = await decide(world, DIRECTOR, approval_id, comment="잘 다녀와요")
    assert (last["status"], last["number"], last["failure"]) == ("applied", "DR-2026-000001", None)
    assert await leaves(world) == [{"employee_id": OWNER, "start": "2026-12-01", "days": 300, "reason": "여행"}]
    assert [step["status"] for step in last["line"]] == ["approved", "approved"]
    assert [(act["act"], act["person"]["id"], act["agent"]) for act in last["history"]] == [
        ("draft", OWNER, "assistant"),
        ("approve", LEAD, None),
        ("approve", DIRECTOR, None),
        ("apply", 0, None),
    ]


async def test_everything_that_happened_to_a_document_is_audited(world: World) -> None:
    approval_id = await filed(world)
    await decide(world, LEAD, approval_id)
    rows = await world.audited()
    assert [(row["action"], row["outcome"], row["person_id"], row["agent"]) for row in rows] == [
        ("work.request", "filed", OWNER, "assistant"),
        ("approval.approve", "done", LEAD, None),
        ("work.request", "applied", OWNER, "assistant"),
    ]
    assert {row["approval_id"] for row in rows} == {approval_id}
    assert rows[0]["arguments_digest"] == rows[2]["arguments_digest"]


@pytest.mark.parametrize("person", [COLLEAGUE, STRANGER, HR, FINANCE])
async def test_whoever_has_no_part_in_a_document_does_not_find_it(world: World, person: int) -> None:
    approval_id = await filed(world)
    for act in (
        decide(world, person, approval_id),
        world.approvals.show(await world.actor(person), approval_id),
        world.approvals.withdraw(await world.actor(person), approval_id),
    ):
        with pytest.raises(NotFound) as hidden:
            await act
        with pytest.raises(NotFound) as missing:
            await world.approvals.show(await world.actor(person), "apr_nothing")
        assert hidden.value.problem("ko") == missing.value.problem("ko")
    assert await status(world, approval_id) == "in_progress"


async def test_nobody_decides_before_their_turn(world: World) -> None:
    approval_id = await filed(world, LONG)
    with pytest.raises(Conflict, match="someone else's turn"):
        await decide(world, DIRECTOR, approval_id)
    assert await status(world, approval_id) == "in_progress"


async def test_nobody_decides_twice(world: World) -> None:
    approval_id = await filed(world, LONG)
    await decide(world, LEAD, approval_id)
    with pytest.raises(Conflict):
        await decide(world, LEAD, approval_id)
    await decide(world, DIRECTOR, approval_id)
    with pytest.raises(Conflict, match="closed"):
        await decide(world, DIRECTOR, approval_id)
    assert len(await leaves(world)) == 1


async def test_the_drafter_does_not_decide_on_their_own_draft(world: World) -> None:
    approval_id = await filed(world)
    with pytest.raises(Conflict):
        await decide(world, OWNER, approval_id)
    await world.sql("update approval_step set person_id = :me", me=OWNER)
    with pytest.raises(PermissionDenied, match="your own draft"):
        await decide(world, OWNER, approval_id)
    assert await leaves(world) == []


async def test_an_agent_never_decides_even_for_the_right_person(world: World) -> None:
    approval_id = await filed(world)
    deputy = await world.deputy(LEAD)
    for decision in ("approve", "reject"):
        with pytest.raises(PermissionDenied, match="Only a person decides"):
            await world.approvals.decide(deputy, approval_id, decision, "x")
    assert (await world.approvals.show(deputy, approval_id))["may"] == {"decide": False, "withdraw": False}


async def test_a_key_that_is_not_marked_for_decisions_does_not_decide(world: World) -> None:
    approval_id = await filed(world)
    plain = await world.identity.add_key(LEAD, "k", decides=False)
    marked = await world.identity.add_key(LEAD, "k", decides=True)
    with pytest.raises(PermissionDenied):
        await world.approvals.decide(await world.identity.actor_of_key(plain.secret, "rest"), approval_id, "approve")
    body = await world.approvals.decide(
        await world.identity.actor_of_key(marked.secret, "rest"), approval_id, "approve"
    )
    assert body["status"] == "applied"


@pytest.mark.parametrize("comment", [None, "", "   ", "\n\t"])
async def test_a_rejection_needs_a_comment(world: World, comment: str | None) -> None:
    approval_id = await filed(world)
    with pytest.raises(ValidationFailed) as refusal:
        await decide(world, LEAD, approval_id, "reject", comment=comment)
    assert refusal.value.errors[0].pointer == "/comment"
    assert await status(world, approval_id) == "in_progress"


@pytest.mark.parametrize("decision", ["yes", "", "APPROVE", "applied"])
async def test_a_decision_is_approve_or_reject(world: World, decision: Any) -> None:
    approval_id = await filed(world)
    with pytest.raises(ValidationFailed):
        await decide(world, LEAD, approval_id, decision)


@pytest.mark.parametrize("comment", ["\ud800", "가\x00나", "x" * 1_000_000])
async def test_a_hostile_comment_is_kept_or_refused_but_breaks_nothing(world: World, comment: str) -> None:
    approval_id = await filed(world)
    try:
        body = await decide(world, LEAD, approval_id, comment=comment)
    except DaeriError as error:
        assert error.status < 500  # noqa: PT017 - either outcome is right
    else:
        json.dumps(body, ensure_ascii=False).encode()
    await world.audited()


async def test_a_rejection_ends_the_document_without_an_effect(world: World) -> None:
    approval_id = await filed(world, LONG)
    body = await decide(world, LEAD, approval_id, "reject", comment="바쁜 주예요")
    assert (body["status"], body["number"]) == ("rejected", None)
    assert [step["status"] for step in body["line"]] == ["rejected", "skipped"]
    assert body["line"][0]["comment"] == "바쁜 주예요"
    with pytest.raises(Conflict):
        await decide(world, DIRECTOR, approval_id)
    assert await leaves(world) == []


async def test_a_decision_on_an_old_version_is_refused(world: World) -> None:
    approval_id = await filed(world, LONG)
    await decide(world, LEAD, approval_id, version=1)
    with pytest.raises(StaleVersion):
        await decide(world, DIRECTOR, approval_id, version=1)
    assert (await decide(world, DIRECTOR, approval_id, version=2))["status"] == "applied"


async def test_of_many_decisions_at_once_one_counts(world: World) -> None:
    approval_id = await filed(world)
    outcomes = await asyncio.gather(*(decide(world, LEAD, approval_id) for _ in range(8)), return_exceptions=True)
    assert [isinstance(outcome, dict) for outcome in outcomes].count(True) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7
    assert len(await leaves(world)) == 1


async def test_an_approver_who_left_decides_no_more(world: World) -> None:
    approval_id = await filed(world)
    actor = await world.actor(LEAD)
    await world.sql("update w_employee set left_on = '2026-11-20' where id = :lead", lead=LEAD)
    with pytest.raises(PermissionDenied):
        await world.approvals.decide(actor, approval_id, "approve")
    assert await leaves(world) == []


async def test_a_document_whose_approver_left_can_still_be_ended(world: World) -> None:
    approval_id = await filed(world, LONG)
    await decide(world, LEAD, approval_id)
    await world.sql("update w_employee set left_on = '2026-11-20' where id = :person", person=DIRECTOR)
    try:
        ended = await decide(world, CHIEF, approval_id)
    except DaeriError:
        ended = await world.approvals.withdraw(await world.actor(OWNER), approval_id)
    assert ended["status"] in ("applied", "withdrawn")


@pytest.mark.parametrize("attempt", ["agent", "key", "turn"])
async def test_a_refused_decision_is_audited(world: World, attempt: str) -> None:
    approval_id = await filed(world, LONG)
    actor = {
        "agent": await world.deputy(LEAD),
        "key": await world.actor(LEAD, decides=False),
        "turn": await world.actor(DIRECTOR),
    }[attempt]
    with pytest.raises(DaeriError):
        await world.approvals.decide(actor, approval_id, "approve")
    row = (await world.audited())[-1]
    assert (row["action"], row["outcome"], row["approval_id"]) == ("approval.approve", "refused", approval_id)
    assert (row["person_id"], row["agent"]) == (actor.person_id, actor.agent)


# Withdrawing


async def test_the_drafter_withdraws_before_the_first_decision(world: World) -> None:
    approval_id = await filed(world)
    body = await world.approvals.withdraw(await world.actor(OWNER), approval_id, "다시 쓸게요", version=1)
    assert (body["status"], body["line"][0]["status"]) == ("withdrawn", "skipped")
    assert [row["action"] for row in await world.audited()] == ["work.request", "approval.withdraw"]
    with pytest.raises(Conflict):
        await decide(world, LEAD, approval_id)
    assert await leaves(world) == []


async def test_nobody_withdraws_once_someone_decided(world: World) -> None:
    approval_id = await filed(world, LONG)
    await decide(world, LEAD, approval_id)
    with pytest.raises(Conflict, match="already decided"):
        await world.approvals.withdraw(await world.actor(OWNER), approval_id)


async def test_neither_an_agent_nor_an_approver_withdraws(world: World) -> None:
    approval_id = await filed(world)
    for actor in (await world.deputy(OWNER), await world.actor(LEAD)):
        with pytest.raises(PermissionDenied, match="Only the drafter"):
            await world.approvals.withdraw(actor, approval_id)
    assert await status(world, approval_id) == "in_progress"


async def test_withdrawing_twice_or_an_old_version_is_refused(world: World) -> None:
    approval_id = await filed(world)
    owner = await world.actor(OWNER)
    with pytest.raises(StaleVersion):
        await world.approvals.withdraw(owner, approval_id, version=9)
    await world.approvals.withdraw(owner, approval_id)
    with pytest.raises(Conflict):
        await world.approvals.withdraw(owner, approval_id)


# The effect


async def test_numbers_are_given_on_completion_without_gaps(world: World) -> None:
    ids = [await filed(world, {"start": f"2026-12-0{day}"}) for day in range(1, 6)]
    await decide(world, LEAD, ids[3])
    await decide(world, LEAD, ids[0], "reject")
    await world.approvals.withdraw(await world.actor(OWNER), ids[1])
    await world.sql(
        "insert into w_leave (version, employee_id, start, days, reason) values (1, 1, '2026-12-03', 1, '')"
    )
    assert (await decide(world, LEAD, ids[2]))["status"] == "apply_failed"
    assert (await decide(world, LEAD, ids[4]))["number"] == "DR-2026-000002"
    numbers = await world.sql("select number from approval where number is not null order by number")
    assert [row["number"] for row in numbers] == ["DR-2026-000001", "DR-2026-000002"]


async def test_numbers_start_anew_with_the_year_in_seoul(world: World) -> None:
    ids = [await filed(world, {"start": f"2026-12-0{day}"}) for day in (1, 2)]
    await decide(world, LEAD, ids[0])
    world.clock.at = datetime(2026, 12, 31, 15, 30, tzinfo=UTC)
    assert (await decide(world, LEAD, ids[1]))["number"] == "DR-2027-000001"


async def test_an_effect_that_the_rules_refuse_by_then_leaves_the_records_as_they_were(world: World) -> None:
    first, second = await filed(world), await filed(world)
    await decide(world, LEAD, first)
    body = await decide(world, LEAD, second)
    assert (body["status"], body["failure"], body["number"]) == ("apply_failed", "그날은 이미 휴가예요", None)
    assert [act["act"] for act in body["history"]] == ["draft", "approve", "apply_failed"]
    assert len(await leaves(world)) == 1
    with pytest.raises(Conflict):
        await decide(world, LEAD, second)


async def test_an_effect_that_failed_is_audited(world: World) -> None:
    first, second = await filed(world), await filed(world)
    await decide(world, LEAD, first)
    await decide(world, LEAD, second)
    (row,) = [row for row in await world.audited() if row["outcome"] == "failed"]
    assert (row["approval_id"], row["detail"]["code"]) == (second, "conflict")


async def test_a_drafter_who_left_has_no_effect_any_more(world: World) -> None:
    approval_id = await filed(world)
    await world.sql("update w_employee set left_on = '2026-11-20' where id = :me", me=OWNER)
    body = await decide(world, LEAD, approval_id)
    assert (body["status"], body["failure"]) == ("apply_failed", "기안자의 계정이 더는 쓰이지 않아요")
    assert await leaves(world) == []


async def test_a_drafter_whose_account_is_disabled_has_no_effect_any_more(world: World) -> None:
    await world.identity.add_account("haeun", OWNER, demo=True)
    approval_id = await filed(world)
    await world.sql("update account set disabled_at = '2026-11-20 00:00:00'")
    assert (await decide(world, LEAD, approval_id))["status"] == "apply_failed"
    assert await leaves(world) == []


async def test_a_drafter_who_lost_the_right_has_no_effect_any_more(world: World) -> None:
    held = await world.held(await world.actor(HR), "work.farewell", {"employee": OWNER})
    await world.sql("update w_employee set roles = '[]' where id = :hr", hr=HR)
    assert (await decide(world, CHIEF, held.approval_id))["status"] == "apply_failed"
    assert await world.sql("select left_on from w_employee where id = 1") == [{"left_on": None}]


async def test_a_row_that_the_drafter_may_not_see_by_then_is_not_changed(world: World) -> None:
    held = await world.held(await world.actor(OWNER), "work.spend", {"amount": 50, "project": "가을 판촉"})
    await world.sql("update w_project set team_id = 2 where id = 1")
    assert (await decide(world, LEAD, held.approval_id))["status"] == "apply_failed"
    assert await world.sql("select cost from w_project where id = 1") == [{"cost": 100}]


async def test_an_agent_that_is_gone_has_no_effect_any_more(world: World) -> None:
    approval_id = await filed(world)
    await world.sql("update approval set agent = 'ghost'")
    assert (await decide(world, LEAD, approval_id))["status"] == "apply_failed"
    assert await leaves(world) == []


async def test_an_operation_that_was_changed_is_not_carried_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    approval_id = await filed(world)
    monkeypatch.setitem(world.company.operations, "work.request", world.company.operations["work.spend"])
    assert (await decide(world, LEAD, approval_id))["status"] == "apply_failed"
    assert await leaves(world) == []


async def test_an_operation_that_is_gone_is_not_carried_out_but_its_document_can_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval_id = await filed(world)
    monkeypatch.delitem(world.company.operations, "work.request")
    body = await decide(world, LEAD, approval_id)
    assert (body["status"], body["title"]) == ("apply_failed", "work.request")


TAMPERED = {
    "arguments": """update approval set arguments = '{"start": "2026-12-01", "days": "10", "reason": ""}'""",
    "an invisible character": r"update approval set arguments = cast(replace(cast(arguments as text), '\uc5ec', '\uc5ec\u200b') as json)",  # noqa: E501 - one statement
    "operation": "update approval set operation = 'work.add_project', arguments = '{\"name\": \"x\"}'",
    "drafter": f"update approval set drafter_id = {COLLEAGUE}",
    "agent": "update approval set agent = null",
    "scopes": "update approval set scopes = '[]'",
    "preview": 'update approval set preview = \'{"ko": [], "en": []}\'',
    "wording": """update approval set worded = '{"ko": [], "en": []}'""",
    "rule": "update approval set rule = 'other'",
    "reason": 'update approval set because = \'["a", "b"]\'',
    "digest": f"update approval set digest = '{'0' * 64}'",
    "line person": f"update approval_step set person_id = {LEAD} where position = 2",
    "line shortened": "delete from approval_step where position = 2",
    "run": "update approval set run_id = 'run_other'",
    "question": "update approval set question = '다른 질문'",
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_a_document_that_was_tampered_with_is_not_carried_out(world: World, what: str) -> None:
    approval_id = await filed(world, LONG)
    await world.sql(TAMPERED[what])
    for person in (LEAD, DIRECTOR):
        try:
            body = await decide(world, person, approval_id)
        except DaeriError:
            continue
        assert body["status"] in ("in_progress", "apply_failed")
    assert await leaves(world) == []
    assert len(await world.sql("select * from w_project")) == 3


@pytest.mark.parametrize(
    ("field", "value"), [("arguments", {"start": "2026-12-01", "days": "10"}), ("preview", {"ko": [], "en": []})]
)
async def test_a_document_that_was_resealed_after_tampering_is_not_carried_out(
    world: World, field: str, value: Any
) -> None:
    """The digest stands in each act and in the audit too: rewriting the document alone is not enough."""
    approval_id = await filed(world, LONG)
    await decide(world, LEAD, approval_id)
    document = (await world.sql("select * from approval"))[0]
    frozen = (
        "beside",
        "classes",
        "scopes",
        "arguments",
        "worded",
        "preview",
        "because",
        "form",
        "line",
        "bound",
        "provenance",
        "bundled",
        "classes",
    )
    plain = document | {key: json.loads(document[key]) for key in frozen}
    assert seal(plain) == document["digest"]
    await world.sql(
        f"update approval set {field} = :value, digest = :digest",
        value=json.dumps(value),
        digest=seal(plain | {field: value}),
    )
    assert (await decide(world, DIRECTOR, approval_id))["status"] == "apply_failed"
    assert await leaves(world) == []


async def test_a_step_that_nobody_decided_does_not_count_as_approved(world: World) -> None:
    """Someone with the database in hand marks the second step as approved; only acts of people count."""
    approval_id = await filed(world, LONG)
    await world.sql("update approval_step set status = 'approved' where position = 2")
    body = await decide(world, LEAD, approval_id)
    assert body["status"] != "applied"
    assert await leaves(world) == []


async def test_one_document_has_one_effect_even_if_it_is_opened_again_by_hand(world: World) -> None:
    approval_id = await filed(world)
    await decide(world, LEAD, approval_id)
    await world.sql("update approval set status = 'in_progress', number = null")
    await world.sql("update approval_step set status = 'waiting'")
    await world.sql("delete from w_leave")
    try:
        body = await decide(world, LEAD, approval_id)
    except (DaeriError, IntegrityError):
        body = {"status": "refused"}
    assert body["status"] in ("refused", "apply_failed")
    assert await leaves(world) == []


clumsy = Catalog("clumsy", Text("서툰 일", "Clumsy"))


def lead_line(key: int) -> Line:
    """The lead."""
    del key
    return Line(superior(1), rule="r", because=Text("팀장", "lead"))


@clumsy.write(label=Text("번호 지정", "Take a number"), allow=anyone, approval=lead_line)
async def take(records: Records, key: int) -> Said:
    """Add a project under a number of one's own choice."""
    return Said(value=(await records.add(Project(id=key, name="x", team_id=1))).name)


def chief_line() -> Line:
    """The lead."""
    return Line(superior(1), rule="r", because=Text("팀장", "lead"))


@clumsy.write(label=Text("인사만", "HR alone"), allow=having("hr"), approval=chief_line)
async def gated(records: Records, actor: Actor) -> Said:
    """Add a project to one's own team, which anyone's change rule lets."""
    return Said(value=(await records.add(Project(name="인사", team_id=actor.team_id or 0))).name)


@pytest.fixture
async def clumsy_world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, clumsy) as opened:
        yield opened


async def test_an_effect_that_the_database_refuses_by_then_ends_the_document(clumsy_world: World) -> None:
    held = await clumsy_world.held(await clumsy_world.actor(OWNER), "clumsy.take", {"key": 50})
    await clumsy_world.sql(
        "insert into w_project (id, version, name, code, team_id, cost) values (50, 1, 'y', '', 2, 0)"
    )
    assert (await decide(clumsy_world, LEAD, held.approval_id))["status"] == "apply_failed"
    assert await clumsy_world.sql("select name from w_project where id = 50") == [{"name": "y"}]


async def test_an_operation_that_the_drafter_may_not_call_any_more_is_not_carried_out(clumsy_world: World) -> None:
    held = await clumsy_world.held(await clumsy_world.actor(HR), "clumsy.gated", {})
    await clumsy_world.sql("update w_employee set roles = '[]' where id = :hr", hr=HR)
    assert (await decide(clumsy_world, CHIEF, held.approval_id))["status"] == "apply_failed"
    assert len(await clumsy_world.sql("select * from w_project")) == 3


# Boxes and what is shown


async def test_each_document_lies_in_the_boxes_of_those_whom_it_concerns(world: World) -> None:
    waiting, applied = await filed(world, LONG), await filed(world, {"start": "2026-12-24"})
    await decide(world, LEAD, applied)
    assert await box(world, LEAD, "waiting") == [waiting]
    assert await box(world, DIRECTOR, "upcoming") == [waiting]
    assert await box(world, DIRECTOR, "waiting") == []
    assert await box(world, OWNER, "drafted") == [applied, waiting]
    assert await box(world, LEAD, "done") == [applied]
    assert await box(world, OWNER, "done") == [applied]
    assert await world.approvals.counts(await world.actor(LEAD)) == {"waiting": 1, "upcoming": 0}
    for person in (COLLEAGUE, STRANGER):
        for name in ("waiting", "upcoming", "drafted", "done", "rejected", "cc"):
            assert await box(world, person, name) == []


async def test_a_rejected_document_lies_with_its_drafter_and_its_rejecter(world: World) -> None:
    approval_id = await filed(world, LONG)
    await decide(world, LEAD, approval_id, "reject")
    assert await box(world, OWNER, "rejected") == await box(world, LEAD, "rejected") == [approval_id]
    assert await box(world, DIRECTOR, "rejected") == await box(world, DIRECTOR, "upcoming") == []


@pytest.mark.parametrize("name", ["drafted", "waiting"])
async def test_a_box_is_read_page_by_page(world: World, name: Any) -> None:
    ids = [await filed(world, {"start": f"2026-12-0{day}"}) for day in range(1, 6)]
    actor, seen, cursor = await world.actor(OWNER if name == "drafted" else LEAD), [], None
    while True:
        page = await world.approvals.box(actor, name, limit=2, cursor=cursor)
        seen += [document["approval_id"] for document in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert seen == (sorted(ids, reverse=True) if name == "drafted" else sorted(ids))


async def test_an_unknown_box_is_refused(world: World) -> None:
    with pytest.raises(ValidationFailed, match="box is one of"):
        await box(world, OWNER, "trash")


async def test_a_document_tells_each_reader_what_they_may_do(world: World) -> None:
    approval_id = await filed(world, LONG)

    async def may(person: int) -> dict[str, bool]:
        return dict((await world.approvals.show(await world.actor(person), approval_id))["may"])

    assert await may(OWNER) == {"decide": False, "withdraw": True}
    assert await may(LEAD) == {"decide": True, "withdraw": False}
    assert await may(DIRECTOR) == {"decide": False, "withdraw": False}
    await decide(world, LEAD, approval_id)
    assert (await may(OWNER))["withdraw"] is False
    assert (await may(DIRECTOR))["decide"] is True


async def test_an_auditor_reads_every_document_but_decides_none(world: World) -> None:
    approval_id = await filed(world)
    auditor = await world.actor(AUDITOR)
    assert (await world.approvals.show(auditor, approval_id))["may"] == {"decide": False, "withdraw": False}
    with pytest.raises(Conflict):
        await world.approvals.decide(auditor, approval_id, "approve")
    with pytest.raises(PermissionDenied):
        await world.approvals.withdraw(auditor, approval_id)


async def test_a_document_is_worded_in_the_readers_language(world: World) -> None:
    approval_id = await filed(world, LONG)
    body = await world.approvals.show(await world.actor(LEAD), approval_id, "en")
    assert (body["title"], body["because"]) == ("Request leave", "Up to the director")
    assert body["preview"] == [{"label": "Leave taken", "before": "0", "after": "3"}]
    assert [row["label"] for row in body["arguments"]] == ["first day", "days", "reason"]


async def test_a_person_removed_from_the_books_does_not_make_boxes_unreadable(world: World) -> None:
    approval_id = await filed(world, LONG)
    await world.sql("delete from w_employee where id = :person", person=DIRECTOR)
    assert await box(world, OWNER, "drafted") == [approval_id]
    assert (await world.approvals.show(await world.actor(LEAD), approval_id))["line"][1]["person"]["id"] == DIRECTOR


async def test_the_clock_of_the_world_stands_still(world: World) -> None:
    assert isinstance(world.clock, FixedClock)
    approval_id = await filed(world)
    assert (await world.approvals.show(await world.actor(OWNER), approval_id))[
        "drafted_at"
    ] == "2026-11-21T05:02:00.000Z"


async def test_a_key_for_something_else_sees_and_touches_no_document(world: World) -> None:
    held = await world.held(await world.actor(OWNER), "work.request", {"start": "2026-12-01", "days": "1"})
    approval_id = held.approval_id
    narrow = await world.actor(OWNER, scopes=(("work.find",),))
    for touch in (
        world.approvals.box(narrow, "drafted"),
        world.approvals.show(narrow, approval_id),
        world.approvals.withdraw(narrow, approval_id),
    ):
        with pytest.raises(PermissionDenied):
            await touch


async def test_an_approved_act_of_an_agent_that_another_one_asked_is_still_kept_from_both(world: World) -> None:
    asked = replace(await world.deputy(OWNER), beside=("other",))
    held = await world.door.call(asked, "work.request", SHORT)
    assert isinstance(held, Held)

    def drafter(connection: Connection) -> Actor:
        row = connection.execute(select(approval).where(approval.c.id == held.approval_id)).one()
        return drafter_of(connection, world.company, dict(row._mapping))

    assert (await world.store.read(drafter)).beside == ("other",)
    await world.sql("UPDATE approval SET beside = '[]'")
    assert (await decide(world, LEAD, held.approval_id))["status"] == "apply_failed"
