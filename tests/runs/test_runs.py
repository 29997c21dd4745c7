"""What may people do with runs? Their own only: create once, look, listen, wait, cancel."""

import asyncio
from typing import Any

import pytest

from daeri.errors import Conflict, DaeriError, IdempotencyMismatch, NotFound, ValidationFailed
from daeri.runs import runs as runs_module
from daeri.runs.answer_format import AnswerFormat
from daeri.runs.functions import read_functions
from daeri.runs.request import INPUT_MAX, Terms
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Asked, Ending, Workbench
from worlds import COLLEAGUE, LEAD, OWNER, STRANGER, World

pytestmark = pytest.mark.anyio
ENDING = Ending("답", "answer", [], [], {})


async def create(world: World, person: int = OWNER, text: str = "안녕", **more: Any) -> dict[str, Any]:
    return await world.runs.create(await world.actor(person), text, **more)


def bench(world: World, wakeups: Wakeups | None = None) -> Workbench:
    return Workbench(world.store, world.clock, wakeups or Wakeups())


async def finish(world: World, run_id: str, wakeups: Wakeups | None = None) -> None:
    work = await bench(world, wakeups).claim(run_id, 1)
    assert work is not None
    await bench(world, wakeups).succeed(work.lease, ENDING)


async def heard(world: World, person: int, run_id: str, after: int = 0) -> list[int]:
    return [event["seq"] async for event in world.runs.events(await world.actor(person), run_id, after) if event]


async def test_a_run_is_accepted_and_can_be_looked_at(world: World) -> None:
    run = await create(world, text="  휴가 며칠 남았어?  ")
    assert (run["status"], run["input"], run["agent"]) == ("queued", "휴가 며칠 남았어?", "assistant")
    assert await world.runs.get(await world.actor(OWNER), run["run_id"]) == run
    assert [row["action"] for row in await world.audited()] == ["run.create"]


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "x" * (INPUT_MAX + 1)])
async def test_an_empty_or_endless_request_is_refused(world: World, text: str) -> None:
    with pytest.raises(ValidationFailed):
        await create(world, text=text)


@pytest.mark.parametrize("text", ["\ud800 안녕", "가\x00나", "x" * INPUT_MAX, "'; drop table run; --"])
async def test_a_strange_request_is_kept_or_refused(world: World, text: str) -> None:
    try:
        run = await create(world, text=text)
    except DaeriError as error:
        assert error.status < 500  # noqa: PT017 - either outcome is right
    else:
        assert (await world.runs.get(await world.actor(OWNER), run["run_id"]))["status"] == "queued"


async def test_an_unknown_agent_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await create(world, agent="nobody")


async def test_a_server_without_a_model_refuses_a_form_and_functions(world: World) -> None:
    actor = await world.actor(OWNER)
    functions = read_functions([{"function": {"name": "weather"}}], None)
    for terms in (Terms(answer_format=AnswerFormat({"type": "json_object"})), Terms(functions=functions)):
        with pytest.raises(ValidationFailed):
            await world.runs.create(actor, "안녕", terms=terms)


async def test_an_agent_asks_itself_only_and_its_words_are_not_its_persons(world: World) -> None:
    deputy = await world.deputy(OWNER)
    with pytest.raises(NotFound):
        await world.runs.create(deputy, "안녕", agent="reader")
    run = await world.runs.create(deputy, "안녕")
    assert run["agent"] == "assistant"
    (row,) = await world.sql(f"select asked_by from run where id = '{run['run_id']}'")
    assert "assistant" in str(row["asked_by"])
    own = await create(world, agent="reader")
    with pytest.raises(NotFound):
        await world.runs.edit(deputy, own["run_id"], "다른 말로")
    with pytest.raises(NotFound):
        await world.runs.create(deputy, "이어서", session_id=own["session_id"])


