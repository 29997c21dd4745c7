"""Which days does a text speak of? The arithmetic and the scanner; the words are in dates_ko and dates_en.

Weeks start on Monday. What a text leaves open (the year of "12월 1일", the week of "Thursday") is decided by `Sense`
and marked as assumed, so that the answer can say how it was understood.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

Sense = Literal["future", "past", "near"]
Grain = Literal["day", "days", "week", "month", "quarter", "half", "year", "span"]
Edge = Literal["", "from", "until"]

MONTHS_A_YEAR = 12
LEAP_DAY = (2, 29)
LEAP_YEARS_APART = 8
"""At most: 1896 to 1904."""
MONTHS_A_QUARTER = 3
DAYS_A_WEEK = 7
DAYS_A_MONTH_MAX = 31
YEARS_AWAY_MAX = 100
"""Offsets beyond this are not dates people plan with; they are left unread."""


class ImpossibleDate(ValueError):
    """The text names a day that no calendar has, such as 2월 30일."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included; `assumed` when the text left the year or the week open."""

    first: date
    last: date
    grain: Grain
    assumed: bool = False
    edge: Edge = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """What an expression is read against: today, the sense of the request, and the start of a range being read."""

    today: date
    sense: Sense
    anchor: Span | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One form of expression: its pattern and how a match becomes a span (None: not a date after all)."""

    pattern: re.Pattern[str]
    read: Callable[[re.Match[str], Frame], Span | None]


@dataclass(frozen=True, slots=True)
class Grammar:
    """The date words of one language."""

    rules: Sequence[Rule]
    second: Sequence[Rule]
    """What may stand after a joiner only: "3일" in "12월 1일부터 3일까지"."""
    opener: re.Pattern[str]
    """A word that may open a range: "from"; matches empty where the language has none."""
    joiner: re.Pattern[str]
    between: re.Pattern[str]
    """The joiner after an opener that is "between"."""
    closer: re.Pattern[str]
    duration: re.Pattern[str]
    """After the joiner, a number of days instead of a last day: "3일간"; group 1 is the number."""
    and_: re.Pattern[str]
    """Between two days that follow each other: "목요일과 금요일"."""
    start_only: re.Pattern[str]
    end_only: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class FoundDate:
    """An expression in the text from `start` to `end`; `span` is None when no calendar has such a day."""

    start: int
    end: int
    span: Span | None


def find_dates(text: str, grammar: Grammar, today: date, sense: Sense) -> list[FoundDate]:
    """Every date expression of `text`, left to right, not overlapping."""
    found: list[FoundDate] = []
    at = 0
    while at < len(text):
        here = _expression(text, at, grammar, Frame(today, sense)) if _may_start(text, at) else None
        if here is None:
            at += 1
        else:
            found.append(replace(here, end=here.start + len(text[here.start : here.end].rstrip())))
            at = here.end
    return found


def _may_start(text: str, at: int) -> bool:
    """Not in the middle of a word or a number."""
    if text[at].isspace():
        return False
    if at == 0:
        return True
    before = text[at - 1]
    return not (before.isalnum() or (before in ".,-/" and at > 1 and text[at - 2].isdigit() and text[at].isdigit()))


def _expression(text: str, at: int, grammar: Grammar, frame: Frame) -> FoundDate | None:
    opened = grammar.opener.match(text, at)
    start = opened.end() if opened else at
    single = _longest(text, start, grammar.rules, frame)
    if single is None:
        return None
    end, span = single
    if span is None:
        return FoundDate(at, end, None)
    between = opened is not None and opened.group().lower().startswith("between")
    ranged = _range(text, end, span, grammar, frame, between=between)
    if ranged is not None:
        return FoundDate(at, *ranged)
    joined = _neighbours(text, end, span, grammar, frame)
    if joined is not None:
        return FoundDate(at, *joined)
    from_here = grammar.start_only.match(text, end)
    until_here = grammar.end_only.match(text, end)
    edge: Edge = ""
    if span.grain != "days" and (from_here or (opened and opened.end() > at)):
        edge = "from"
    elif until_here:
        edge = "until"
    tail = from_here or until_here
    return FoundDate(at, tail.end() if tail else end, replace(span, edge=edge))


def _longest(text: str, at: int, rules: Sequence[Rule], frame: Frame) -> tuple[int, Span | None] | None:
    """The longest form that matches at `at`: its end and span (None inside: an impossible day)."""
    best: tuple[int, Span | None] | None = None
    for rule in rules:
        match = rule.pattern.match(text, at)
        if match is None or match.end() == at or (best is not None and match.end() <= best[0]):
            continue
        try:
            span = rule.read(match, frame)
        except (ImpossibleDate, OverflowError):
            best = (match.end(), None)
            continue
        if span is not None:
            best = (match.end(), span)
    return best


def _range(
    text: str, at: int, first: Span, grammar: Grammar, frame: Frame, *, between: bool
) -> tuple[int, Span | None] | None:
    """`first` ~ something: the end of the text read and the span, or None when no range follows."""
    joiner = (grammar.between if between else grammar.joiner).match(text, at)
    if joiner is None:
        return None
    duration = grammar.duration.match(text, joiner.end())
    if duration is not None:
        count = int(duration.group(1))
        if not 1 <= count <= YEARS_AWAY_MAX * 366:
            return None
        last = first.first + timedelta(days=count - 1)
        return duration.end(), Span(first.first, last, "days", first.assumed)
    anchored = replace(frame, anchor=first)
    second = _longest(text, joiner.end(), [*grammar.second, *grammar.rules], anchored)
    if second is None:
        return None
    end, span = second
    closer = grammar.closer.match(text, end)
    end = closer.end() if closer else end
    if span is None or span.last < first.first:
        return end, None
    days: Grain = "days" if {first.grain, span.grain} <= {"day", "days"} else "span"
    return end, Span(first.first, span.last, days, first.assumed or span.assumed)


def _neighbours(text: str, at: int, first: Span, grammar: Grammar, frame: Frame) -> tuple[int, Span] | None:
    """Two days named one after the other are one span only when no day lies between them."""
    joiner = grammar.and_.match(text, at)
    if joiner is None or first.grain not in {"day", "days"}:
        return None
    second = _longest(text, joiner.end(), [*grammar.second, *grammar.rules], replace(frame, anchor=first))
    if second is None:
        return None
    end, span = second
    if span is None or span.grain != "day" or span.first != first.last + timedelta(days=1):
        return None
    further = _neighbours(text, end, Span(first.first, span.last, "days", first.assumed), grammar, frame)
    return further or (end, Span(first.first, span.last, "days", first.assumed))


# Arithmetic


def one_day(value: date, *, assumed: bool = False) -> Span:
    """One day as a span."""
    return Span(value, value, "day", assumed)


def valid(year: int, month: int, day: int) -> date:
    """The day; raises ImpossibleDate when no calendar has it."""
    try:
        return date(year, month, day)
    except ValueError as error:
        raise ImpossibleDate(str(error)) from error


def shift(day: date, days: int) -> date:
    """`days` later; raises ImpossibleDate far outside any plan."""
    if abs(days) > YEARS_AWAY_MAX * 366:
        raise ImpossibleDate(str(days))
    return day + timedelta(days=days)


def monday_of(day: date) -> date:
    """The Monday of the week of `day`."""
    return day - timedelta(days=day.weekday())


def week(today: date, offset: int) -> Span:
    """The week `offset` weeks from this one, Monday to Sunday."""
    first = shift(monday_of(today), offset * DAYS_A_WEEK)
    return Span(first, first + timedelta(days=DAYS_A_WEEK - 1), "week")


def month(year: int, number: int, *, assumed: bool = False) -> Span:
    """A calendar month; `number` may run over the year's ends (0 is December of the year before)."""
    year, index = year + (number - 1) // MONTHS_A_YEAR, (number - 1) % MONTHS_A_YEAR
    first = valid(year, index + 1, 1)
    return Span(first, first.replace(day=monthrange(year, index + 1)[1]), "month", assumed)


