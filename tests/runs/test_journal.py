"""Does the journal keep a run true? Contiguous events, fencing, and steps that commit with their effects."""

import asyncio
from typing import Any

import pytest

from daeri.errors import DaeriError, PermissionDenied, Refused
from daeri.operations.outcome import Held, Settlement
from daeri.operations.provenance import Origins
from daeri.records import Actor
from daeri.runs import calls
from daeri.runs.journal import Fenced, Lease, Note
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Asked, Ending, Work, Workbench
from daeri.wording import Text
from worlds import LEAD, OWNER, World

pytestmark = pytest.mark.anyio
ENDING = Ending("끝났어요.", "answer", [{"n": 1}], [], {"model": "keyless"})


async def create(world: World, person: int = OWNER, **more: Any) -> str:
    return str((await world.runs.create(await world.actor(person), "휴가 올려줘", **more))["run_id"])


def workbench(world: World) -> Workbench:
    return Workbench(world.store, world.clock, Wakeups())


async def claimed(world: World, run_id: str, segment: int = 1) -> Work:
    work = await workbench(world).claim(run_id, segment)
    assert work is not None
    return work


async def call(world: World, lease: Lease, seq: int, name: str, arguments: dict[str, Any]) -> Any:
    step = workbench(world).call(lease, Asked(seq, name, arguments), "휴가 올려줘", origins=Origins())
    return await world.door.call(await world.deputy(OWNER), name, arguments, journal=step)


async def events(world: World, run_id: str) -> list[dict[str, Any]]:
    return await world.sql("select seq, type from event where run_id = :id order by seq", id=run_id)


async def kinds(world: World, run_id: str) -> list[str]:
    rows = await events(world, run_id)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["type"] for row in rows]


async def state(world: World, run_id: str) -> tuple[str, int, int]:
    (row,) = await world.sql("select status, segment, epoch from run where id = :id", id=run_id)
    return row["status"], row["segment"], row["epoch"]


async def parked(world: World) -> tuple[str, Work, Held]:
    run_id = await create(world)
    work = await claimed(world, run_id)
    held = await call(world, work.lease, 1, "work.request", {"start": "2026-12-01"})
    assert isinstance(held, Held)
    return run_id, work, held


async def test_events_are_numbered_without_a_gap_however_many_write_at_once(world: World) -> None:
    run_id = await create(world)
    lease = (await claimed(world, run_id)).lease
    bench = workbench(world)
    await asyncio.gather(*(bench.write(lease, (), ("message.delta", {"n": n}), ("x", {})) for n in range(20)))
    assert len(await kinds(world, run_id)) == 41


async def test_a_step_and_its_events_are_written_together(world: World) -> None:
    run_id = await create(world)
    lease = (await claimed(world, run_id)).lease
    await workbench(world).write(lease, [Note("analyze", {"lang": "ko"}, "한국어", 3)])
    done = await call(world, lease, 2, "work.find", {"employee": OWNER})
    assert done.result == {"value": "김하은"}
    steps = await world.sql("select seq, kind, name, status from step order by seq")
    assert [(step["seq"], step["kind"], step["name"], step["status"]) for step in steps] == [
        (1, "analyze", "analyze", "done"),
        (2, "execute", "work.find", "done"),
    ]
    events = ["run.started", "step.started", "step.finished", "tool.started", "tool.finished"]
    assert await kinds(world, run_id) == events


async def test_a_write_commits_with_its_step_and_its_audit_row(world: World) -> None:
    run_id = await create(world)
    lease = (await claimed(world, run_id)).lease
    await call(world, lease, 1, "work.add_project", {"name": "새 과제"})
    row = (await world.audited())[-1]
    assert (row["run_id"], row["step"], row["outcome"]) == (run_id, 1, "done")
    with pytest.raises(Exception, match=r"(?i)unique"):
        await call(world, lease, 1, "work.add_project", {"name": "두 번"})
    assert len(await world.sql("select * from w_project")) == 4


