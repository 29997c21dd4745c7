"""Does who listens hear everything once, in its order, as it happens? What workers hand over, and what they speak."""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daeri.agent.progress import Progress
from daeri.agent.voice import Voice
from daeri.errors import NotReady
from daeri.runs.journal import NEWS_MAX, Fenced, Written
from daeri.runs.wakeups import Wakeups
from daeri.runs.work import Asked, Work, Workbench
from runs.test_runs import create
from worlds import OWNER, World

pytestmark = pytest.mark.anyio
LONG = 60.0


class Bench:
    """Stores as slowly as it is told, and notes what was stored and how much at once."""

    def __init__(self, pause: float, *seconds: float) -> None:
        self.pause = pause
        self._seconds = [*seconds]
        self._under_way = 0
        self.most = 0
        self.stored: list[dict[str, Any]] = []

    def speak(self, *_: Any) -> None:
        pass

    async def write(self, _: Any, __: Any, event: tuple[str, dict[str, Any]]) -> None:
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(self._seconds.pop(0) if self._seconds else 0)
        self.stored.append(event[1])
        self._under_way -= 1


def voice_on(bench: Bench) -> Voice:
    return Voice(cast("Workbench", bench), cast("Work", SimpleNamespace(lease=None)), Progress())


async def heard_of(world: World, run_id: str) -> tuple[list[str], asyncio.Task[None]]:
    """Return what the owner hears of a run as it comes, with the task that listens."""
    kinds: list[str] = []
    actor = await world.actor(OWNER)

    async def listen() -> None:
        async for event in world.runs.events(actor, run_id):
            if event is not None:
                kinds.append(event["type"])  # noqa: PERF401 - at once, not when all have come

    task = asyncio.create_task(cast("Coroutine[Any, Any, None]", listen()))
    while not kinds:  # noqa: ASYNC110 - what is heard has no event of its own
        await asyncio.sleep(0.01)
    return kinds, task


async def test_pieces_of_a_text_are_stored_one_after_another_however_slow_the_database_is() -> None:
    bench = Bench(0.02, 0.2, 0.01)
    voice = voice_on(bench)
    for letter in "abcdefgh":
        await voice.say(letter)
        await asyncio.sleep(0.015)
    await voice.hush()
    await voice.flush()
    assert bench.most == 1
    assert "".join(piece["text"] for piece in bench.stored) == "abcdefgh"
    assert [piece["at"] for piece in bench.stored] == sorted(piece["at"] for piece in bench.stored)


async def test_the_end_of_an_answer_does_not_wait_for_the_next_piece_to_be_due() -> None:
    voice = voice_on(Bench(LONG))
    await voice.say("첫 말")
    await voice.flush()
    await voice.say(" 끝말")
    async with asyncio.timeout(LONG / 2):
        await voice.hush()
    assert voice.unspoken == " 끝말"


async def test_what_a_long_call_waits_for_is_heard_while_it_waits(world: World) -> None:
    bench = Workbench(world.store, world.clock, world.runs._wakeups)
    run_id = (await create(world))["run_id"]
    work = await bench.claim(run_id, 1)
    assert work is not None
    kinds, listening = await heard_of(world, run_id)
    step = bench.call(work.lease, Asked(1, "web.read", {}), "안녕")
    await world.store.note(step.check)
    step.keep()
    async with asyncio.timeout(10):
        while kinds[-1] != "tool.started":  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    listening.cancel()


async def test_a_call_that_has_nothing_to_tell_wakes_nobody(world: World) -> None:
    bench = Workbench(world.store, world.clock, world.runs._wakeups)
    run_id = (await create(world))["run_id"]
    work = await bench.claim(run_id, 1)
    assert work is not None
    step = bench.call(work.lease, Asked(1, "web.read", {}), "안녕")
    await world.store.note(step.check)
    with world.runs._wakeups.listening(run_id) as listener:
        step.keep()
        assert await listener.woken(0)
        await world.store.note(step.check)
        step.keep()
        assert not await listener.woken(0)


