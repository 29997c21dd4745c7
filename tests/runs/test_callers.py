"""Who asks again by itself gets the run that it asked for, and nothing changes while nobody is there."""

from datetime import timedelta
from typing import Any

import pytest

from daeri.errors import NotFound
from daeri.records.actor import Actor
from daeri.records.store import Store
from daeri.runs import callers
from daeri.runs.callers import FRESH, LOST_ON_ITS_WAY, PATIENCE, Unattended
from daeri.runs.request import Attempt, Terms
from daeri.runs.runs import Runs
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Asked, Ending, Workbench
from worlds import COLLEAGUE, OWNER, STRANGER, World

pytestmark = pytest.mark.anyio
ENDING = Ending("답", "answer", [], [], {})
ADDS = Asked(1, "work.add_project", {"name": "새 과제"})


async def caller(world: World, person: int = OWNER, key: str = "key_1") -> Actor:
    return await world.actor(person, credential=key)


def attempt(number: int) -> Attempt:
    return Attempt("d" * 64, number, f"request {number}")


async def asks(world: World, number: int, who: Actor | None = None, runs: Runs | None = None, **more: Any) -> str:
    """Ask for the same by an attempt; return the run."""
    told = Terms(attempt=attempt(number))
    made = await (runs or world.runs).create(who or await caller(world), "과제를 등록해줘", terms=told, **more)
    return str(made["run_id"])


def bench(world: World) -> Workbench:
    return Workbench(world.store, world.clock, Wakeups())


async def adds(world: World, run_id: str) -> None:
    """Let a run add a project, and answer."""
    work = await bench(world).claim(run_id, 1)
    assert work is not None
    journal = bench(world).call(work.lease, ADDS, "과제를 등록해줘")
    journal.acts = True
    await world.door.call(await world.actor(OWNER), ADDS.operation, ADDS.arguments, journal=journal)
    await bench(world).succeed(work.lease, ENDING)


async def answers(world: World, run_id: str) -> None:
    """Let a run end without having changed anything."""
    work = await bench(world).claim(run_id, 1)
    assert work is not None
    await bench(world).succeed(work.lease, ENDING)


async def loses(world: World, run_id: str, number: int = 0) -> None:
    await world.runs.callers.leave(await caller(world), run_id, attempt(number))


async def status(world: World, run_id: str) -> str:
    return await world.runs.status(await caller(world), run_id)


async def projects(world: World) -> int:
    (row,) = await world.sql("SELECT count(*) AS n FROM w_project WHERE name = '새 과제'")
    return int(row["n"])


async def test_two_first_attempts_at_the_same_are_two_runs(world: World) -> None:
    assert await asks(world, 0) != await asks(world, 0)


async def test_a_later_attempt_gets_the_run_whether_it_is_at_work_or_has_ended(world: World) -> None:
    run_id = await asks(world, 0)
    assert await asks(world, 1) == run_id
    await adds(world, run_id)
    assert await asks(world, 2) == run_id


async def test_a_later_attempt_of_which_none_arrived_before_begins_a_run(world: World) -> None:
    run_id = await asks(world, 1)
    assert await asks(world, 2) == run_id


async def test_another_server_knows_the_run_too(world: World) -> None:
    run_id = await asks(world, 0)
    store = Store(world.store.url)
    other = Runs(world.company, store, world.clock, Wakeups(), "beside")
    assert await asks(world, 1, runs=other) == run_id
    await store.close()


@pytest.mark.parametrize(("person", "key"), [(OWNER, "key_2"), (COLLEAGUE, "key_3"), (STRANGER, "key_4")])
async def test_an_attempt_by_another_credential_is_another_request(world: World, person: int, key: str) -> None:
    run_id = await asks(world, 0)
    await adds(world, run_id)
    assert await asks(world, 1, await caller(world, person, key)) != run_id


async def test_the_same_key_of_two_people_is_still_two_requests(world: World) -> None:
    run_id = await asks(world, 0)
    assert await asks(world, 1, await caller(world, COLLEAGUE)) != run_id


async def test_of_two_equal_requests_the_lost_one_is_asked_for_again(world: World) -> None:
    first, second = await asks(world, 0), await asks(world, 0)
    await loses(world, first)
    assert await asks(world, 1) == first
    await loses(world, second)
    assert await asks(world, 1) == second


async def test_two_equal_requests_that_were_both_lost_are_asked_for_again_one_each(world: World) -> None:
    both = {await asks(world, 0), await asks(world, 0)}
    for run_id in both:
        await loses(world, run_id)
    assert {await asks(world, 1), await asks(world, 1)} == both


