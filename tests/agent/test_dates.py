"""Does every way of naming a day land on the right day, whatever day it is today?"""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daeri.agent import dates_en, dates_ko
from daeri.agent.dates import FoundDate, Sense, Span, find_dates

TODAYS = st.dates(date(2000, 1, 1), date(2090, 12, 31))
WEEKDAYS = "월화수목금토일"
NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
TODAY = date(2026, 11, 21)


def korean(text: str, today: date = TODAY, sense: Sense = "future") -> Span:
    return only(find_dates(text, dates_ko.GRAMMAR, today, sense))


def english(text: str, today: date = TODAY, sense: Sense = "future") -> Span:
    return only(find_dates(text, dates_en.GRAMMAR, today, sense))


def only(found: list[FoundDate]) -> Span:
    assert len(found) == 1, found
    assert found[0].span is not None
    return found[0].span


def days(first: str, last: str = "") -> tuple[date, date]:
    return date.fromisoformat(first), date.fromisoformat(last or first)


@given(TODAYS, st.integers(0, 6), st.sampled_from([("지난", -1), ("이번", 0), ("다음", 1), ("다다음", 2)]))
def test_a_weekday_of_a_week_named_in_korean_lies_in_that_week(
    today: date, weekday: int, week: tuple[str, int]
) -> None:
    span = korean(f"{week[0]} 주 {WEEKDAYS[weekday]}요일에", today)
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=week[1])
    assert (span.first, span.last) == (monday + timedelta(days=weekday),) * 2


@given(TODAYS, st.integers(0, 6), st.sampled_from([("last", -1), ("this", 0), ("next", 1)]))
def test_a_weekday_of_a_week_named_in_english_lies_in_that_week(
    today: date, weekday: int, week: tuple[str, int]
) -> None:
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=week[1])
    for text in (f"{week[0]} week {NAMES[weekday]}", f"{NAMES[weekday]} {week[0]} week", f"{week[0]} {NAMES[weekday]}"):
        assert english(text, today).first == monday + timedelta(days=weekday)


@given(TODAYS, st.integers(0, 6))
def test_a_bare_weekday_is_the_next_one_in_a_request_and_the_last_one_in_the_past(today: date, weekday: int) -> None:
    ahead = korean(f"{WEEKDAYS[weekday]}요일 연차", today)
    behind = korean(f"{WEEKDAYS[weekday]}요일에 쓴 비용", today, "past")
    assert 0 <= (ahead.first - today).days < 7
    assert 0 <= (today - behind.first).days < 7
    assert ahead.first.weekday() == behind.first.weekday() == weekday
    assert ahead.assumed


@given(TODAYS, st.dates(date(2000, 1, 1), date(2090, 12, 31)))
def test_a_full_date_is_read_back_as_it_was_written(today: date, value: date) -> None:
    for text in (
        f"{value:%Y-%m-%d}",
        f"{value.year}년 {value.month}월 {value.day}일",
        f"{value.year}. {value.month}. {value.day}.",
    ):
        assert korean(text, today) == Span(value, value, "day")
    for text in (f"{value:%Y-%m-%d}", f"{value:%B} {value.day}, {value.year}", f"{value.day} {value:%b} {value.year}"):
        assert english(text, today) == Span(value, value, "day")


@given(TODAYS, st.dates(date(2004, 1, 1), date(2004, 12, 31)), st.sampled_from(["future", "past", "near"]))
@example(date(2001, 1, 1), date(2004, 2, 29), "future")
@example(date(2003, 1, 1), date(2004, 2, 29), "past")
def test_a_date_without_year_takes_the_year_that_fits(today: date, value: date, sense: Sense) -> None:
    span = korean(f"{value.month}월 {value.day}일", today, sense)
    assert (span.first.month, span.first.day) == (value.month, value.day)
    assert span.assumed
    if sense == "future":
        assert span.first >= today
    elif sense == "past" and (value.month, value.day) != (2, 29):
        assert span.first <= today
    elif sense == "near" and (value.month, value.day) != (2, 29):
        assert abs((span.first - today).days) <= 184


@given(TODAYS, st.integers(1, 60))
def test_days_ahead_and_ago_are_counted_from_today(today: date, count: int) -> None:
    assert korean(f"{count}일 뒤", today).first == today + timedelta(days=count)
    assert korean(f"{count}일 전", today).first == today - timedelta(days=count)
    assert english(f"in {count} days", today).first == today + timedelta(days=count)
    assert english(f"{count} days ago", today).first == today - timedelta(days=count)


