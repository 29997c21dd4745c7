"""Who goes next? Turns of a conversation one by one, so many runs of a person, what people wait for before the rest."""

import asyncio
from typing import Any

import pytest

from daeri.agent.executor import ATTEMPTS_MAX
from daeri.errors import Conflict
from daeri.runs.journal import Note
from daeri.runs.queueing import CARRIED, SCHEDULED, SUSPECT, Queue
from daeri.runs.request import Terms
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Ending, Work, Workbench
from worlds import COLLEAGUE, OWNER, World

pytestmark = pytest.mark.anyio
ENDING = Ending("답", "answer", [], [], {})


class Server:
    """Runs and their workers over one queue, with an engine that notes what it is to start."""

    def __init__(self, world: World, per_person: int = 0) -> None:
        queue, wakeups = Queue(per_person), Wakeups()
        self.world = world
        self.bench = Workbench(world.store, world.clock, wakeups, queue=queue)
        self.runs = Runs(world.company, world.store, world.clock, wakeups, queue=queue)
        self.started: list[str] = []
        self.runs.dispatch.start = self._start

    async def _start(self, run_id: str, segment: int) -> None:
        del segment
        self.started.append(run_id)

    async def ask(self, words: str = "안녕", person: int = OWNER, **more: Any) -> dict[str, Any]:
        return await self.runs.create(await self.world.actor(person), words, **more)

    async def claim(self, run_id: str) -> Work | None:
        return await self.bench.claim(run_id, 1)

    async def end(self, work: Work) -> None:
        await self.bench.succeed(work.lease, ENDING)
        self.runs.dispatch.working(work.lease.run_id, None)
        await asyncio.sleep(0.05)

    async def due(self) -> list[str]:
        return [run_id for run_id, _ in await self.runs.dispatch.due()]


async def test_a_request_waits_for_the_one_before_it_in_its_conversation_and_begins_when_that_ends(
    world: World,
) -> None:
    server = Server(world)
    first = await server.ask("하나")
    second = await server.ask("둘", session_id=first["session_id"])
    work = await server.claim(first["run_id"])
    assert work is not None
    assert await server.claim(second["run_id"]) is None
    assert (await server.runs.get(await world.actor(OWNER), second["run_id"]))["status"] == "queued"
    server.started.clear()
    await server.end(work)
    assert server.started == [second["run_id"]]
    work = await server.claim(second["run_id"])
    assert work is not None
    assert [turn.input for turn in work.history] == ["하나"]


async def test_a_request_that_waits_for_people_does_not_hold_up_the_next(world: World) -> None:
    server = Server(world)
    first = await server.ask("하나")
    assert await server.claim(first["run_id"])
    await world.sql("UPDATE run SET status = 'waiting_approval' WHERE id = :id", id=first["run_id"])
    second = await server.ask("둘", session_id=first["session_id"])
    assert await server.claim(second["run_id"])


async def test_a_second_request_is_rejected_or_takes_over_where_it_says_so(world: World) -> None:
    server = Server(world)
    first = await server.ask("하나")
    session = first["session_id"]
    with pytest.raises(Conflict):
        await server.ask("둘", session_id=session, terms=Terms(when_busy="reject"))
    third = await server.ask("셋", session_id=session, terms=Terms(when_busy="cancel"))
    assert (await server.runs.get(await world.actor(OWNER), first["run_id"]))["status"] == "cancelled"
    work = await server.claim(third["run_id"])
    assert work is not None
    await server.end(work)
    assert (await server.ask("넷", session_id=session, terms=Terms(when_busy="reject")))["status"] == "queued"


async def test_so_many_runs_of_one_person_go_on_at_once_and_the_others_in_order(world: World) -> None:
    server = Server(world, per_person=2)
    asked = [(await server.ask(f"질문 {n}"))["run_id"] for n in range(4)]
    theirs = (await server.ask("다른 사람", COLLEAGUE))["run_id"]
    assert await server.due() == [*asked[:2], theirs]
    works = [await server.claim(run_id) for run_id in asked]
    assert [work is not None for work in works] == [True, True, False, False]
    assert await server.claim(theirs)
    server.started.clear()
    assert works[0] is not None
    await server.end(works[0])
    assert set(server.started) & {*asked[2:]} == {asked[2]}


async def test_runs_that_are_begun_at_once_are_no_more_than_may_go_on(world: World) -> None:
    server = Server(world, per_person=3)
    asked = [(await server.ask(f"질문 {n}"))["run_id"] for n in range(8)]
    works = await asyncio.gather(*(server.claim(run_id) for run_id in asked))
    assert sum(work is not None for work in works) == 3


async def test_what_a_person_waits_for_goes_before_what_a_schedule_began(world: World) -> None:
    server = Server(world, per_person=1)
    scheduled = (await server.ask("예약"))["run_id"]
    await world.sql("UPDATE run SET rank = :rank WHERE id = :id", rank=SCHEDULED, id=scheduled)
    asked = (await server.ask("질문"))["run_id"]
    assert await server.due() == [asked]


async def test_work_that_is_no_request_neither_waits_nor_counts(world: World) -> None:
    server = Server(world, per_person=1)
    carried = await server.runs.begin(await world.actor(OWNER), "library", "읽기", {})
    rows = await world.sql("SELECT rank FROM run WHERE id = :id", id=carried["run_id"])
    assert rows[0]["rank"] == CARRIED
    assert await server.claim(carried["run_id"])
    asked = (await server.ask("질문"))["run_id"]
    assert await server.claim(asked)


