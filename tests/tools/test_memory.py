"""What is remembered of a person is theirs alone: they see, correct and forget it, and nobody else finds it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from daeri.errors import DaeriError, NotFound, Refused
from daeri.operations.listing import ListQuery
from daeri.operations.outcome import Held
from daeri.records.memories import Memory
from daeri.tools.memory import MEMORIES_MAX, memory_catalog, relevant
from daeri.tools.query import query_catalog
from worlds import AUDITOR, COLLEAGUE, HR, LEAD, OWNER, STRANGER, World, open_world

pytestmark = pytest.mark.anyio
OTHERS = [COLLEAGUE, STRANGER, LEAD, HR, AUDITOR]


@pytest.fixture
async def world(furnished: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, memory_catalog(), query_catalog()) as opened:
        yield opened


async def remember(world: World, words: str, person: int = OWNER) -> int:
    done = await world.done(await world.actor(person), "memory.remember", {"text": words})
    return int(done.result["memory"])


async def known(world: World, person: int = OWNER, **more: object) -> list[str]:
    done = await world.done(await world.actor(person), "memory.list", more)
    return [row["text"] for row in done.result["rows"]]


async def test_a_person_sees_corrects_and_forgets_what_is_remembered(world: World) -> None:
    owner, key = await world.actor(OWNER), await remember(world, "  답은   표로 ")
    assert await known(world) == ["답은 표로"]
    await world.done(owner, "memory.correct", {"memory": key, "text": "답은 문장으로"})
    assert await known(world) == ["답은 문장으로"]
    await world.done(owner, "memory.forget", {"memory": key})
    assert await known(world) == []


@pytest.mark.parametrize("person", OTHERS)
async def test_somebody_elses_memory_is_like_a_missing_one_by_every_way(world: World, person: int) -> None:
    key, other = await remember(world, "비밀 취향"), await world.actor(person)
    assert await known(world, person) == []
    for operation, more in (("memory.correct", {"text": "내 것"}), ("memory.forget", {})):
        told = []
        for memory in (key, 9_999):
            with pytest.raises(NotFound) as missing:
                await world.door.call(other, operation, {"memory": memory, **more})
            told.append(missing.value.problem("ko"))
        assert told[0] == told[1]
    page = await world.shelf.page(other, "memory", ListQuery(), "ko")
    assert page["data"] == []
    with pytest.raises(NotFound):
        await world.shelf.get(other, "memory", key, "ko")
    counted = await world.done(other, "query.run", {"sql": "SELECT count(*) AS n FROM memory"})
    assert "1" not in str(counted.result["rows"])
    assert await known(world) == ["비밀 취향"]


async def test_the_deputy_of_an_absent_person_does_not_see_their_memories(world: World) -> None:
    await remember(world, "비밀 취향")
    now, owner = world.clock.now(), await world.actor(OWNER)
    away = {"starts_at": now, "ends_at": now + timedelta(days=3)}
    await world.office.absences.set(owner, deputy_id=COLLEAGUE, **away)
    world.clock.at += timedelta(hours=1)
    assert await known(world, COLLEAGUE) == []


async def test_an_agent_without_the_persons_own_words_only_proposes(world: World) -> None:
    held = await world.door.call(await world.deputy(OWNER), "memory.remember", {"text": "계좌는 110-22"})
    assert isinstance(held, Held)
    assert await known(world) == []
    document = await world.approvals.show(await world.actor(OWNER), held.approval_id)
    assert [step["person"]["id"] for step in document["line"]] == [OWNER]
    with pytest.raises(DaeriError):
        await world.approvals.decide(await world.actor(LEAD), held.approval_id, "approve")
    await world.approvals.decide(await world.actor(OWNER), held.approval_id, "approve")
    assert await known(world) == ["계좌는 110-22"]
    (row,) = (await world.done(await world.actor(OWNER), "memory.list", {})).result["rows"]
    assert row["proposed_by"] == "assistant"


async def test_what_is_remembered_twice_is_remembered_once_and_not_without_end(world: World) -> None:
    assert await remember(world, "표로") == await remember(world, " 표로 ")
    for n in range(MEMORIES_MAX - 1):
        await world.sql(
            "INSERT INTO memory (version, person_id, text, classes, changed_at) VALUES (1, :who, :text, '[]', :at)",
            who=OWNER,
            text=f"기억 {n}",
            at="2026-01-01 00:00:00",
        )
    with pytest.raises(Refused):
        await remember(world, "하나 더")
    assert await remember(world, "하나 더", COLLEAGUE)


async def test_the_closest_memories_are_told_first(world: World) -> None:
    for words in ("매출은 만원 단위로", "휴가는 금요일에 쓰고 싶다", "점심은 12시"):
        await remember(world, words)
        world.clock.at += timedelta(seconds=1)
    assert await known(world, about="이번 달 매출이 얼마야?", limit=1) == ["매출은 만원 단위로"]
    assert await known(world, about="금요일에 휴가 올려줘", limit=1) == ["휴가는 금요일에 쓰고 싶다"]
    assert (await known(world))[0] == "점심은 12시"
    assert relevant(list[Memory](), "무엇", 3) == []


@pytest.mark.parametrize("person", [AUDITOR, COLLEAGUE, STRANGER, LEAD, HR])
async def test_nobody_else_reads_what_an_agent_would_remember_not_even_an_auditor_or_a_deputy(
    world: World, person: int
) -> None:
    held = await world.door.call(await world.deputy(OWNER), "memory.remember", {"text": "계좌는 110-22"})
    assert isinstance(held, Held)
    now, owner, other = world.clock.now(), await world.actor(OWNER), await world.actor(person)
    starts = {"starts_at": now, "ends_at": now + timedelta(days=3)}
    if person != AUDITOR:
        await world.office.absences.set(owner, deputy_id=person, **starts)
        world.clock.at += timedelta(hours=1)
    with pytest.raises(NotFound):
        await world.approvals.show(other, held.approval_id)
    for box in ("waiting", "upcoming", "cc"):
        assert (await world.approvals.box(other, box))["data"] == []
    with pytest.raises(NotFound):
        await world.approvals.decide(other, held.approval_id, "approve")
    await world.approvals.decide(owner, held.approval_id, "approve")
    with pytest.raises(NotFound):
        await world.approvals.show(other, held.approval_id)
    assert await known(world) == ["계좌는 110-22"]
