"""Is a model asked by no more than it may be at once, and who waits is served in order?"""

import asyncio

import pytest

from daeri.models.places import Places

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Room:
    """Guests of some places, as they come and go."""

    def __init__(self, most):
        self.places, self.inside, self.most_inside, self.order = Places(most), 0, 0, []

    async def visit(self, name, rank=0, seconds=0.01):
        async with self.places.taken(rank):
            self.order.append(name)
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            await asyncio.sleep(seconds)
            self.inside -= 1


async def test_no_more_than_so_many_are_inside_at_once():
    room = Room(3)
    await asyncio.gather(*(room.visit(n) for n in range(20)))
    assert room.most_inside == 3
    assert room.order == list(range(20))


async def test_without_a_limit_nobody_waits():
    room = Room(None)
    await asyncio.gather(*(room.visit(n) for n in range(20)))
    assert room.most_inside == 20


async def test_what_people_wait_for_goes_first():
    room = Room(1)
    first = asyncio.create_task(room.visit("first"))
    await asyncio.sleep(0)
    others = [asyncio.create_task(room.visit(name, rank)) for name, rank in (("a", 1), ("b", 1), ("c", 0))]
    await asyncio.gather(first, *others)
    assert room.order == ["first", "c", "a", "b"]


async def test_whoever_leaves_the_line_or_fails_inside_loses_no_place():
    room = Room(1)
    first = asyncio.create_task(room.visit("first"))
    waiting = asyncio.create_task(room.visit("waiting"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({first, waiting})
    with pytest.raises(ZeroDivisionError):
        async with room.places.taken(0):
            _ = 1 / 0
    given = asyncio.create_task(room.visit("given", seconds=10))
    await asyncio.sleep(0)
    late = asyncio.create_task(room.visit("late"))
    await asyncio.sleep(0)
    given.cancel()
    await asyncio.sleep(0)
    late.cancel()
    await asyncio.wait({given, late})
    await asyncio.wait_for(room.visit("last"), 1)
    assert room.order[-1] == "last"
