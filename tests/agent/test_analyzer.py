"""Is a request taken apart as a reader would: language, parts, what is wanted, who and when?"""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daeri.agent.analyzer import analyze, phrases

TODAY = date(2026, 11, 21)


def acts(text: str) -> list[str]:
    return [part.act for part in analyze(text, TODAY).parts]


def kinds(text: str) -> list[str]:
    return [entity.kind for entity in analyze(text, TODAY).entities]


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("휴가 며칠 남았어?", "ko"),
        ("How many days has 김하은 left?", "en"),
        ("PTO 며칠 남았어", "ko"),
        ("Q3 매출", "ko"),
    ],
)
def test_the_language_is_that_of_the_sentence_not_of_its_names(text: str, lang: str) -> None:
    assert analyze(text, TODAY).lang == lang


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("휴가 며칠 남았어?", "ask"),
        ("매출 알려줘", "tell"),
        ("연차 올려줘", "do"),
        ("연차 신청해 줄 수 있어?", "do"),
        ("쉬고 싶어요", "do"),
        ("매출 보여줄래?", "tell"),
        ("다음 주 목금 연차", "name"),
        ("How many days?", "ask"),
        ("Show sales", "tell"),
        ("Could you please book leave?", "do"),
        ("I'd like to take a day off", "do"),
    ],
)
def test_what_is_wanted_is_seen_from_the_verb(text: str, act: str) -> None:
    assert acts(text) == [act]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("내 연차 며칠 남았는지 알려주고 다음 주 목요일 연차 신청해줘", 2),
        ("김대리 휴가 며칠 남았어? 그리고 연봉은?", 2),
        ("휴가 며칠 남았고 매출은 얼마야?", 2),
        ("Show my balance and then book Friday off", 2),
        ("영업1팀과 영업2팀 매출", 1),
        ("12월 1일부터 3일까지 연차 신청하고 싶어요", 1),
        ("안녕하세요. 휴가 며칠 남았어요?", 1),
        ("'그리고'라는 이름의 상품 찾아줘", 1),
    ],
)
def test_compound_requests_are_split_and_others_are_not(text: str, parts: int) -> None:
    assert len(analyze(text, TODAY).parts) == parts


def test_entities_are_found_with_their_places() -> None:
    analysis = analyze("김하은 대리 다음 주 목금 300만원 '노트북' 3개", TODAY)
    assert [entity.kind for entity in analysis.entities] == ["person", "date", "money", "quote", "count"]
    assert all(analysis.text[entity.start : entity.end] == entity.text for entity in analysis.entities)


@pytest.mark.parametrize("text", ["내 연차", "나 휴가", "my leave", "How many days do I have?"])
def test_the_asker_is_recognised(text: str) -> None:
    assert "self" in kinds(text)


@pytest.mark.parametrize("text", ["내년 매출", "내일 회의", "제품 목록", "나라별 매출", "Show me sales"])
def test_words_that_only_begin_like_the_asker_are_not(text: str) -> None:
    assert "self" not in kinds(text)


@pytest.mark.parametrize("text", ["우리 팀 매출", "Sales of my team"])
def test_the_own_team_is_recognised(text: str) -> None:
    assert kinds(text) == ["unit"]


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("박서연 팀장님은 어디 있어?", "박서연팀장"),
        ("영업1팀에서는 누가 쉬어?", "영업1팀"),
        ("가온유통한테 얼마 팔았어?", "가온유통"),
        ("재무팀장 누구야?", "재무팀"),
        ("Deputy Kim's balance", "김대리"),
        ("What is Haeun Kim's salary?", "Kim Haeun"),
        ("What is Kim Ha-eun's salary?", "Kim Haeun"),
    ],
)
def test_names_are_looked_for_without_particles_and_titles(text: str, phrase: str) -> None:
    assert phrase in phrases(analyze(text, TODAY).parts[0])


def test_a_comparison_is_not_a_particle_of_a_name() -> None:
    assert "영업1팀" not in phrases(analyze("영업1팀보다 많이 팔았어?", TODAY).parts[0])


@given(st.text(max_size=80))
def test_every_text_is_analysed_to_json(text: str) -> None:
    analysis = analyze(text, TODAY)
    assert json.loads(json.dumps(analysis.body()))["lang"] in {"ko", "en"}
    for part in analysis.parts:
        assert analysis.text[part.start : part.end] == part.text
        phrases(part)