async def test_what_is_not_answered_yet_goes_before_what_is(world: World) -> None:
    first = await asks(world, 0)
    second = await asks(world, 0)
    await adds(world, second)
    assert await asks(world, 1) == first


async def test_a_run_whose_caller_was_lost_changes_nothing_until_they_are_back(world: World) -> None:
    run_id = await asks(world, 0)
    await loses(world, run_id)
    with pytest.raises(Unattended):
        await adds(world, run_id)
    assert await projects(world) == 0
    assert await asks(world, 1) == run_id
    assert not await world.store.read(lambda connection: callers.is_away(connection, run_id))


async def test_what_a_run_without_its_caller_has_another_agent_do_changes_nothing_either(world: World) -> None:
    run_id, asked = await asks(world, 0), await asks(world, 0)
    await world.sql("UPDATE run SET parent_id = :above WHERE id = :id", above=run_id, id=asked)
    await loses(world, run_id)
    with pytest.raises(Unattended):
        await adds(world, asked)
    world.clock.at += 2 * PATIENCE
    await world.runs.dispatch.end_late()
    assert await status(world, asked) == "cancelled"


async def test_a_caller_who_does_not_come_back_stops_the_run_after_a_while_and_only_then(world: World) -> None:
    run_id = await asks(world, 0)
    await loses(world, run_id)
    world.clock.at += PATIENCE
    await world.runs.dispatch.end_late()
    assert await status(world, run_id) == "queued"
    world.clock.at += timedelta(seconds=1)
    await world.runs.dispatch.end_late()
    assert await status(world, run_id) == "cancelled"
    ended = (await world.audited())[-1]
    assert (ended["action"], ended["person_id"], ended["run_id"]) == ("run.cancel", OWNER, run_id)
    assert (await world.audited())[-1]["detail"] == {"caller": "gone"}


async def test_one_that_came_back_in_time_is_not_stopped(world: World) -> None:
    run_id = await asks(world, 0)
    await loses(world, run_id)
    await asks(world, 1)
    await loses(world, run_id, 0)  # the first connection is found broken when the second attempt is there
    world.clock.at += 2 * PATIENCE
    await world.runs.dispatch.end_late()
    assert await status(world, run_id) == "queued"


async def test_what_was_stopped_with_nothing_changed_is_begun_anew(world: World) -> None:
    run_id = await asks(world, 0, idempotency_key="mine")
    await loses(world, run_id)
    world.clock.at += 2 * PATIENCE
    await world.runs.dispatch.end_late()
    assert await asks(world, 1) != run_id
    again = await asks(world, 1, idempotency_key="mine")
    assert again != run_id
    assert await asks(world, 2, idempotency_key="mine") == again


async def test_to_look_at_a_run_lets_it_go_on_unless_it_is_over(world: World) -> None:
    run_id = await asks(world, 0)
    await loses(world, run_id)
    await world.runs.callers.come_back(await caller(world), run_id)
    world.clock.at += 2 * PATIENCE
    await world.runs.dispatch.end_late()
    assert await status(world, run_id) == "queued"
    await loses(world, run_id)
    world.clock.at += 2 * PATIENCE
    await world.runs.dispatch.end_late()
    await world.runs.callers.come_back(await caller(world), run_id)
    assert await asks(world, 1) != run_id, "it was stopped with nothing changed, whoever has looked at it"


async def test_what_its_person_stopped_is_not_begun_anew(world: World) -> None:
    run_id = await asks(world, 0, idempotency_key="mine")
    await loses(world, run_id)
    await world.runs.cancel(await caller(world), run_id)
    assert await asks(world, 1) == run_id
    assert await asks(world, 1, idempotency_key="mine") == run_id


async def test_who_asks_again_with_the_key_by_a_door_without_attempts_is_there_to_hear_of_the_run(world: World) -> None:
    run_id = await asks(world, 0, idempotency_key="mine")
    await loses(world, run_id)
    again = await world.runs.create(await caller(world), "과제를 등록해줘", idempotency_key="mine")
    assert again["run_id"] == run_id
    world.clock.at += 2 * PATIENCE
    await world.runs.dispatch.end_late()
    assert await status(world, run_id) == "queued"


async def test_what_gave_way_to_other_words_of_its_person_is_not_begun_anew(world: World) -> None:
    run_id = await asks(world, 0)
    await loses(world, run_id)
    await world.runs.edit(await caller(world), run_id, "과제를 보여줘")
    assert await asks(world, 1) == run_id
    assert await status(world, run_id) == "cancelled"


