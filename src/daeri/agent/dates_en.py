"""The date words of English: next Thursday, from Dec 1 to Dec 3, last month, Q3 2025, the past three months."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from daeri.agent.dates import (
    Frame,
    Grammar,
    Rule,
    Span,
    day_of_month,
    day_without_year,
    half,
    month,
    month_without_year,
    offset,
    one_day,
    quarter,
    recent,
    shift,
    valid,
    week,
    weekday_without_week,
    weekdays,
    whole_year,
)
from daeri.agent.lexicon import listed

_MONTHS: Final = listed(
    """
    jan feb mar apr may jun jul aug sep oct nov dec
    """
)
_WEEKDAYS: Final = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_ORDINALS: Final[Mapping[str, int]] = MappingProxyType({"first": 1, "second": 2, "third": 3, "fourth": 4})
_NUMBERS: Final[Mapping[str, int]] = MappingProxyType(
    {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
    | {"nine": 9, "ten": 10, "twelve": 12}
)
_RELATIVE: Final[Mapping[str, int]] = MappingProxyType(
    {"this": 0, "current": 0, "next": 1, "coming": 1, "following": 1, "last": -1, "previous": -1, "past": -1}
)
_DAY_WORDS: Final[Mapping[str, int]] = MappingProxyType(
    {"today": 0, "tomorrow": 1, "yesterday": -1, "the day after tomorrow": 2, "day after tomorrow": 2}
    | {"the day before yesterday": -2, "day before yesterday": -2}
)

_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|(?-i:May)|(?<=in )may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_NTH: Final = r"(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?\b"
_YEAR: Final = r"(?:,?\s+(?:of\s+)?(?P<year>(?:19|20)\d\d)\b|\s+(?:of\s+)?(?P<yearword>this|last|next)\s+year\b)"
_THIS: Final = r"(?:the\s+)?(?P<relative>this|current|next|coming|following|last|previous|past)\s+"
_WEEKDAY: Final = (
    r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
)
_WEEKDAY_LIST: Final = rf"(?P<days>{_WEEKDAY}s?\b(?:\s*(?:,|&|and|/)\s*(?:and\s+)?{_WEEKDAY}\b)*)"
_COUNT: Final = rf"(?P<count>\d{{1,3}}|{'|'.join(_NUMBERS)})\s+(?P<unit>day|week|month|quarter|year)s?\b"


def _month_number(match: re.Match[str]) -> int:
    return _MONTHS.index(match.group("month")[:3].lower()) + 1


def _year(match: re.Match[str], frame: Frame) -> int | None:
    groups = match.groupdict()
    if groups.get("year"):
        return int(groups["year"])
    if groups.get("yearword"):
        return frame.today.year + _RELATIVE[groups["yearword"].lower()]
    return None


def _relative(match: re.Match[str]) -> int:
    return _RELATIVE[(match.groupdict().get("relative") or "this").lower()]


def _full_date(match: re.Match[str], _frame: Frame) -> Span:
    return one_day(valid(*(int(match.group(name)) for name in ("year", "month", "day"))))


def _month_day(match: re.Match[str], frame: Frame) -> Span:
    number, day, year = _month_number(match), int(match.group("day")), _year(match, frame)
    first = day_without_year(frame, number, day) if year is None else one_day(valid(year, number, day))
    until = match.groupdict().get("until")
    if until is None:
        return first
    last = valid(first.first.year, first.first.month, int(until))
    return Span(first.first, last, "days", first.assumed)


def _slash(match: re.Match[str], frame: Frame) -> Span:
    return day_without_year(frame, int(match.group("month")), int(match.group("day")))


def _month(match: re.Match[str], frame: Frame) -> Span:
    year = _year(match, frame)
    return month_without_year(frame, _month_number(match)) if year is None else month(year, _month_number(match))


def _month_near(match: re.Match[str], frame: Frame) -> Span:
    """Last October, next March: the nearest one on that side of this month."""
    number, this = _month_number(match), frame.today
    ahead = (number - this.month) % 12 or 12
    return month(this.year, this.month + (ahead if match.group("yearword").lower() == "next" else ahead - 12 or -12))


def _quarter(match: re.Match[str], frame: Frame) -> Span:
    groups = match.groupdict()
    number = int(groups["number"]) if groups.get("number") else _ORDINALS[groups["ordinal"].lower()]
    year = _year(match, frame)
    return quarter(year or frame.today.year, number, assumed=year is None)


def _half(match: re.Match[str], frame: Frame) -> Span:
    groups = match.groupdict()
    number = int(groups["number"]) if groups.get("number") else _ORDINALS[groups["ordinal"].lower()]
    year = _year(match, frame)
    return half(year or frame.today.year, number, assumed=year is None)


def _unit(match: re.Match[str], frame: Frame) -> Span | None:
    """This, last or next week, month, quarter, year."""
    step = _relative(match)
    match match.group("unit").lower():
        case "week":
            return week(frame.today, step)
        case "month":
            return month(frame.today.year, frame.today.month + step)
        case "quarter":
            return quarter(frame.today.year, (frame.today.month + 2) // 3 + step)
        case _:
            return whole_year(frame.today.year + step)


def _after_next(_match: re.Match[str], frame: Frame) -> Span:
    """The week after next."""
    return week(frame.today, 2)


def _numbers(match: re.Match[str]) -> list[int]:
    return [_WEEKDAYS.index(name[:3].lower()) for name in re.findall(_WEEKDAY, match.group("days"), re.IGNORECASE)]


def _week_days(match: re.Match[str], frame: Frame) -> Span | None:
    return weekdays(week(frame.today, _relative(match)).first, _numbers(match))


def _week_span(match: re.Match[str], frame: Frame) -> Span | None:
    """Monday to Wednesday next week."""
    first, last = _numbers(match)[0], _WEEKDAYS.index(match.group("last")[:3].lower())
    return weekdays(week(frame.today, _relative(match)).first, range(first, last + 1))


def _bare_week_days(match: re.Match[str], frame: Frame) -> Span | None:
    numbers = _numbers(match)
    first = weekday_without_week(frame, numbers[0])
    days = weekdays(first.first - timedelta(days=numbers[0]), numbers)
    return days and Span(days.first, days.last, days.grain, first.assumed)


def _weekend(match: re.Match[str], frame: Frame) -> Span:
    monday = week(frame.today, _relative(match)).first
    return Span(monday + timedelta(days=5), monday + timedelta(days=6), "days")


def _how_many(match: re.Match[str]) -> int:
    written = match.group("count").lower()
    return _NUMBERS[written] if written in _NUMBERS else int(written)


def _ahead(match: re.Match[str], frame: Frame) -> Span | None:
    return offset(frame.today, _how_many(match), match.group("unit").lower())


def _ago(match: re.Match[str], frame: Frame) -> Span | None:
    return offset(frame.today, -_how_many(match), match.group("unit").lower())


def _recent(match: re.Match[str], frame: Frame) -> Span | None:
    return recent(frame.today, _how_many(match), match.group("unit").lower())


def _year_alone(match: re.Match[str], _frame: Frame) -> Span:
    return whole_year(int(match.group("year")))


def _rule(pattern: str, read: Callable[[re.Match[str], Frame], Span | None]) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), read)


_ON: Final = r"(?:(?:on|for)\s+)?"
_IN: Final = r"(?:in\s+|for\s+|of\s+|during\s+)?(?:the\s+)?"

RULES: Final = (
    _rule(r"(?:on\s+)?(?P<year>(?:19|20)\d\d)[-./](?P<month>\d\d?)[-./](?P<day>\d\d?)\b", _full_date),
    _rule(
        rf"{_ON}{_MONTH}\s*(?P<day>\d\d?)(?:st|nd|rd|th)?\s*[-–~]\s*(?P<until>\d\d?)(?:st|nd|rd|th)?\b{_YEAR}?",
        _month_day,
    ),
    _rule(rf"{_ON}{_MONTH}\s*(?P<day>\d\d?)(?:st|nd|rd|th)?\b{_YEAR}?", _month_day),
    _rule(rf"{_ON}(?:the\s+)?{_NTH}\s+(?:of\s+)?{_MONTH}{_YEAR}?", _month_day),
    _rule(rf"{_ON}(?P<month>1[0-2]|0?[1-9])/(?P<day>\d\d?)\b(?!/)", _slash),
    _rule(rf"{_ON}the\s+(?P<day>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)\b", lambda m, f: day_of_month(f, int(m["day"]))),
    _rule(rf"{_IN}{_MONTH}{_YEAR}?(?!\s*\d)", _month),
    _rule(rf"{_IN}(?:q(?P<number>[1-4])|(?P<ordinal>first|second|third|fourth)\s+quarter)\b{_YEAR}?", _quarter),
    _rule(
        rf"{_IN}(?P<yearword>this|last|next)\s+year'?s\s+(?:q(?P<number>[1-4])|(?P<ordinal>first|second|third|fourth)\s+quarter)\b",
        _quarter,
    ),
    _rule(rf"{_IN}(?P<yearword>this|last|next)\s+year'?s\s+{_MONTH}", _month),
    _rule(rf"{_IN}{_MONTH}(?:\s+of)?\s+(?P<yearword>this|last|next)\s+year\b", _month),
    _rule(rf"{_IN}(?P<yearword>last|next)\s+{_MONTH}", _month_near),
    _rule(rf"{_IN}(?:h(?P<number>[12])|(?P<ordinal>first|second)\s+half)\b(?:\s+of)?{_YEAR}?", _half),
    _rule(rf"{_IN}week\s+after\s+next\b", _after_next),
    _rule(rf"{_IN}{_THIS}(?P<unit>week|month|quarter|year)\b(?:'s)?", _unit),
    _rule(r"(?:in\s+|for\s+|of\s+|during\s+)(?P<year>(?:19|20)\d\d)\b", _year_alone),
    _rule(r"(?P<year>20[0-4]\d)\b(?:'s)?", _year_alone),
    _rule(rf"{_ON}{_THIS}week\s+(?:on\s+)?{_WEEKDAY_LIST}", _week_days),
    _rule(rf"{_ON}{_WEEKDAY_LIST}\s+(?:of\s+)?{_THIS}week\b", _week_days),
    _rule(rf"{_ON}{_THIS}{_WEEKDAY_LIST}", _week_days),
    _rule(
        rf"(?P<days>{_WEEKDAY})\s*(?:to|through|until|till|-|–)\s*(?P<last>{_WEEKDAY})\s+(?:of\s+)?{_THIS}week\b",
        _week_span,
    ),
    _rule(rf"{_ON}{_WEEKDAY_LIST}", _bare_week_days),
    _rule(rf"{_IN}{_THIS}weekend\b", _weekend),
    _rule(
        rf"(?P<word>{'|'.join(sorted(_DAY_WORDS, key=len, reverse=True))})\b(?:'s)?",
        lambda match, frame: one_day(shift(frame.today, _DAY_WORDS[match.group("word").lower()])),
    ),
    _rule(rf"in\s+{_COUNT}(?:'\s?time)?", _ahead),
    _rule(rf"{_COUNT}\s+(?:from\s+(?:now|today)|later)\b", _ahead),
    _rule(rf"{_COUNT}\s+ago\b", _ago),
    _rule(rf"{_IN}(?:last|past|previous|recent)\s+{_COUNT}", _recent),
    _rule(
        r"(?:the\s+)?(?:end\s+of\s+(?:the|this)\s+month|month[\s-]end)\b",
        lambda _match, frame: one_day(month(frame.today.year, frame.today.month).last),
    ),
)

SECOND: Final = (
    _rule(
        rf"(?:the\s+)?{_NTH}(?!\s*(?:million|thousand|k\b|%|people|days|won|/))",
        lambda m, f: day_of_month(f, int(m["day"])),
    ),
)

GRAMMAR: Final = Grammar(
    rules=RULES,
    second=SECOND,
    opener=re.compile(r"(?:from|between|starting(?:\s+from)?)\s+(?:on\s+)?", re.IGNORECASE),
    between=re.compile(r"\s*\band\b\s*", re.IGNORECASE),
    joiner=re.compile(
        r"\s*(?:\bfor\b(?=\s+\d+\s+days)|\bto\b|\buntil\b|\btill\b|\bthrough\b|\bthru\b|~|–|-)\s*", re.IGNORECASE
    ),
    closer=re.compile(r""),
    duration=re.compile(r"\s*(?:for\s+)?(\d{1,3})\s+days\b", re.IGNORECASE),
    and_=re.compile(r"\s*(?:,\s*and\b|\band\b|&|,)\s*", re.IGNORECASE),
    start_only=re.compile(r"(?!)"),
    end_only=re.compile(r"(?!)"),
)