async def test_through_an_agent_only_runs_with_that_agent_are_there(world: World) -> None:
    run = await create(world)
    reader, deputy = await world.deputy(OWNER, "reader"), await world.deputy(OWNER)
    for look in (
        world.runs.get(reader, run["run_id"]),
        world.runs.wait(reader, run["run_id"], 0),
        world.runs.conversations.get(reader, run["session_id"]),
    ):
        with pytest.raises(NotFound):
            await look
    assert (await world.runs.page(reader))["data"] == []
    assert (await world.runs.get(deputy, run["run_id"]))["run_id"] == run["run_id"]
    assert [each["run_id"] for each in (await world.runs.page(deputy))["data"]] == [run["run_id"]]


@pytest.mark.parametrize("person", [COLLEAGUE, STRANGER, LEAD])
async def test_someone_elses_run_is_not_found_by_any_door(world: World, person: int) -> None:
    run = await create(world)
    other = await world.actor(person)
    with pytest.raises(NotFound) as missing:
        await world.runs.get(other, "run_nothing")
    for look in (
        world.runs.get(other, run["run_id"]),
        world.runs.wait(other, run["run_id"], 0),
        world.runs.cancel(other, run["run_id"]),
        heard(world, person, run["run_id"]),
    ):
        with pytest.raises(NotFound) as hidden:
            await look
        assert hidden.value.problem("ko") == missing.value.problem("ko")
    assert (await world.runs.page(other))["data"] == []
    assert (await world.runs.page(other, session_id=run["session_id"]))["data"] == []


async def test_someone_elses_conversation_cannot_be_joined(world: World) -> None:
    run = await create(world)
    with pytest.raises(NotFound):
        await create(world, COLLEAGUE, session_id=run["session_id"])
    with pytest.raises(NotFound):
        await create(world, session_id="ses_made_up")
    assert (await create(world, session_id=run["session_id"]))["session_id"] == run["session_id"]


async def test_the_same_key_creates_one_run(world: World) -> None:
    started: list[str] = []

    async def start(run_id: str, segment: int) -> None:
        started.append(f"{run_id}/{segment}")

    world.runs.dispatch.start = start
    first = await create(world, idempotency_key="k")
    second = await create(world, idempotency_key="k")
    assert first["run_id"] == second["run_id"]
    assert started == [f"{first['run_id']}/1"]


async def test_the_same_key_sent_at_once_creates_one_run(world: World) -> None:
    runs = await asyncio.gather(*(create(world, idempotency_key="k") for _ in range(5)))
    assert len({run["run_id"] for run in runs}) == 1


@pytest.mark.parametrize("other", [{"text": "다른 말"}, {"agent": "reader"}])
async def test_the_same_key_for_another_request_is_refused(world: World, other: dict[str, Any]) -> None:
    await create(world, idempotency_key="k")
    with pytest.raises(IdempotencyMismatch):
        await create(world, idempotency_key="k", **other)


async def test_a_key_is_ones_own(world: World) -> None:
    first = await create(world, idempotency_key="k")
    second = await create(world, COLLEAGUE, idempotency_key="k")
    assert first["run_id"] != second["run_id"]