def quarter(year: int, number: int, *, assumed: bool = False) -> Span:
    """A calendar quarter; `number` may run over the year's ends."""
    first = month(year, (number - 1) * MONTHS_A_QUARTER + 1)
    last = month(year, number * MONTHS_A_QUARTER)
    return Span(first.first, last.last, "quarter", assumed)


def half(year: int, number: int, *, assumed: bool = False) -> Span:
    """The first (1) or second (2) half of a year."""
    return Span(month(year, number * 6 - 5).first, month(year, number * 6).last, "half", assumed)


def whole_year(year: int) -> Span:
    """A calendar year."""
    return Span(valid(year, 1, 1), valid(year, MONTHS_A_YEAR, 31), "year")


def months_before(day: date, count: int) -> date:
    """The same day `count` months earlier (later when negative), or that month's last day."""
    target = month(day.year, day.month - count)
    return target.first.replace(day=min(day.day, target.last.day))


def recent(today: date, count: int, unit: str) -> Span | None:
    """The last `count` days, weeks, months or years up to today."""
    match unit:
        case "day":
            first = shift(today, 1 - count)
        case "week":
            first = shift(today, 1 - count * DAYS_A_WEEK)
        case "month":
            first = months_before(today, count) + timedelta(days=1)
        case "quarter":
            first = months_before(today, count * MONTHS_A_QUARTER) + timedelta(days=1)
        case "year":
            first = months_before(today, count * MONTHS_A_YEAR) + timedelta(days=1)
        case _:
            return None
    return Span(first, today, "span") if count > 0 else None