async def test_a_caller_who_is_lost_after_their_person_stopped_the_run_does_not_begin_it_anew(world: World) -> None:
    run_id = await asks(world, 0, idempotency_key="mine")
    await world.runs.cancel(await caller(world), run_id)
    await loses(world, run_id)
    assert await asks(world, 1) == run_id
    assert await asks(world, 1, idempotency_key="mine") == run_id


async def test_what_was_done_is_not_done_again_because_its_person_deleted_the_conversation(world: World) -> None:
    run_id = await asks(world, 0)
    await adds(world, run_id)
    session = (await world.runs.get(await caller(world), run_id))["session_id"]
    await world.runs.conversations.delete(await caller(world), session)
    assert await asks(world, 1) == run_id
    with pytest.raises(NotFound):
        await world.runs.wait(await caller(world), run_id, 0)


async def test_a_run_that_ends_in_the_moment_in_which_it_would_be_stopped_stays_as_it_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await asks(world, 0)
    await loses(world, run_id)
    world.clock.at += 2 * PATIENCE
    seen = await world.store.read(lambda connection: callers.gone(connection, world.clock.now()))
    await answers(world, run_id)
    monkeypatch.setattr(callers, "gone", lambda *_: seen)
    assert await world.store.write(lambda connection: callers.end_gone(connection, world.clock.now())) == []
    assert await status(world, run_id) == "succeeded"
    events = await world.sql("SELECT type FROM event WHERE run_id = :id AND type = 'stream.end'", id=run_id)
    assert len(events) == 1


async def test_a_request_that_is_at_work_goes_before_one_whose_caller_was_lost_long_ago(world: World) -> None:
    before = await asks(world, 0)
    await adds(world, before)
    await loses(world, before)
    world.clock.at += timedelta(hours=5)
    now = await asks(world, 0)
    assert await asks(world, 1) == now, "the server may hear later than the client that the connection broke"


async def test_an_answer_that_may_be_lost_goes_before_one_that_was_lost_long_ago(world: World) -> None:
    before = await asks(world, 0)
    await adds(world, before)
    await loses(world, before)
    world.clock.at += timedelta(hours=5)
    now = await asks(world, 0)
    await answers(world, now)
    assert await asks(world, 1) == now


async def test_an_answer_of_a_run_that_changed_nothing_is_told_again_for_a_minute(world: World) -> None:
    run_id = await asks(world, 0)
    await answers(world, run_id)
    world.clock.at += FRESH - timedelta(seconds=1)
    assert await asks(world, 1) == run_id
    world.clock.at += timedelta(seconds=1)
    assert await asks(world, 2) != run_id


async def test_an_answer_of_a_run_that_changed_something_is_told_again_for_longer(world: World) -> None:
    run_id = await asks(world, 0)
    await adds(world, run_id)
    world.clock.at += LOST_ON_ITS_WAY - timedelta(seconds=1)
    assert await asks(world, 1) == run_id
    world.clock.at += timedelta(seconds=1)
    assert await asks(world, 2) != run_id


async def test_where_it_is_known_that_the_answer_was_lost_it_is_told_for_a_day(world: World) -> None:
    run_id = await asks(world, 0)
    await adds(world, run_id)
    await loses(world, run_id)
    world.clock.at += timedelta(hours=23)
    assert await asks(world, 1) == run_id


async def test_of_callers_nothing_is_known_after_a_day(world: World) -> None:
    await asks(world, 0)
    world.clock.at += timedelta(hours=23)
    await asks(world, 0)
    world.clock.at += timedelta(hours=2)
    await world.runs.dispatch.forget()
    assert len(await world.sql("SELECT run_id FROM caller")) == 1


async def test_a_server_that_runs_for_days_forgets_callers_too(world: World) -> None:
    await asks(world, 0)
    world.clock.at += timedelta(hours=25)
    await world.runs.dispatch.end_late()
    assert await world.sql("SELECT run_id FROM caller") == []


async def test_that_a_caller_is_away_is_not_forgotten_however_old_the_run_is(world: World) -> None:
    run_id = await asks(world, 0)
    world.clock.at += timedelta(hours=25)
    await loses(world, run_id)
    await world.runs.dispatch.forget()
    assert await world.store.read(lambda connection: callers.is_away(connection, run_id))


async def test_nobody_else_can_say_that_a_caller_was_lost(world: World) -> None:
    run_id = await asks(world, 0)
    for person in (COLLEAGUE, STRANGER):
        with pytest.raises(NotFound):
            await world.runs.callers.leave(await caller(world, person), run_id, attempt(0))
    assert not await world.store.read(lambda connection: callers.is_away(connection, run_id))