async def test_a_refused_call_is_a_step_with_its_problem(world: World) -> None:
    run_id = await create(world)
    lease = (await claimed(world, run_id)).lease
    with pytest.raises(DaeriError):
        await call(world, lease, 1, "work.add_project", {"name": "x", "team": 2})
    body = await world.runs.get(await world.actor(OWNER), run_id, "ko")
    assert (body["status"], body["steps"][0]["status"]) == ("running", "refused")
    assert body["steps"][0]["output"]["refused"]["code"] == "permission-denied"


async def test_a_refused_attempt_with_an_unknown_operation_is_a_step_too(world: World) -> None:
    run_id = await create(world)
    lease = (await claimed(world, run_id)).lease
    with pytest.raises(DaeriError):
        await call(world, lease, 1, "work.nothing", {})
    assert [row["status"] for row in await world.sql("select status from step")] == ["refused"]


async def test_a_segment_is_taken_up_by_whoever_comes_last_and_only_when_it_is_due(world: World) -> None:
    run_id = await create(world)
    first = (await claimed(world, run_id)).lease
    second = (await claimed(world, run_id)).lease
    assert (first.epoch, second.epoch) == (1, 2)
    assert await workbench(world).claim(run_id, 2) is None
    assert await state(world, run_id) == ("running", 1, 2)


async def overtaken(world: World, run_id: str) -> None:
    await claimed(world, run_id)


async def cancelled(world: World, run_id: str) -> None:
    await world.runs.cancel(await world.actor(OWNER), run_id)


async def ended(world: World, run_id: str) -> None:
    await workbench(world).succeed((await claimed(world, run_id)).lease, ENDING)


@pytest.mark.parametrize("taken", [overtaken, cancelled, ended])
async def test_a_worker_that_lost_its_run_writes_nothing_more(world: World, taken: Any) -> None:
    run_id = await create(world)
    lease = (await claimed(world, run_id)).lease
    await taken(world, run_id)
    before = await world.sql("select * from event"), await world.sql("select * from step")
    bench = workbench(world)
    for attempt in (
        lambda: bench.write(lease, [Note("plan", {}, "", 1)]),
        lambda: bench.write(lease, (), ("message.delta", {"text": "유령"})),
        lambda: bench.succeed(lease, ENDING),
        lambda: bench.fail(lease, Refused(Text("가", "a")), "ko"),
        lambda: call(world, lease, 5, "work.add_project", {"name": "유령"}),
        lambda: call(world, lease, 5, "work.request", {"start": "2026-12-01"}),
        lambda: call(world, lease, 5, "work.find", {"employee": OWNER}),
        lambda: call(world, lease, 5, "work.nothing", {}),
    ):
        with pytest.raises(Fenced):
            await attempt()
    assert (await world.sql("select * from event"), await world.sql("select * from step")) == before
    assert await world.sql("select * from w_project where name = '유령'") == []
    assert await world.sql("select * from approval") == []


async def test_a_refusal_of_a_worker_that_lost_its_run_is_audited_all_the_same(world: World) -> None:
    run_id = await create(world)
    lease = (await claimed(world, run_id)).lease
    await cancelled(world, run_id)
    with pytest.raises((Fenced, DaeriError)):
        await call(world, lease, 1, "work.nothing", {})
    rows = await world.audited()
    assert ("work.nothing", "refused") in {(row["action"], row["outcome"]) for row in rows}


async def test_a_held_call_parks_the_run_in_the_same_transaction(world: World) -> None:
    run_id, work, held = await parked(world)
    assert (await state(world, run_id))[0] == "waiting_approval"
    assert (await world.sql("select run_id from approval")) == [{"run_id": run_id}]
    body = await world.runs.get(await world.actor(OWNER), run_id)
    assert (body["approvals"], body["steps"][0]["status"]) == ([held.approval_id], "waiting")
    assert (await kinds(world, run_id))[-2:] == ["approval.requested", "run.waiting"]
    with pytest.raises(Fenced):
        await call(world, work.lease, 2, "work.add_project", {"name": "x"})
    assert await world.runs.dispatch.due() == []