@given(TODAYS, st.integers(-1, 1))
def test_a_month_holds_all_its_days(today: date, step: int) -> None:
    words = {-1: ("지난달", "last month"), 0: ("이번 달", "this month"), 1: ("다음 달", "next month")}[step]
    for span in (korean(words[0], today), english(words[1], today)):
        assert span.first.day == 1
        assert (span.last + timedelta(days=1)).day == 1
        assert (span.first.year * 12 + span.first.month) - (today.year * 12 + today.month) == step


@given(st.text(max_size=60), TODAYS, st.sampled_from(["future", "past", "near"]))
def test_no_text_breaks_the_reader(text: str, today: date, sense: Sense) -> None:
    for grammar in (dates_ko.GRAMMAR, dates_en.GRAMMAR):
        for found in find_dates(text, grammar, today, sense):
            assert 0 <= found.start < found.end <= len(text)
            assert found.span is None or found.span.first <= found.span.last


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("다음 주 목금 연차 올려줘", days("2026-11-26", "2026-11-27")),
        ("다음주 월~수 휴가", days("2026-11-23", "2026-11-25")),
        ("다음 주 월요일부터 수요일까지", days("2026-11-23", "2026-11-25")),
        ("다음 주 목요일과 금요일", days("2026-11-26", "2026-11-27")),
        ("12월 1일부터 3일까지 연차", days("2026-12-01", "2026-12-03")),
        ("12월 1~3일", days("2026-12-01", "2026-12-03")),
        ("12/1~12/3 휴가", days("2026-12-01", "2026-12-03")),
        ("12월 30일부터 1월 2일까지", days("2026-12-30", "2027-01-02")),
        ("내일부터 3일간 휴가", days("2026-11-22", "2026-11-24")),
        ("오늘부터 금요일까지", days("2026-11-21", "2026-11-27")),
        ("26일과 27일 연차", days("2026-11-26", "2026-11-27")),
        ("이번 달 말일까지", days("2026-11-30")),
        ("다음 달 3일", days("2026-12-03")),
        ("내일모레", days("2026-11-23")),
        ("올해 상반기", days("2026-01-01", "2026-06-30")),
        ("작년 3분기 매출", days("2025-07-01", "2025-09-30")),
        ("2025년 10월 매출", days("2025-10-01", "2025-10-31")),
        ("최근 3개월 매출", days("2026-08-22", "2026-11-21")),
    ],
)
def test_korean_expressions(text: str, expected: tuple[date, date]) -> None:
    span = korean(text)
    assert (span.first, span.last) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("next week Thursday and Friday", days("2026-11-26", "2026-11-27")),
        ("from Dec 1 to Dec 3", days("2026-12-01", "2026-12-03")),
        ("Dec 1-3", days("2026-12-01", "2026-12-03")),
        ("from Tuesday to Wednesday next week", days("2026-11-24", "2026-11-25")),
        ("between December 1 and the 3rd", days("2026-12-01", "2026-12-03")),
        ("tomorrow", days("2026-11-22")),
        ("last month's sales", days("2026-10-01", "2026-10-31")),
        ("Q3 2025", days("2025-07-01", "2025-09-30")),
        ("last year's Q3", days("2025-07-01", "2025-09-30")),
        ("the past 30 days", days("2026-10-23", "2026-11-21")),
        ("sales in October 2025", days("2025-10-01", "2025-10-31")),
    ],
)
def test_english_expressions(text: str, expected: tuple[date, date]) -> None:
    span = english(text)
    assert (span.first, span.last) == expected


@pytest.mark.parametrize("text", ["이번 주문 현황", "수금 현황", "3일 휴가", "영업1팀", "I may go", "매출 100만원"])
def test_what_only_looks_like_a_date_is_left_alone(text: str) -> None:
    grammar = dates_ko.GRAMMAR if any(letter >= "가" for letter in text) else dates_en.GRAMMAR
    assert find_dates(text, grammar, TODAY, "future") == []


@pytest.mark.parametrize("text", ["2월 30일 연차", "2026-02-29", "4월 31일까지"])
def test_a_day_that_no_calendar_has_is_told_apart(text: str) -> None:
    found = find_dates(text, dates_ko.GRAMMAR, TODAY, "future")
    assert [each.span for each in found] == [None]
