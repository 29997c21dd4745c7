"""Does a further word complete what was asked for, and never act on, drop or turn round what was said before?"""

import pytest

from agent.asking import Desk, desk_of
from daeri.agent.planner import Answer, Call, Choice, Said
from daeri.app import Daeri

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(shared: Daeri) -> Desk:
    return await desk_of(shared, "김하은")


async def after(desk: Desk, before: str, text: str) -> Answer | list[Call]:
    """What is planned for a text that follows another request and its answer."""
    answered = await desk.decide(before)
    choices = answered.choices if isinstance(answered, Answer) else ()
    said = answered.text if isinstance(answered, Answer) else "올렸어요."
    decided = await desk.decide(text, [Said(before, said, choices)])
    return decided if isinstance(decided, Answer) else list(decided)


async def test_a_word_that_was_asked_for_completes_the_request(desk: Desk) -> None:
    decided = await after(desk, "경비 3만원 올려줘", "식비")
    assert isinstance(decided, list)
    assert [call.arguments for call in decided] == [{"amount": 30000, "category": "식비"}]


async def test_a_word_that_was_asked_for_completes_one_of_two_and_both_are_done(desk: Desk) -> None:
    decided = await after(desk, "연차 올리고 어제 택시비 3만원 청구해줘", "12월 15일")
    assert isinstance(decided, list)
    assert [call.operation for call in decided] == ["leave.request", "expense.request"]


async def test_two_acts_of_which_one_is_only_told_are_asked_about_and_none_is_dropped(desk: Desk) -> None:
    decided = await after(desk, "오늘 반차 쓰고 경비 3만원 올려줘", "식비")
    assert isinstance(decided, Answer)
    assert decided.kind != "answer"


async def test_a_further_day_after_a_filed_request_is_proposed_not_filed(desk: Desk) -> None:
    decided = await after(desk, "12월 24일 연차 올려줘", "12월 23일")
    assert isinstance(decided, Answer)
    assert decided.kind == "question"


@pytest.mark.parametrize("text", ["아니", "아니요", "올리지 마", "no", "안 할래", "됐어"])
async def test_a_no_to_a_question_ends_it(text: str, desk: Desk) -> None:
    decided = await after(desk, "다음 주 목금 연차", text)
    assert isinstance(decided, Answer)
    assert decided.kind == "decline"
    assert decided.choices == ()


async def test_a_day_after_a_refusal_does_not_turn_it_round(desk: Desk) -> None:
    decided = await after(desk, "연차 신청 안 할래", "12월 24일")
    assert isinstance(decided, Answer)


@pytest.mark.parametrize("text", ["휴가 3일 남았어?", "안녕", "도와줘", "hello", "Book a flight to Busan"])
async def test_what_is_offered_unasked_only_reads(text: str, desk: Desk) -> None:
    decided = await desk.decide(text)
    assert isinstance(decided, Answer)
    assert decided.choices
    for choice in decided.choices:
        assert await _reads(desk, choice)


async def test_of_a_name_that_was_taken_in_a_request_to_act_no_other_is_offered(desk: Desk) -> None:
    ended = await desk.ask("김대리 휴가 며칠 남았어?")
    assert ended.answer.choices
    for choice in ended.answer.choices:
        assert await _reads(desk, choice)


async def _reads(desk: Desk, choice: Choice) -> bool:
    effects = {each.name: each.effect for each in desk.door.operations(desk.actor)}
    return all(effects[call.operation] == "read" for call in await desk.plan(choice.input))
