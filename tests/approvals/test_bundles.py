"""Do the held calls of one step of a run become one document (일괄 상신), decided and carried out as a whole?"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from approvals.bundling import LEADS, Desk, add, catalog, lead_line, spend
from daeri.agent.planner import Call, Declined
from daeri.errors import Conflict, DeclarationError, NotFound, PermissionDenied
from daeri.operations import Catalog, Change, Errand, Form, Limit, anyone
from daeri.operations.approval import More
from daeri.operations.documents import approval
from daeri.operations.outcome import Done
from daeri.wording import Text
from worlds import COLLEAGUE, DIRECTOR, LEAD, OWNER, STRANGER, Said, open_world

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(furnished: Path, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_world(furnished, tmp_path, catalog()) as world:
        yield Desk(world)


def documents(run: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(run["approvals"]))


async def test_held_calls_of_one_step_on_one_line_become_one_document(desk: Desk) -> None:
    run = await desk.run([add("가"), spend(20), add("나")])
    assert run["status"] == "waiting_approval"
    assert [step["status"] for step in run["steps"] if step["kind"] == "execute"] == ["waiting"] * 3
    (approval_id,) = documents(run)
    assert await desk.box(LEAD, "waiting") == [approval_id]
    body = await desk.show(LEAD, approval_id)
    assert body["title"] == "과제 추가 외 2건"
    assert (body["operation"], body["raw_arguments"]) == ("bulk.add", {"name": "가"})
    told = [(item["operation"], item["raw_arguments"]) for item in body["bundled"]]
    assert told == [("bulk.spend", {"project": 1, "amount": 20}), ("bulk.add", {"name": "나"})]
    (written,) = body["bundled"][0]["fields"]
    assert [(each["before"], each["after"]) for each in written["fields"] if each["name"] == "cost"] == [(100, 120)]
    assert run["answer"] is not None
    assert "외 2건" in run["answer"]


async def test_one_approval_carries_all_out_in_order_and_the_run_hears_of_each(desk: Desk) -> None:
    run = await desk.run([add("가"), spend(20), spend(5), add("나")])
    (approval_id,) = documents(run)
    body = await desk.approve(approval_id, LEAD)
    assert (body["status"], body["number"]) == ("applied", "BU-2026-000001")
    assert await desk.names() == ["가", "나"]
    assert await desk.cost() == 125
    run = await desk.on(run["run_id"])
    assert (run["status"], run["answer"]) == ("succeeded", "다 했어요")
    values = [each.outcome.result["value"] for each in desk.script.seen if isinstance(each.outcome, Done)]
    assert values == ["가", "120", "125", "나"]
    told = [(row["action"], row["outcome"], row["approval_id"]) for row in await desk.world.audited()]
    for outcomes in (("filed",), ("applied", "done")):
        made = [action for action, each, key in told if each in outcomes and key == approval_id]
        assert [each for each in made if each != "approval.approve"] == [
            each.call.operation for each in desk.script.seen
        ]
    assert [each for _, each, key in told if key == approval_id].count("applied") == 1
    with pytest.raises(Conflict):
        await desk.approve(approval_id, LEAD)
    assert await desk.names() == ["가", "나"]


async def test_what_a_run_files_after_a_rejection_is_the_next_version_of_that_document(desk: Desk) -> None:
    run = await desk.run(*([Call("bulk.alone", {"name": name})] for name in "가나다"))
    (first,) = documents(run)
    await desk.world.approvals.decide(await desk.world.actor(LEAD), first, "reject", "이름을 바꿔 주세요")
    run = await desk.on(run["run_id"])
    (rejected,) = desk.script.seen
    assert isinstance(rejected.outcome, Declined)
    assert (rejected.outcome.status, rejected.outcome.comment) == ("rejected", "이름을 바꿔 주세요")
    second = documents(run)[-1]
    body = await desk.show(LEAD, second)
    assert (body["previous_id"], body["round"], body["run_id"]) == (first, 2, run["run_id"])
    assert (await desk.show(LEAD, first))["next_id"] == second
    await desk.approve(second, LEAD)
    run = await desk.on(run["run_id"])
    third = await desk.show(LEAD, documents(run)[-1])
    assert (third["previous_id"], third["round"]) == (None, 1)
    assert await desk.names() == ["나"]


async def test_where_one_call_may_no_longer_run_none_does_and_the_difference_is_shown(desk: Desk) -> None:
    run = await desk.run([add("가"), spend(20), add("나")])
    (approval_id,) = documents(run)
    await desk.world.sql("update w_project set cost = 900, version = version + 1 where id = 1")
    body = await desk.approve(approval_id, LEAD)
    assert (body["status"], body["number"]) == ("apply_failed", None)
    assert body["failure"].startswith("2번째 비용 추가: ")
    assert [(each["before"], each["after"]) for each in body["difference"]] == [(100, 900)]
    assert (await desk.names(), await desk.cost()) == ([], 900)
    run = await desk.on(run["run_id"])
    declined = [each.outcome.status for each in desk.script.seen if isinstance(each.outcome, Declined)]
    assert declined == ["apply_failed"] * 3


async def test_what_failed_is_retried_as_a_whole_without_a_new_approval(desk: Desk) -> None:
    run = await desk.run([add("가"), add("나")])
    (approval_id,) = documents(run)
    await desk.world.sql("insert into w_project (version, name, team_id, cost, code) values (1, '나', 1, 0, '')")
    body = await desk.approve(approval_id, LEAD)
    assert (body["status"], body["failure"]) == ("apply_failed", "2번째 과제 추가: 이미 있어요")
    assert await desk.names() == ["나"]
    await desk.on(run["run_id"])
    await desk.world.sql("delete from w_project where name = '나'")
    body = await desk.act(OWNER, approval_id, "retry")
    assert body["status"] == "applied"
    assert await desk.names() == ["가", "나"]


async def test_a_rejection_covers_all_with_its_reason_and_the_agent_may_propose_anew(desk: Desk) -> None:
    run = await desk.run([add("가"), add("나")], [add("다"), add("라")])
    (first,) = documents(run)
    await desk.act(LEAD, first, "reject", "이름을 바꿔 주세요")
    run = await desk.on(run["run_id"])
    reasons = [each.outcome.comment for each in desk.script.seen if isinstance(each.outcome, Declined)]
    assert reasons == ["이름을 바꿔 주세요"] * 2
    assert run["status"] == "waiting_approval"
    _, second = documents(run)
    await desk.approve(second, LEAD)
    assert await desk.names() == ["다", "라"]
    assert (await desk.on(run["run_id"]))["status"] == "succeeded"


async def test_what_its_drafter_takes_back_is_declined_for_each_call(desk: Desk) -> None:
    run = await desk.run([add("가"), add("나")])
    (approval_id,) = documents(run)
    await desk.act(OWNER, approval_id, "withdraw")
    await desk.on(run["run_id"])
    assert [each.outcome.status for each in desk.script.seen if isinstance(each.outcome, Declined)] == ["withdrawn"] * 2


async def test_calls_on_another_line_or_a_form_that_does_not_bundle_are_filed_alone(desk: Desk) -> None:
    run = await desk.run([spend(20), Call("bulk.alone", {"name": "혼자"}), spend(5_000), spend(30), spend(6_000)])
    (small,) = documents(run)
    assert [item["raw_arguments"]["amount"] for item in (await desk.show(LEAD, small))["bundled"]] == [30]
    await desk.approve(small, LEAD)
    run = await desk.on(run["run_id"])
    (_, alone) = documents(run)
    assert (await desk.show(LEAD, alone))["bundled"] == []
    await desk.approve(alone, LEAD)
    run = await desk.on(run["run_id"])
    (_, _, large) = documents(run)
    await desk.approve(large, LEAD, DIRECTOR)
    run = await desk.on(run["run_id"])
    assert run["status"] == "succeeded"
    assert await desk.cost() == 100 + 20 + 30 + 5_000 + 6_000
    done = [each.call.arguments.get("amount") for each in desk.script.seen if isinstance(each.outcome, Done)]
    assert done == [20, 30, None, 5_000, 6_000]


async def test_what_is_refused_after_those_before_it_stays_out_and_hears_why_later(desk: Desk) -> None:
    run = await desk.run([add("가"), add("가"), add("나"), Call("bulk.add", {})])
    (approval_id,) = documents(run)
    assert [item["raw_arguments"]["name"] for item in (await desk.show(LEAD, approval_id))["bundled"]] == ["나"]
    await desk.approve(approval_id, LEAD)
    run = await desk.on(run["run_id"])
    assert run["status"] == "succeeded"
    assert await desk.names() == ["가", "나"]
    codes = [
        each.outcome.problem["code"]
        for each in desk.script.seen
        if isinstance(each.outcome, Declined) and each.outcome.problem
    ]
    assert codes == ["conflict", "validation-failed"]


async def test_a_call_by_itself_bundles_nothing(desk: Desk) -> None:
    run = await desk.run([add("가")], [add("나")])
    (first,) = documents(run)
    assert (await desk.show(LEAD, first))["bundled"] == []
    await desk.approve(first, LEAD)
    run = await desk.on(run["run_id"])
    assert len(documents(run)) == 2


@pytest.mark.parametrize("part", ["arguments", "preview", "bound", "because"])
async def test_a_call_that_was_altered_after_the_filing_is_not_carried_out(desk: Desk, part: str) -> None:
    (approval_id,) = documents(await desk.run([add("가"), add("나")]))

    def alter(connection: Connection) -> None:
        (item,) = connection.execute(select(approval.c.bundled)).scalar_one()
        other = {"arguments": {"name": "돈"}, "preview": {"ko": [], "en": [{}]}, "bound": [], "because": ["", ""]}
        connection.execute(update(approval).values(bundled=[item | {part: other[part]}]))

    await desk.world.store.write(alter)
    body = await desk.approve(approval_id, LEAD)
    assert body["status"] == "apply_failed"
    assert await desk.names() == []


async def test_a_deputy_for_one_of_the_operations_does_not_decide_on_both(desk: Desk) -> None:
    now = desk.world.clock.now()
    await desk.absences.set(
        await desk.world.actor(LEAD),
        deputy_id=COLLEAGUE,
        starts_at=now,
        ends_at=now + timedelta(days=3),
        operations=["bulk.add"],
    )
    mixed = documents(await desk.run([add("가"), spend(20)]))[0]
    assert await desk.box(COLLEAGUE, "waiting") == []
    with pytest.raises(NotFound):
        await desk.approve(mixed, COLLEAGUE)
    await desk.approve(mixed, LEAD)
    alike = documents(await desk.run([add("다"), add("라")]))[0]
    assert await desk.box(COLLEAGUE, "waiting") == [alike]
    assert (await desk.approve(alike, COLLEAGUE))["status"] == "applied"


async def test_only_the_people_of_its_line_decide_on_a_bundle(desk: Desk) -> None:
    (approval_id,) = documents(await desk.run([add("가"), add("나")]))
    for person in (COLLEAGUE, STRANGER):
        with pytest.raises(NotFound):
            await desk.show(person, approval_id)
        with pytest.raises(NotFound):
            await desk.approve(approval_id, person)
    with pytest.raises(Conflict):
        await desk.approve(approval_id, OWNER)
    with pytest.raises(PermissionDenied):
        await desk.world.approvals.decide(await desk.world.deputy(LEAD), approval_id, "approve", more=More())
    assert await desk.names() == []


async def test_a_rejected_bundle_is_drafted_anew_call_by_call_not_as_one_of_them(desk: Desk) -> None:
    (approval_id,) = documents(await desk.run([add("가"), add("나")]))
    body = await desk.act(LEAD, approval_id, "reject", "나눠 주세요")
    assert "redraft" not in (await desk.show(OWNER, approval_id))["acts"]
    owner = await desk.world.actor(OWNER)
    with pytest.raises(Conflict):
        await desk.drafts.again(owner, approval_id)
    with pytest.raises(Conflict):
        await desk.world.door.call(owner, "bulk.add", {"name": "가"}, previous_id=approval_id)
    assert body["status"] == "rejected"


async def test_what_is_under_way_counts_every_call_of_a_bundle(desk: Desk) -> None:
    await desk.run([spend(20), add("가"), spend(30)])
    await desk.run([add("나"), spend(4)])
    outcome = await desk.world.done(await desk.world.actor(OWNER), "bulk.pending", {})
    assert outcome.result["value"] == "54"


async def test_a_person_who_calls_twice_files_two_documents(desk: Desk) -> None:
    owner = await desk.world.actor(OWNER)
    first = await desk.world.held(owner, "bulk.add", {"name": "가"})
    second = await desk.world.held(owner, "bulk.add", {"name": "나"})
    assert first.approval_id != second.approval_id


def test_a_form_that_bundles_takes_no_standing_consents() -> None:
    with pytest.raises(DeclarationError):
        Form(lead_line, bundle=True, consent=Limit())


def test_what_acts_outside_is_not_bundled() -> None:
    bank = Catalog("bank", Text("은행", "Bank"))

    async def send(intent: Said, key: str) -> None:
        del intent, key

    async def sent(name: str) -> list[Change]:
        return [Change(Text("송금", "Sent"), "", name)]

    with pytest.raises(DeclarationError):

        @bank.irreversible(label=Text("송금", "Send"), allow=anyone, approval=LEADS, preview=sent, errand=Errand(send))
        async def transfer(name: str) -> Said:
            """Send money."""
            return Said(value=name)
