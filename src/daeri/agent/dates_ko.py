"""The date words of Korean: 다음 주 목금, 12월 1일부터 3일까지, 지난달, 작년 3분기, 최근 석 달."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final, TypeVar

from daeri.agent.dates import (
    Frame,
    Grammar,
    ImpossibleDate,
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

_YEAR_WORDS: Final[Mapping[str, int]] = MappingProxyType(
    {"올해": 0, "올 해": 0, "금년": 0, "이번 해": 0, "작년": -1, "지난해": -1, "지난 해": -1, "전년": -1}
    | {"재작년": -2, "내년": 1, "다음 해": 1, "내후년": 2, "후년": 2}
)
_RELATIVE: Final[Mapping[str, int]] = MappingProxyType(
    {"이번": 0, "요번": 0, "이": 0, "금": 0, "당": 0, "지난": -1, "저번": -1, "전": -1, "다음": 1, "담": 1, "내": 1}
    | {"차": 1, "익": 1, "다다음": 2, "지지난": -2, "저저번": -2, "오는": 1}
)
_DAY_WORDS: Final[Mapping[str, int]] = MappingProxyType(
    {"오늘": 0, "금일": 0, "내일모레": 2, "내일": 1, "명일": 1, "모레": 2, "글피": 3}
    | {"어제": -1, "작일": -1, "그저께": -2, "그제": -2, "엊그제": -2}
)
_COUNTS: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {"하루": (1, "day"), "이틀": (2, "day"), "사흘": (3, "day"), "나흘": (4, "day"), "닷새": (5, "day")}
    | {"엿새": (6, "day"), "열흘": (10, "day"), "보름": (15, "day"), "일주일": (1, "week"), "한 주": (1, "week")}
    | {"한 달": (1, "month"), "두 달": (2, "month"), "석 달": (3, "month"), "세 달": (3, "month")}
    | {"넉 달": (4, "month"), "네 달": (4, "month"), "반년": (6, "month"), "일 년": (1, "year"), "두 주": (2, "week")}
)
_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {"일": "day", "주일": "week", "주": "week", "개월": "month", "달": "month", "분기": "quarter", "년": "year"}
)
_WEEKDAYS: Final = "월화수목금토일"

_Value = TypeVar("_Value")


def _words(mapping: Mapping[str, object]) -> str:
    """The alternatives, longest first; a space inside may be left out."""
    return "|".join(word.replace(" ", r"\s?") for word in sorted(mapping, key=len, reverse=True))


def _lookup(mapping: Mapping[str, _Value], written: str) -> _Value:
    bare = re.sub(r"\s", "", written)
    return next(value for word, value in mapping.items() if word.replace(" ", "") == bare)


_YEAR: Final = rf"(?:(?P<year>(?:19|20)\d\d)\s?년도?|(?P<yearword>{_words(_YEAR_WORDS)}))(?:의|에)?\s?"
_MONTH: Final = r"(?P<month>1[0-2]|0?[1-9])\s?월(?!요일|급)"
_DAY: Final = r"(?P<day>3[01]|[12]\d|0?[1-9])\s?일(?!정|주일|째|간)"
_THIS: Final = r"(?P<relative>이번|요번|지난|저번|지지난|저저번|다음|담|다다음|오는)\s?"
_MONTH_WORD: Final = rf"(?:{_THIS}달|(?P<short>이|금|당|전|내|익)(?:달|월)(?!성))(?:의|에)?\s?"
_BRACKET: Final = r"(?:\s?\((?P<said>[월화수목금토일])(?:요일)?\)|\s?(?P<named>[월화수목금토일])요일)?"
_WEEK_WORD: Final = rf"(?:{_THIS}주(?!문|식|소|인|제|차|말|요|년)|(?P<short>금|차)주(?![가-힣]{{2}}))(?:의|에)?"
# 수금 (collection) is not Wednesday and Friday: bare letters count only when the days follow each other.
_LETTERS: Final = (
    r"(?P<days>[월화수목금토일]요일(?:\s?(?:,|·|/|과|와|이랑|랑|하고|및|그리고)?\s?[월화수목금토일]요일)*"
    r"|[월화수목금토일](?:\s?[,·/]\s?[월화수목금토일])+(?:요일)?(?![가-힣])"
    r"|[월화수목금토일]{2,7}(?:요일)?(?=$|[^가-힣]|에|은|는|으?로|이|을|도|만|까지|부터|연차|휴가|반차)"
    r"|[월화수목금토](?=$|[^가-힣]|에\b|로\b|까지|부터))"
)


def _year(match: re.Match[str], frame: Frame) -> int | None:
    groups = match.groupdict()
    if groups.get("year"):
        return int(groups["year"])
    if groups.get("yearword"):
        return frame.today.year + _lookup(_YEAR_WORDS, groups["yearword"])
    return None


def _relative(match: re.Match[str]) -> int:
    groups = match.groupdict()
    return _RELATIVE[groups.get("relative") or groups.get("short") or "이번"]


def _full_date(match: re.Match[str], _frame: Frame) -> Span:
    return _as_said(match, one_day(valid(*(int(match.group(name)) for name in ("year", "month", "day")))))


def _as_said(match: re.Match[str], span: Span) -> Span:
    """The span, if its last day is the weekday that the text says with it."""
    groups = match.groupdict()
    said = groups.get("said") or groups.get("named")
    if said and _WEEKDAYS.index(said) != span.last.weekday():
        raise ImpossibleDate(match.group())
    return span


def _month_day(match: re.Match[str], frame: Frame) -> Span:
    number, day, year = int(match.group("month")), int(match.group("day")), _year(match, frame)
    first = day_without_year(frame, number, day) if year is None else one_day(valid(year, number, day))
    until = match.groupdict().get("until")
    if until is None:
        return _as_said(match, first)
    return Span(first.first, valid(first.first.year, first.first.month, int(until)), "days", first.assumed)


def _month_word_day(match: re.Match[str], frame: Frame) -> Span:
    at = month(frame.today.year, frame.today.month + _relative(match))
    return one_day(valid(at.first.year, at.first.month, int(match.group("day"))))


def _month_end(match: re.Match[str], frame: Frame) -> Span:
    groups = match.groupdict()
    if groups.get("month"):
        year = _year(match, frame)
        number = int(groups["month"])
        at = month_without_year(frame, number) if year is None else month(year, number)
        return one_day(at.last, assumed=at.assumed)
    return one_day(month(frame.today.year, frame.today.month + _relative(match)).last)


def _quarter(match: re.Match[str], frame: Frame) -> Span:
    year = _year(match, frame)
    return quarter(year or frame.today.year, int(match.group("quarter")), assumed=year is None)


def _half(match: re.Match[str], frame: Frame) -> Span:
    year = _year(match, frame)
    return half(year or frame.today.year, 1 if match.group("half") == "상" else 2, assumed=year is None)


def _month(match: re.Match[str], frame: Frame) -> Span:
    year, number = _year(match, frame), int(match.group("month"))
    return month_without_year(frame, number) if year is None else month(year, number)


def _months(match: re.Match[str], frame: Frame) -> Span | None:
    """1~3월: the months between, in one year."""
    year, first, last = _year(match, frame), int(match.group("first")), int(match.group("month"))
    end = month_without_year(frame, last) if year is None else month(year, last)
    if first > last:
        return None
    return Span(month(end.first.year, first).first, end.last, "span", year is None)


def _past_month(match: re.Match[str], frame: Frame) -> Span:
    """지난 10월: the last October that has begun before this month."""
    number = int(match.group("month"))
    return month(frame.today.year - (number >= frame.today.month), number)


def _week_days(match: re.Match[str], frame: Frame) -> Span | None:
    monday = week(frame.today, _relative(match)).first
    return weekdays(monday, [_WEEKDAYS.index(letter) for letter in _letters(match.group("days"))])


def _letters(written: str) -> str:
    return re.sub(r"[^월화수목금토일]", "", written.replace("요일", ""))


def _bare_week_days(match: re.Match[str], frame: Frame) -> Span | None:
    numbers = [_WEEKDAYS.index(letter) for letter in _letters(match.group("days"))]
    first = weekday_without_week(frame, numbers[0])
    days = weekdays(first.first - timedelta(days=numbers[0]), numbers)
    return days and Span(days.first, days.last, days.grain, first.assumed)


def _weekend(match: re.Match[str], frame: Frame) -> Span:
    monday = week(frame.today, _relative(match)).first
    return Span(monday + timedelta(days=5), monday + timedelta(days=6), "days")


def _offset(match: re.Match[str], frame: Frame) -> Span | None:
    groups = match.groupdict()
    count, unit = _count(groups)
    return offset(frame.today, -count if groups["way"] == "전" else count, unit)


def _recent(match: re.Match[str], frame: Frame) -> Span | None:
    count, unit = _count(match.groupdict())
    return recent(frame.today, count, unit)


def _count(groups: Mapping[str, str | None]) -> tuple[int, str]:
    word = groups.get("word")
    if word:
        return _lookup(_COUNTS, word)
    return int(groups.get("count") or 0), _UNITS[groups.get("unit") or "일"]


def _rule(pattern: str, read: Callable[[re.Match[str], Frame], Span | None]) -> Rule:
    return Rule(re.compile(pattern), read)


_AMOUNT: Final = rf"(?:(?P<count>\d{{1,3}})\s?(?P<unit>일|주일|주|개월|달|분기|년)|(?P<word>{_words(_COUNTS)}))"

RULES: Final = (
    _rule(
        rf"(?P<year>(?:19|20)\d\d)\s?[-./]\s?(?P<month>\d\d?)\s?[-./]\s?(?P<day>\d\d?)(?!\d)\.?{_BRACKET}", _full_date
    ),
    _rule(rf"(?:{_YEAR})?{_MONTH}\s?(?:(?P<day>\d\d?)\s?[~∼–-]\s?(?P<until>\d\d?)\s?일){_BRACKET}", _month_day),
    _rule(rf"(?:{_YEAR})?{_MONTH}의?\s?(?P<day>\d\d?)\s?일(?!정|주일|간){_BRACKET}", _month_day),
    _rule(rf"(?<![\d.])(?P<month>1[0-2]|0?[1-9])/(?P<day>\d\d?)(?![\d/]|\s?분기){_BRACKET}", _month_day),
    _rule(r"(?P<month>1[0-2]|0?[1-9])\.\s?(?P<day>[0-3]?\d)\.?\s?\([월화수목금토일]\)", _month_day),
    _rule(rf"{_MONTH_WORD}{_DAY}", _month_word_day),
    _rule(rf"{_MONTH_WORD}(?:말일|말(?=$|[^가-힣]|까지|에))", _month_end),
    _rule(rf"(?:{_YEAR})?{_MONTH}\s?(?:말일|말(?=$|[^가-힣]|까지|에))", _month_end),
    _rule(r"(?:말일|월말)", _month_end),
    _rule(rf"(?:{_YEAR})?(?P<quarter>[1-4])\s?(?:/\s?4\s?)?분기", _quarter),
    _rule(rf"(?:{_YEAR})?(?P<half>상|하)반기", _half),
    _rule(rf"(?:{_YEAR})?(?P<first>1[0-2]|0?[1-9])월?\s?[~∼–-]\s?{_MONTH}(?!\s?\d+\s?일)", _months),
    _rule(rf"(?:{_YEAR})?{_MONTH}(?:달)?", _month),
    _rule(rf"지난\s?{_MONTH}(?!\s?\d+\s?일)", _past_month),
    _rule(
        rf"(?:(?P<year>(?:19|20)\d\d)\s?년도?|(?P<yearword>{_words(_YEAR_WORDS)}))(?:\s?한\s?해)?",
        lambda match, frame: whole_year(_year(match, frame) or frame.today.year),
    ),
    _rule(_MONTH_WORD, lambda match, frame: month(frame.today.year, frame.today.month + _relative(match))),
    _rule(rf"(?:{_YEAR})?[Qq](?P<quarter>[1-4])(?!\d)", _quarter),
    _rule(
        rf"(?:{_THIS}|(?P<short>전|당)\s?)분기",
        lambda match, frame: quarter(frame.today.year, (frame.today.month + 2) // 3 + _relative(match)),
    ),
    _rule(rf"{_WEEK_WORD}\s?{_LETTERS}", _week_days),
    _rule(rf"{_THIS}(?P<days>[월화수목금토일])요일", _week_days),
    _rule(rf"(?:{_THIS})?주말(?:에)?", _weekend),
    _rule(_WEEK_WORD, lambda match, frame: week(frame.today, _relative(match))),
    _rule(
        r"(?P<days>[월화수목금토일]요일(?:\s?(?:,|·|과|와|이랑|랑|하고|및)\s?[월화수목금토일]요일)*)", _bare_week_days
    ),
    _rule(r"(?P<days>[월화수목금토일]{2,5})요일", _bare_week_days),
    _rule(
        rf"(?P<word>{_words(_DAY_WORDS)})",
        lambda match, frame: one_day(shift(frame.today, _DAY_WORDS[match.group("word")])),
    ),
    _rule(rf"{_AMOUNT}\s?(?P<way>뒤|후|전)(?![가-힣]{{2}})(?:에|의|인)?", _offset),
    _rule(rf"(?:최근|지난|요\s?근래|근래)\s?{_AMOUNT}\s?(?:간|동안|치)?", _recent),
    # Alone, "3일" is a number of days; it is the third of a month only with a particle that says so.
    _rule(
        rf"{_DAY}(?=\s?(?:에(?![서는])|까지|부터|자|날|[~∼]|\([월화수목금토일]\)|(?:과|와|이랑|하고|,)?\s?\d\d?\s?일))",
        lambda match, frame: day_of_month(frame, int(match.group("day"))),
    ),
)

SECOND: Final = (
    _rule(
        r"(?P<day>\d\d?)\s?일?(?![\d월년.,/:분]|원|만|천|억|명|건|개)",
        lambda m, f: day_of_month(f, int(m.group("day"))),
    ),
    _rule(_LETTERS, _bare_week_days),
)


GRAMMAR: Final = Grammar(
    rules=RULES,
    second=SECOND,
    opener=re.compile(r""),
    joiner=re.compile(r"\s?(?:부터|에서|~|∼|–|-)\s?"),
    between=re.compile(r"(?!)"),
    closer=re.compile(r"\s?까지"),
    duration=re.compile(r"(\d{1,3})\s?일\s?(?:간|동안|(?=$|\s))"),
    and_=re.compile(r"\s?(?:,|·|과|와|이랑|랑|하고|및|그리고)\s?|\s"),
    start_only=re.compile(r"\s?부터"),
    end_only=re.compile(r"\s?까지"),
)