async def test_a_queued_request_that_is_cancelled_lets_the_next_one_begin(world: World) -> None:
    server = Server(world)
    first = await server.ask("하나")
    second = await server.ask("둘", session_id=first["session_id"])
    assert await server.claim(second["run_id"]) is None
    server.started.clear()
    await server.runs.cancel(await world.actor(OWNER), first["run_id"])
    await asyncio.sleep(0.05)
    assert server.started == [second["run_id"]]


async def test_a_request_whose_agent_asked_another_one_is_still_at_work_for_its_conversation(world: World) -> None:
    server = Server(world)
    first = await server.ask("하나")
    assert await server.claim(first["run_id"])
    await world.sql("UPDATE run SET status = 'waiting_run' WHERE id = :id", id=first["run_id"])
    with pytest.raises(Conflict):
        await server.ask("둘", session_id=first["session_id"], terms=Terms(when_busy="reject"))
    mine = await world.actor(OWNER)
    assert (await server.runs.get(mine, first["run_id"]))["status"] == "waiting_run"
    await server.ask("셋", session_id=first["session_id"], terms=Terms(when_busy="cancel"))
    assert (await server.runs.get(await world.actor(OWNER), first["run_id"]))["status"] == "cancelled"


async def test_the_next_request_waits_for_one_whose_agent_asked_another_one_unless_that_waits_for_people(
    world: World,
) -> None:
    server = Server(world)
    first, helper = await server.ask("하나"), await server.ask("도움")
    assert await server.claim(first["run_id"])
    assert await server.claim(helper["run_id"])
    await world.sql("UPDATE run SET status = 'waiting_run' WHERE id = :id", id=first["run_id"])
    await world.sql("UPDATE run SET parent_id = :of WHERE id = :id", id=helper["run_id"], of=first["run_id"])
    second = await server.ask("둘", session_id=first["session_id"])
    assert await server.due() == [helper["run_id"]]
    assert await server.claim(second["run_id"]) is None
    for each in (helper, first):  # as the journal has it: whoever asked waits for people, too
        await world.sql("UPDATE run SET status = 'waiting_approval' WHERE id = :id", id=each["run_id"])
    assert await server.due() == [second["run_id"]]
    assert await server.claim(second["run_id"])


async def test_a_run_that_waits_for_another_agent_takes_no_place(world: World) -> None:
    server = Server(world, per_person=1)
    first = await server.ask("하나")
    assert await server.claim(first["run_id"])
    await world.sql("UPDATE run SET status = 'waiting_run' WHERE id = :id", id=first["run_id"])
    other = await server.ask("다른 대화")
    assert await server.claim(other["run_id"])


async def test_what_a_dead_server_left_at_work_goes_on_though_fewer_may_go_on_at_once_now(world: World) -> None:
    before = Server(world)
    left = [(await before.ask(f"질문 {n}"))["run_id"] for n in range(3)]
    assert all([await before.claim(run_id) for run_id in left])
    after = Server(world, per_person=1)
    assert await after.due() == left
    assert all([await after.claim(run_id) for run_id in left])
    waiting = await after.ask("다음")
    assert await after.claim(waiting["run_id"]) is None


async def test_of_runs_that_were_taken_up_in_vain_again_and_again_one_goes_at_a_time(world: World) -> None:
    server = Server(world)
    bad, good, fresh = [(await server.ask())["run_id"] for _ in range(3)]
    at_work = "UPDATE run SET status = 'running', server = 'gone', attempts = :n WHERE id = :id"
    for run_id, number in ((bad, SUSPECT + 1), (good, SUSPECT), (fresh, SUSPECT - 1)):
        await world.sql(at_work, id=run_id, n=number)
    assert await server.due() == [good, fresh], "who was tried less goes first"
    work = await server.claim(good)
    assert work is not None
    assert await server.due() == [good, fresh], "whoever is at work here is alone with its suspicion"
    await server.bench.write(work.lease, [Note("plan", {}, "", 0)])
    assert await server.due() == [bad, good, fresh], "it got on, so it is none of them any more"


async def test_of_those_the_next_begins_when_one_has_ended_and_not_at_some_later_look(world: World) -> None:
    server = Server(world)
    tried = [(await server.ask())["run_id"] for _ in range(3)]
    await world.sql(f"UPDATE run SET status = 'running', server = 'gone', attempts = {SUSPECT}")
    server.started.clear()
    [now] = await server.due()
    for following in tried[1:]:
        work = await server.claim(now)
        assert work is not None
        await server.end(work)
        assert server.started == [following]
        now = server.started.pop()


async def test_a_healthy_run_is_not_given_up_with_one_that_ends_its_server(world: World) -> None:
    server, lives, ended = Server(world), 0, list[str]()
    bad = (await server.ask())["run_id"]
    await server.ask()
    while bad not in ended:
        lives += 1
        await world.sql("UPDATE run SET server = 'gone' WHERE status = 'running'")  # the server was started anew
        claimed: list[str] = []
        while bad not in claimed and (due := [each for each in await server.due() if each not in claimed]):
            for run_id in due:
                work = await server.claim(run_id)
                assert work is not None
                claimed.append(run_id)
                if work.attempts > ATTEMPTS_MAX:
                    ended.append(run_id)
            if bad not in claimed:  # nobody ends the server meanwhile, so there is time for a step
                await server.bench.write(work.lease, [Note("plan", {}, "", 0)])
    assert ended == [bad], f"in {lives} lives"