async def test_runs_are_listed_page_by_page_newest_first(world: World) -> None:
    ids = [(await create(world))["run_id"] for _ in range(5)]
    actor, seen, cursor = await world.actor(OWNER), [], None
    while True:
        page = await world.runs.page(actor, limit=2, cursor=cursor)
        seen += [run["run_id"] for run in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert seen == sorted(ids, reverse=True)


async def test_events_are_replayed_from_any_number_on(world: World) -> None:
    run_id = (await create(world))["run_id"]
    await finish(world, run_id)
    everything = await heard(world, OWNER, run_id)
    assert everything == list(range(1, len(everything) + 1))
    for after in range(len(everything)):
        assert await heard(world, OWNER, run_id, after) == everything[after:]


async def test_more_events_than_one_reading_takes_are_all_replayed(world: World) -> None:
    run_id = (await create(world))["run_id"]
    work = await bench(world).claim(run_id, 1)
    assert work is not None
    await bench(world).write(work.lease, (), *(("message.delta", {"text": str(n)}) for n in range(1200)))
    await bench(world).succeed(work.lease, ENDING)
    assert len(await heard(world, OWNER, run_id)) == 1 + 1200 + 6


@pytest.mark.parametrize("beyond", [0, 10])
async def test_a_listener_who_comes_back_after_the_end_is_let_go(world: World, beyond: int) -> None:
    run_id = (await create(world))["run_id"]
    await finish(world, run_id)
    last = len(await heard(world, OWNER, run_id))
    assert await asyncio.wait_for(heard(world, OWNER, run_id, last + beyond), 5) == []


async def test_a_listener_hears_events_as_they_come_and_the_end(world: World) -> None:
    wakeups = Wakeups()
    world.runs = Runs(world.company, world.store, world.clock, wakeups)
    run_id = (await create(world))["run_id"]
    listening = asyncio.create_task(heard(world, OWNER, run_id))
    await asyncio.sleep(0)
    await finish(world, run_id, wakeups)
    assert await asyncio.wait_for(listening, 5) == [1, 2, 3, 4, 5, 6, 7]
    assert not wakeups._listeners


async def test_a_listener_gets_a_sign_of_life_when_nothing_happens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_module, "HEARTBEAT_SECONDS", 0.01)
    run_id = (await create(world))["run_id"]
    stream = world.runs.events(await world.actor(OWNER), run_id, 1)
    assert await anext(stream) is None
    await finish(world, run_id)
    found = [event["seq"] async for event in stream if event]
    assert found == [2, 3, 4, 5, 6, 7]


async def test_waiting_ends_when_the_run_ends(world: World) -> None:
    wakeups = Wakeups()
    world.runs = Runs(world.company, world.store, world.clock, wakeups)
    run_id = (await create(world))["run_id"]
    waiting = asyncio.create_task(world.runs.wait(await world.actor(OWNER), run_id, 10))
    await asyncio.sleep(0)
    await finish(world, run_id, wakeups)
    assert (await asyncio.wait_for(waiting, 5))["status"] == "succeeded"


async def test_waiting_ends_when_the_run_is_parked(world: World) -> None:
    run_id = (await create(world))["run_id"]
    work = await bench(world).claim(run_id, 1)
    assert work is not None
    step = bench(world).call(work.lease, Asked(1, "work.request", {}), "안녕")
    await world.door.call(await world.deputy(OWNER), "work.request", {"start": "2026-12-01"}, journal=step)
    body = await asyncio.wait_for(world.runs.wait(await world.actor(OWNER), run_id, 10), 5)
    assert body["status"] == "waiting_approval"


async def test_waiting_no_longer_than_asked_gives_the_run_as_it_is(world: World) -> None:
    run_id = (await create(world))["run_id"]
    body = await asyncio.wait_for(world.runs.wait(await world.actor(OWNER), run_id, 0.01), 5)
    assert body["status"] == "queued"


async def test_a_cancelled_run_ends_at_once_and_stops_its_worker(world: World) -> None:
    run_id = (await create(world))["run_id"]
    await bench(world).claim(run_id, 1)
    worker = asyncio.create_task(asyncio.Event().wait())
    world.runs.dispatch.working(run_id, worker)  # type: ignore[arg-type]
    body = await world.runs.cancel(await world.actor(OWNER), run_id)
    assert (body["status"], body["finished_at"]) == ("cancelled", "2026-11-21T05:02:00.000Z")
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert await world.runs.dispatch.due() == []
    with pytest.raises(Conflict):
        await world.runs.cancel(await world.actor(OWNER), run_id)
    assert [row["action"] for row in await world.audited()] == ["run.create", "run.cancel"]


async def test_a_decided_document_starts_the_next_segment_once(world: World) -> None:
    started: list[tuple[str, int]] = []

    async def start(run_id: str, segment: int) -> None:
        started.append((run_id, segment))

    run_id = (await create(world))["run_id"]
    work = await bench(world).claim(run_id, 1)
    assert work is not None
    step = bench(world).call(work.lease, Asked(1, "work.request", {}), "안녕")
    held: Any = await world.door.call(await world.deputy(OWNER), "work.request", {"start": "2026-12-01"}, journal=step)
    world.runs.dispatch.start = start
    await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    assert started == [(run_id, 2)]
    await world.runs.dispatch.resume(None)
    assert started == [(run_id, 2)]
