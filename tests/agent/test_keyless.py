"""Does the keyless planner ask, remember, refuse and report as a careful deputy would?"""

from unittest.mock import sentinel

import pytest
from sqlalchemy import text

from agent.asking import Desk, desk_of
from daeri.agent.answers import told
from daeri.agent.planner import Call, Declined, Happened, Said, Situation
from daeri.app import Daeri
from daeri.operations.outcome import Done

pytestmark = pytest.mark.anyio


async def test_a_choice_can_be_taken_by_its_label_or_number(deputy: Desk) -> None:
    asked = await deputy.ask("영업1팀 김대리 휴가 며칠 남았어?")
    said = Said("영업1팀 김대리 휴가 며칠 남았어?", asked.answer.text, asked.answer.choices)
    by_label = await deputy.ask(f"{asked.answer.choices[0].label}요", [said])
    by_number = await deputy.ask("1번", [said])
    assert by_label.calls == by_number.calls
    assert len(by_label.calls) == 1


async def test_a_follow_up_changes_what_it_names(deputy: Desk) -> None:
    ended = await deputy.ask("그럼 영업2팀은?", [Said("이번 달 영업1팀 매출 얼마야?", "…")])
    again = await deputy.ask("그럼 지난달은?", [Said("이번 달 영업1팀 매출 얼마야?", "…")])
    assert "영업2팀" in ended.answer.text
    assert again.calls[0].arguments["start"] == "2026-10-01"


async def test_a_missing_day_is_asked_for_and_taken_from_the_reply(deputy: Desk) -> None:
    asked = await deputy.ask("연차 올려줘")
    assert asked.answer.kind == "question"
    ended = await deputy.ask("다음 주 목요일", [Said("연차 올려줘", asked.answer.text)])
    assert ended.calls == [
        Call("leave.request", {"start": "2026-11-26", "end": "2026-11-26", "kind": "연차"}, ended.calls[0].note)
    ]


async def test_a_missing_choice_is_offered(deputy: Desk) -> None:
    asked = await deputy.ask("5만원 경비 올려줘")
    taxi = next(choice for choice in asked.answer.choices if choice.label == "교통비")
    ended = await deputy.ask(taxi.input)
    assert ended.calls[0].arguments == {"amount": 50_000, "category": "교통비"}


async def test_nothing_is_done_when_a_part_of_a_request_to_act_is_not_understood(
    deputy: Desk, hanbit_server: Daeri
) -> None:
    ended = await deputy.ask("다음 주 목금 연차 올리고 항공권도 예약해줘")
    filed = text("SELECT count(*) FROM approval")
    assert ended.calls == []
    assert ended.answer.kind == "question"
    assert "항공권" in ended.answer.text
    assert await hanbit_server.store.read(lambda connection: connection.execute(filed).scalar_one()) == 0


async def test_a_question_that_is_half_understood_is_half_answered_and_says_so(deputy: Desk) -> None:
    ended = await deputy.ask("내 휴가 며칠 남았어? 그리고 오늘 날씨 어때?")
    assert [call.operation for call in ended.calls] == ["leave.balance"]
    assert "오늘 날씨 어때" in ended.answer.text


async def test_a_refusal_says_who_may_see_it_and_not_the_value(deputy: Desk) -> None:
    ended = await deputy.ask("박서연 팀장 연봉 알려줘")
    assert ended.answer.kind == "decline"
    assert "본인" in ended.answer.text
    assert "₩" not in ended.answer.text


async def test_hr_gets_the_answer_that_the_deputy_does_not(hanbit_server: Daeri) -> None:
    hr = await desk_of(hanbit_server, "배수아")
    ended = await hr.ask("김하은 대리 연봉 알려줘")
    assert ended.answer.kind == "answer"
    assert "₩47,000,000" in ended.answer.text


async def test_a_question_never_changes_anything(deputy: Desk) -> None:
    for asked in ("다음 주 목금 연차 쓸 수 있어?", "노트북 300만원 구매 품의 올렸어?", "연차 신청은 어떻게 해?"):
        ended = await deputy.ask(asked)
        assert not any(call.operation.endswith(("request", "cancel")) for call in ended.calls), asked


async def test_a_greeting_is_answered_with_what_can_be_asked(deputy: Desk) -> None:
    ended = await deputy.ask("안녕하세요")
    assert ended.answer.kind == "question"
    assert len(ended.answer.choices) == 3


async def test_the_filed_draft_tells_its_effect_its_line_and_why(deputy: Desk) -> None:
    ended = await deputy.ask("다음 주 목금 연차 올려줘")
    assert "7.5일 → 5.5일" in ended.answer.text
    assert "박서연 팀장" in ended.answer.text


def _situation(happened: Happened) -> Situation:
    return Situation(
        actor=sentinel.actor,
        lang="ko",
        input="다음 주 목금 연차 올려줘",
        analysis=sentinel.analysis,
        tools=[],
        find_mentions=sentinel.find,
        say=sentinel.say,
        happened=[happened],
    )


def test_an_approved_request_tells_who_approved_it_and_what_was_done() -> None:
    done = Done("leave.request", {}, "2일을 등록했어요.", [], [], 1.0)
    answer = told(_situation(Happened(Call("leave.request", {}), done, settled_by="박서연 팀장")), {})
    assert answer.text == "박서연 팀장님이 승인해서 반영했어요. 2일을 등록했어요."


def test_a_rejected_request_tells_who_rejected_it_and_why() -> None:
    rejected = Declined("rejected", None, "박서연 팀장", "그 주는 바빠요")
    answer = told(_situation(Happened(Call("leave.request", {}), rejected)), {})
    assert answer.kind == "decline"
    assert "박서연 팀장님이 반려" in answer.text
    assert "그 주는 바빠요" in answer.text