async def test_an_approval_makes_the_run_due_once_with_the_result(world: World) -> None:
    run_id, _, held = await parked(world)
    await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve", "네")
    assert await world.runs.dispatch.due() == [(run_id, 2)]
    work = await claimed(world, run_id, 2)
    (step,) = work.steps
    assert (step.status, step.output["settled"]["status"], step.output["settled"]["by"]) == (
        "done",
        "applied",
        "박서연 팀장",
    )
    (booked,) = await world.sql("select id from w_leave")
    assert step.output["done"]["result"] == {"leave_id": booked["id"]}
    assert (await kinds(world, run_id))[-2:] == ["approval.decided", "run.resumed"]
    assert await workbench(world).claim(run_id, 1) is None


@pytest.mark.parametrize(
    ("how", "expected"), [("reject", "rejected"), ("withdraw", "withdrawn"), ("fail", "apply_failed")]
)
async def test_any_end_of_a_document_makes_the_run_due_once(world: World, how: str, expected: str) -> None:
    run_id, _, held = await parked(world)
    if how == "withdraw":
        await world.approvals.withdraw(await world.actor(OWNER), held.approval_id)
    elif how == "reject":
        await world.approvals.decide(await world.actor(LEAD), held.approval_id, "reject", "바빠요")
    else:
        await world.sql(
            "insert into w_leave (version, employee_id, start, days, reason) values (1, 1, '2026-12-01', 1, '')"
        )
        await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    assert await state(world, run_id) == ("queued", 2, 1)
    (step,) = (await claimed(world, run_id, 2)).steps
    assert (step.status, step.output["settled"]["status"]) == ("refused", expected)
    assert (step.output["settled"]["problem"] is not None) == (how == "fail")


async def test_an_intermediate_approval_leaves_the_run_waiting(world: World) -> None:
    run_id = await create(world)
    lease = (await claimed(world, run_id)).lease
    held = await call(world, lease, 1, "work.request", {"start": "2026-12-01", "days": "3"})
    await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    assert (await state(world, run_id))[0] == "waiting_approval"
    assert await world.runs.dispatch.due() == []


@pytest.mark.parametrize("lost", ["roles = '[]'", "left_on = '2026-11-20'"])
async def test_a_run_reads_and_writes_nothing_by_a_right_that_its_person_lost_meanwhile(
    world: World, lost: str
) -> None:
    await world.sql("update w_employee set roles = '[\"hr\"]' where id = :id", id=OWNER)
    run_id, actor = await create(world), await world.deputy(OWNER)
    lease = (await claimed(world, run_id)).lease
    asked = workbench(world).call(lease, Asked(1, "work.headcount", {}), "몇 명이야?")
    assert (await world.door.call(actor, "work.headcount", {}, journal=asked)).status == 200
    await world.sql(f"update w_employee set {lost} where id = :id", id=OWNER)
    for number, (name, arguments) in enumerate([("work.headcount", {}), ("work.farewell", {"employee": LEAD})], 2):
        asked = workbench(world).call(lease, Asked(number, name, arguments), "몇 명이야?")
        with pytest.raises(PermissionDenied):
            await world.door.call(actor, name, arguments, journal=asked)
    steps = await world.sql("select status from step where run_id = :id order by seq", id=run_id)
    assert [step["status"] for step in steps] == ["done", "refused", "refused"]


async def test_settling_twice_makes_the_run_due_once(world: World) -> None:
    run_id, _, held = await parked(world)
    await world.approvals.decide(await world.actor(LEAD), held.approval_id, "reject", "바빠요")
    again = Settlement(held.approval_id, run_id, "rejected", None, None, "박서연 팀장", None)
    await world.store.write(lambda connection: calls.settle(connection, again, world.clock.now()))
    assert await state(world, run_id) == ("queued", 2, 1)
    assert (await kinds(world, run_id)).count("approval.decided") == 1