async def test_who_waits_for_a_runs_status_is_woken_by_its_events_alone() -> None:
    wakeups = Wakeups()
    with wakeups.listening("run_1") as listener:
        listener.has_news = False
        waiting = asyncio.create_task(listener.until_status(LONG))
        for kind in ("message.delta", "tool.finished"):
            wakeups.notify("run_1", [Written("run_1", 1, kind, datetime.now(UTC), {})])
            await asyncio.sleep(0.01)
        assert not waiting.done()
        wakeups.notify("run_1", [Written("run_1", 3, "run.waiting", datetime.now(UTC), {})])
        async with asyncio.timeout(LONG / 2):
            await waiting
        await listener.until_status(0.01)


@pytest.mark.parametrize("error", [NotReady(), OSError("the line is cut"), RuntimeError("can't start new thread")])
async def test_news_that_cannot_be_told_to_other_servers_are_told_when_they_can_be(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("daeri.runs.wakeups.AGAIN_SECONDS", 0.05)
    wakeups, told, tries, heard = Wakeups(), set(), count(), asyncio.Event()

    async def tell(news: Sequence[str]) -> None:
        if next(tries) < 2:
            raise error
        told.update(news)
        heard.set()

    wakeups.open("srv_me", tell)
    try:
        for run_id in ("run_1", "run_2"):
            wakeups.notify(run_id)
            await asyncio.sleep(0.03)
        async with asyncio.timeout(10):
            await heard.wait()
        heard.clear()
        wakeups.notify("run_3")
        async with asyncio.timeout(10):
            await heard.wait()
    finally:
        await wakeups.close()
    assert told == {"srv_me run_1", "srv_me run_2", "srv_me run_3"}


async def test_of_more_runs_than_are_kept_other_servers_are_told_that_there_is_some_news(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daeri.runs.wakeups.AGAIN_SECONDS", 0.05)
    monkeypatch.setattr("daeri.runs.wakeups.UNTOLD_MAX", 3)
    wakeups, told, is_back, heard = Wakeups(), list[str](), asyncio.Event(), asyncio.Event()

    async def tell(news: Sequence[str]) -> None:
        if not is_back.is_set():
            raise NotReady
        told.extend(news)
        heard.set()

    wakeups.open("srv_me", tell)
    try:
        for number in range(9):
            wakeups.notify(f"run_{number}")
            await asyncio.sleep(0.03)
        is_back.set()
        async with asyncio.timeout(10):
            await heard.wait()
    finally:
        await wakeups.close()
    assert "srv_me " in told, "who hears this looks at all runs"
    assert len(told) <= 4


async def test_a_call_that_has_begun_goes_nowhere_once_its_run_was_stopped(world: World) -> None:
    bench = Workbench(world.store, world.clock, world.runs._wakeups)
    run_id = (await create(world))["run_id"]
    work = await bench.claim(run_id, 1)
    assert work is not None
    step = bench.call(work.lease, Asked(1, "web.read", {}), "안녕")
    await world.store.note(step.check)
    step.keep()
    await world.runs.cancel(await world.actor(OWNER), run_id)
    with pytest.raises(Fenced):
        await world.store.note(step.check)


async def test_a_stream_of_a_conversation_that_is_deleted_ends_quietly(world: World) -> None:
    run = await create(world)
    kinds, listening = await heard_of(world, run["run_id"])
    await world.runs.conversations.delete(await world.actor(OWNER), run["session_id"])
    async with asyncio.timeout(10):
        await listening
    assert kinds == ["run.started"]


async def test_who_does_not_read_holds_no_more_than_a_page_and_reads_the_rest_from_the_journal(world: World) -> None:
    wakeups = Wakeups()
    bench = Workbench(world.store, world.clock, wakeups)
    run_id = (await create(world))["run_id"]
    work = await bench.claim(run_id, 1)
    assert work is not None
    with wakeups.listening(run_id) as listener:
        listener.has_news = False
        for number in range(3):
            await bench.write(work.lease, (), *[("x", {"n": number}) for _ in range(NEWS_MAX // 2)])
            bench.speak(work.lease, number, "가")
        assert len(listener.written) <= NEWS_MAX
        assert listener.has_news
