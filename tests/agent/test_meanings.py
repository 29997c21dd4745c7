"""Are operations found among hundreds that a request means without saying their words?"""

from typing import Final

import pytest
from bench import selector

from daeri.agent.analyzer import analyze
from daeri.agent.meanings import Meanings
from daeri.agent.selector import select

pytestmark = pytest.mark.anyio

RECALL_AT_5: Final = 0.80
"""A little under what is measured of the requests by which nothing was improved: 0.83 (`python -m bench selector`)."""
RECALL_AT_12: Final = 0.87


@pytest.fixture(scope="module")
async def meanings() -> Meanings:
    known = Meanings()
    await known.read(selector.company())
    return known


def test_the_table_asks_for_every_operation_of_a_large_company() -> None:
    operations, (dev, held_out) = selector.company(), selector.requests()
    names = {operation.name for operation in operations}
    assert len(operations) > 300
    assert len(dev) + len(held_out) > 300
    assert names == {name for request in (*dev, *held_out) for name in request.right}


def test_requests_are_not_written_in_the_words_of_the_examples() -> None:
    said = {
        text
        for operation in selector.company()
        for text in (*operation.examples, operation.label.ko, operation.label.en)
    }
    assert not said & {request.text for half in selector.requests() for request in half}


async def test_most_requests_in_other_words_find_their_operation(meanings: Meanings) -> None:
    operations, (_, held_out) = selector.company(), selector.requests()
    by_words, by_meaning = (selector.found(operations, held_out, near) for near in (None, meanings))
    assert by_meaning.five > RECALL_AT_5
    assert by_meaning.shown > RECALL_AT_12
    assert by_meaning.five > by_words.five + 0.2


async def test_before_operations_are_read_words_alone_decide() -> None:
    operations = selector.company()
    asked = analyze("미수금 list 뽑아줘", selector.TODAY)
    assert select(asked, operations, 5, meanings=Meanings()) == select(asked, operations, 5)


async def test_an_operation_that_was_never_read_is_found_by_its_words(meanings: Meanings) -> None:
    operations = selector.company(400)
    chosen = select(analyze("금형 조회해줘", selector.TODAY), operations, 5, meanings=meanings)
    assert chosen[0].operation.label.ko == "금형 조회"


async def test_a_conversation_is_near_to_what_it_began_with(meanings: Meanings) -> None:
    operations = selector.company()
    before = [analyze("몸이 아파서 오늘 못 나가겠어요", selector.TODAY)]
    chosen = select(analyze("내일도요", selector.TODAY), operations, 5, earlier=before, meanings=meanings)
    assert "attendance.sick_leave" in [each.operation.name for each in chosen]
