"""Is a segment carried out once however often it is started, and taken up again after a stop?"""

import asyncio

import pytest
from structlog.testing import capture_logs

from daeri.runs.engine import Engine

pytestmark = pytest.mark.anyio


class Worker:
    """Notes which segments it was given; blocks until it is let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.done: list[tuple[str, int]] = []
        self.due_now: list[tuple[str, int]] = []
        self.seen = asyncio.Event()
        self.over = asyncio.Event()

    async def segment(self, run_id: str, number: int) -> None:
        self.done.append((run_id, number))
        self.seen.set()
        await self.let_go.wait()
        asyncio.get_running_loop().call_later(0.05, self.over.set)

    async def due(self) -> list[tuple[str, int]]:
        return self.due_now


async def test_a_segment_is_carried_out_by_one_worker_however_often_it_is_started() -> None:
    worker = Worker()
    engine = Engine(worker.segment, worker.due)
    await engine.start("run_1", 1)
    assert worker.done == []
    worker.due_now = [("run_0", 3)]
    await engine.open()
    try:
        await asyncio.wait_for(worker.seen.wait(), 20)
        worker.seen.clear()
        for _ in range(3):
            await engine.start("run_1", 1)
        await asyncio.wait_for(worker.seen.wait(), 20)
        worker.seen.clear()
        await engine.start("run_1", 2)
        await asyncio.wait_for(worker.seen.wait(), 20)
        worker.let_go.set()
    finally:
        await engine.close()
    assert worker.done == [("run_0", 3), ("run_1", 1), ("run_1", 2)]


async def test_a_segment_that_failed_is_taken_up_again_while_it_is_due() -> None:
    worker = Worker()
    worker.let_go.set()
    engine = Engine(worker.segment, worker.due)
    await engine.open()
    try:
        for _ in range(2):
            worker.over.clear()
            await engine.start("run_1", 1)
            await worker.over.wait()
    finally:
        await engine.close()
    assert worker.done == [("run_1", 1), ("run_1", 1)]


async def test_a_sweep_that_fails_in_whatever_way_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    enough = asyncio.Event()

    async def due() -> list[tuple[str, int]]:
        looks.append(1)
        if len(looks) == 3:
            msg = "can't start new thread"
            raise RuntimeError(msg)
        if len(looks) > 4:
            enough.set()
        return []

    monkeypatch.setattr("daeri.runs.engine.SWEEP_SECONDS", 0.01)
    engine = Engine(Worker().segment, due)
    await engine.open()
    try:
        await asyncio.wait_for(enough.wait(), 20)
    finally:
        await engine.close()


async def test_a_segment_that_fails_each_time_is_tried_ever_more_rarely_and_told_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []

    async def segment(run_id: str, number: int) -> None:
        tried.append(run_id)
        if run_id == "run_bad":
            msg = f"{number} cannot be read"
            raise ValueError(msg)

    async def due() -> list[tuple[str, int]]:
        return [("run_bad", 1), ("run_good", 1)]

    monkeypatch.setattr("daeri.runs.engine.SWEEP_SECONDS", 0.01)
    engine = Engine(segment, due)
    with capture_logs() as told:
        await engine.open()
        try:
            async with asyncio.timeout(20):
                while tried.count("run_good") < 32:  # noqa: ASYNC110 - what is tried has no event of its own
                    await asyncio.sleep(0.01)
        finally:
            await engine.close()
    assert 3 <= tried.count("run_bad") <= 7
    assert [(each["event"], each["run_id"]) for each in told] == [("engine.segment_failed", "run_bad")]