def offset(today: date, count: int, unit: str) -> Span | None:
    """One day `count` units from today (negative: before)."""
    if abs(count) > YEARS_AWAY_MAX * 366:
        raise ImpossibleDate(str(count))
    match unit:
        case "day":
            return one_day(shift(today, count))
        case "week":
            return one_day(shift(today, count * DAYS_A_WEEK))
        case "month":
            return one_day(months_before(today, -count))
        case "year":
            return one_day(months_before(today, -count * MONTHS_A_YEAR))
        case _:
            return None


def day_without_year(frame: Frame, number: int, day: int) -> Span:
    """A month and day: after the anchor of a range, else in the year that fits the sense, else the nearest."""
    if not 1 <= number <= MONTHS_A_YEAR:
        raise ImpossibleDate(str(number))
    if frame.anchor is not None:
        return one_day(_first_after(frame.anchor.first, number, day))
    this, away = frame.today.year, LEAP_YEARS_APART if (number, day) == LEAP_DAY else 1
    candidates = [value for year in range(this - away, this + away + 1) if (value := _maybe(year, number, day))]
    if not candidates:
        raise ImpossibleDate(f"{number}-{day}")
    return one_day(_choose(candidates, frame), assumed=True)


def month_without_year(frame: Frame, number: int) -> Span:
    """A month: after the anchor of a range, else the next or last one by the sense, else this year's."""
    if not 1 <= number <= MONTHS_A_YEAR:
        raise ImpossibleDate(str(number))
    if frame.anchor is not None:
        start = frame.anchor.first
        return month(start.year + (number < start.month), number)
    this = frame.today
    if number == this.month:
        return month(this.year, number)
    if frame.sense == "near":
        return month(this.year, number, assumed=True)
    ahead = (number - this.month) % MONTHS_A_YEAR
    return month(this.year, this.month + (ahead if frame.sense == "future" else ahead - MONTHS_A_YEAR), assumed=True)


def day_of_month(frame: Frame, day: int) -> Span:
    """A day without its month: after the anchor, else the next or last one by the sense."""
    if not 1 <= day <= DAYS_A_MONTH_MAX:
        raise ImpossibleDate(str(day))
    start = frame.anchor.first if frame.anchor else frame.today
    step = -1 if frame.sense == "past" and frame.anchor is None else 1
    at = month(start.year, start.month)
    for count in range(MONTHS_A_YEAR):
        at = month(start.year, start.month + step * count)
        if day > at.last.day:
            continue
        value = at.first.replace(day=day)
        if (value >= start) if step > 0 else (value <= start):
            return one_day(value, assumed=frame.anchor is None)
    raise ImpossibleDate(str(day))


def weekday_without_week(frame: Frame, weekday: int) -> Span:
    """A weekday: on or after the anchor; else the next one (today counts), or the last one for the past."""
    if frame.anchor is not None:
        ahead = (weekday - frame.anchor.first.weekday()) % DAYS_A_WEEK
        return one_day(frame.anchor.first + timedelta(days=ahead))
    if frame.sense == "past":
        return one_day(frame.today - timedelta(days=(frame.today.weekday() - weekday) % DAYS_A_WEEK), assumed=True)
    return one_day(frame.today + timedelta(days=(weekday - frame.today.weekday()) % DAYS_A_WEEK), assumed=True)


def weekdays(monday: date, numbers: Sequence[int]) -> Span | None:
    """Days of one week that follow each other; None when they do not."""
    if not numbers or list(numbers) != list(range(numbers[0], numbers[0] + len(numbers))):
        return None
    first, last = monday + timedelta(days=numbers[0]), monday + timedelta(days=numbers[-1])
    return Span(first, last, "day" if first == last else "days")


def _maybe(year: int, number: int, day: int) -> date | None:
    try:
        return date(year, number, day)
    except ValueError:
        return None


def _first_after(start: date, number: int, day: int) -> date:
    for year in range(start.year, start.year + LEAP_YEARS_APART + 1):
        value = _maybe(year, number, day)
        if value is not None and value >= start:
            return value
    raise ImpossibleDate(f"{number}-{day}")


def _choose(candidates: Sequence[date], frame: Frame) -> date:
    if frame.sense == "future":
        return min((value for value in candidates if value >= frame.today), default=candidates[-1])
    if frame.sense == "past":
        return max((value for value in candidates if value <= frame.today), default=candidates[0])
    return min(candidates, key=lambda value: abs(value - frame.today))