@pytest.mark.parametrize("meanwhile", ["due", "waiting for another", "ended"])
async def test_a_failed_effect_is_tried_again_while_its_run_goes_on(world: World, meanwhile: str) -> None:
    run_id, _, held = await parked(world)
    await world.sql(
        "insert into w_leave (version, employee_id, start, days, reason) values (1, 1, '2026-12-01', 1, '')"
    )
    await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    if meanwhile != "due":
        lease = (await claimed(world, run_id, 2)).lease
        if meanwhile == "ended":
            await workbench(world).succeed(lease, Ending("답", "answer", [], [], {}))
        else:
            await call(world, lease, 2, "work.request", {"start": "2026-12-24", "days": "1"})
    before = await state(world, run_id), await kinds(world, run_id)
    await world.sql("delete from w_leave")
    body = await world.approvals.decide(await world.actor(OWNER), held.approval_id, "retry")
    assert body["status"] == "applied"
    assert (await state(world, run_id), await kinds(world, run_id)) == before


async def test_a_decision_that_is_rolled_back_tells_the_run_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, _, held = await parked(world)

    def fall_over(*_: Any, **__: Any) -> None:
        raise LookupError

    monkeypatch.setattr(world.approvals, "_bodies", fall_over)
    with pytest.raises(LookupError):
        await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    assert await state(world, run_id) == ("waiting_approval", 1, 1)
    assert await world.sql("select * from w_leave") == []


async def test_a_cancelled_run_is_not_woken_by_its_document(world: World) -> None:
    run_id, _, held = await parked(world)
    await cancelled(world, run_id)
    body = await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    assert (body["status"], (await state(world, run_id))[0]) == ("applied", "cancelled")
    assert await world.runs.dispatch.due() == []
    assert (await kinds(world, run_id))[-1] == "stream.end"


async def test_a_document_of_a_run_that_is_gone_is_decided_all_the_same(world: World) -> None:
    _, _, held = await parked(world)
    await world.sql("delete from run")
    body = await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    assert body["status"] == "applied"


async def test_every_crash_between_claim_and_end_leaves_the_run_due(world: World) -> None:
    run_id = await create(world)
    assert await world.runs.dispatch.due() == [(run_id, 1)]
    await workbench(world).write((await claimed(world, run_id)).lease, [Note("analyze", {}, "", 1)])
    assert await world.runs.dispatch.due() == [(run_id, 1)]
    work = await claimed(world, run_id)
    assert [step.kind for step in work.steps] == ["analyze"]
    await workbench(world).succeed(work.lease, ENDING)
    assert await world.runs.dispatch.due() == []


async def test_a_run_ends_with_its_answer_and_the_end_of_its_stream(world: World) -> None:
    run_id = await create(world)
    await workbench(world).succeed((await claimed(world, run_id)).lease, ENDING)
    body = await world.runs.get(await world.actor(OWNER), run_id)
    assert (body["status"], body["answer"], body["citations"], body["usage"]) == (
        "succeeded",
        "끝났어요.",
        [{"n": 1}],
        {"model": "keyless"},
    )
    assert (await kinds(world, run_id))[-2:] == ["run.succeeded", "stream.end"]


async def test_a_run_that_fails_tells_why(world: World) -> None:
    run_id = await create(world)
    await workbench(world).fail((await claimed(world, run_id)).lease, PermissionDenied(), "ko")
    body = await world.runs.get(await world.actor(OWNER), run_id)
    assert (body["status"], body["error"]["code"]) == ("failed", "permission-denied")


async def test_a_worker_gets_the_earlier_turns_of_the_same_conversation_and_person(world: World) -> None:
    first = await create(world)
    await workbench(world).succeed((await claimed(world, first)).lease, ENDING)
    session = (await world.runs.get(await world.actor(OWNER), first))["session_id"]
    await create(world, LEAD)
    second = await create(world, session_id=session)
    work = await claimed(world, second)
    assert [(turn.input, turn.answer) for turn in work.history] == [("휴가 올려줘", "끝났어요.")]
    assert (work.person_id, work.agent, work.lang) == (OWNER, "assistant", "ko")


async def test_the_scopes_of_the_key_stay_with_the_run(world: World) -> None:
    actor: Actor = await world.actor(OWNER, scopes=(("work.find", "run.create"),))
    run_id = (await world.runs.create(actor, "찾아줘"))["run_id"]
    assert (await claimed(world, run_id)).scopes == (("work.find", "run.create"),)
