"""Which amounts of money and which counts does a text name? 300만원, 1억 2천만원, ₩2,480,000, 2.5 million won, 3명."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

_BIG: Final[Mapping[str, int]] = MappingProxyType({"조": 10**12, "억": 10**8, "만": 10**4})
_SMALL: Final[Mapping[str, int]] = MappingProxyType({"천": 1000, "백": 100, "십": 10})
_DIGITS: Final = "영일이삼사오육칠팔구"
_NATIVE: Final[Mapping[str, int]] = MappingProxyType(
    {"한": 1, "하나": 1, "두": 2, "둘": 2, "세": 3, "셋": 3, "네": 4, "넷": 4, "다섯": 5, "여섯": 6, "일곱": 7}
    | {"여덟": 8, "아홉": 9, "열": 10, "스무": 20}
)
_DAY_COUNTS: Final[Mapping[str, int]] = MappingProxyType(
    {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "열흘": 10, "일주일": 7}
)
_ENGLISH_SCALES: Final[Mapping[str, int]] = MappingProxyType(
    {"k": 10**3, "thousand": 10**3, "m": 10**6, "mil": 10**6, "million": 10**6, "b": 10**9, "bn": 10**9}
    | {"billion": 10**9}
)
_ENGLISH_NUMBERS: Final[Mapping[str, int]] = MappingProxyType(
    {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
)
_ENGLISH_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "day": "일",
        "person": "명",
        "people": "명",
        "employee": "명",
        "piece": "개",
        "item": "개",
        "unit": "개",
        "case": "건",
    }
    | {"hour": "시간", "minute": "분", "copy": "권", "set": "세트", "box": "박스", "week": "주", "month": "개월"}
    | {"night": "박"}
)

# Possessive throughout: a text that is no amount must not be tried in every way it could be cut (it would never end).
_NUMBER: Final = r"\d++(?:,\d{3})*+(?:\.\d++)?+"
_SINO: Final = "[일이삼사오육칠팔구]"
_KOREAN_AMOUNT: Final = re.compile(
    rf"(?<![\d.,가-힣])(?:₩\s?)?(?P<amount>(?:(?:{_NUMBER}|{_SINO}(?=[천백십조억만]))?+\s?+[천백십]?+\s?+(?:조|억|만)?+\s?+)+?)"
    r"\s?(?P<won>원|₩)(?!가|칙|인|장|본)"
)
_ROUND_TERM: Final = rf"{_NUMBER}\s?+[천백십]?+\s?+[조억만]"
_KOREAN_ROUND: Final = re.compile(
    rf"(?<![\d.,가-힣])(?P<amount>{_ROUND_TERM}(?:\s?+{_ROUND_TERM})*+(?:\s?+{_NUMBER}\s?+[천백십]?+)?)"
    r"(?=$|[^가-힣\d]|으?로|짜리|이|을|정도)"
)
_SIGNED: Final = re.compile(
    rf"[₩￦]\s?(?P<number>{_NUMBER})\s?(?P<scale>k|m|mil|bn|b|million|billion|thousand)?\b", re.IGNORECASE
)
_ENGLISH_AMOUNT: Final = re.compile(
    rf"(?<![\w.,])(?P<number>{_NUMBER})\s?(?P<scale>k|m|mil|bn|b|million|billion|thousand)?\s?(?:won|krw)\b"
    rf"|\bkrw\s?(?P<number2>{_NUMBER})\s?(?P<scale2>k|m|mil|bn|b|million|billion|thousand)?\b",
    re.IGNORECASE,
)
_COUNTERS: Final = "시간|명|분|개월|개|건|대|권|장|박스|세트|박|일|회|번|인|위|프로|퍼센트|층|살|년차|년|주|달|곳|부|호"
_COUNTED: Final = re.compile(
    rf"(?<![\d.,/])(?P<number>{_NUMBER})\s?(?P<unit>{_COUNTERS}|%)?"
    rf"|(?<![가-힣])(?P<native>{'|'.join(sorted(_NATIVE, key=len, reverse=True))})\s?"
    r"(?P<unit2>명|개|건|대|권|장|번|달|분)(?![가-힣]{2})"
    rf"|(?<![가-힣])(?P<days>{'|'.join(_DAY_COUNTS)})(?![가-힣]{{3}})"
)
_ENGLISH_COUNTED: Final = re.compile(
    rf"(?<![\w.,/])(?P<number>{_NUMBER}|{'|'.join(_ENGLISH_NUMBERS)})(?:st|nd|rd|th)?\b(?:\s(?P<unit>{'|'.join(_ENGLISH_UNITS)})s?\b|\s?(?P<percent>%))?",
    re.IGNORECASE,
)
_TERM: Final = re.compile(rf"({_NUMBER}|{_SINO})?\s?([천백십])?")


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of won in the text."""

    start: int
    end: int
    won: int


@dataclass(frozen=True, slots=True)
class Count:
    """A number in the text with its counter ("명", "일"; "" when none is written), English ones in Korean too."""

    start: int
    end: int
    number: Decimal
    unit: str


def find_money(text: str) -> list[Amount]:
    """Every amount of won, in either language's way of writing, left to right."""
    found: list[Amount] = []
    for match in _SIGNED.finditer(text):
        _add(found, match, _scaled(match.group("number"), match.group("scale")))
    for match in _ENGLISH_AMOUNT.finditer(text):
        number, scale = match.group("number") or match.group("number2"), match.group("scale") or match.group("scale2")
        _add(found, match, _scaled(number, scale))
    for pattern in (_KOREAN_AMOUNT, _KOREAN_ROUND):
        for match in pattern.finditer(text):
            if match.group("amount").strip():
                _add(found, match, korean_number(match.group("amount")))
    return sorted(found, key=lambda amount: amount.start)


def find_counts(text: str, *, english: bool) -> list[Count]:
    """Every number with its counter, left to right."""
    return (
        [_english_count(match) for match in _ENGLISH_COUNTED.finditer(text)]
        if english
        else [_korean_count(match) for match in _COUNTED.finditer(text)]
    )


def korean_number(written: str) -> int | None:
    """The value of "1억 2천만", "3백만", "15만 5천", "이백오십만"; None when it is not a whole number."""
    rest = re.sub(r"[\s,]", "", written)
    total = Decimal(0)
    for sign, scale in _BIG.items():
        head, found, tail = rest.partition(sign)
        if found:
            value = _below_ten_thousand(head) if head else Decimal(1)
            if value is None:
                return None
            total += value * scale
            rest = tail
    if rest:
        value = _below_ten_thousand(rest)
        if value is None:
            return None
        total += value
    return int(total) if total == total.to_integral_value() else None


def _below_ten_thousand(written: str) -> Decimal | None:
    """Read 2천5백, 250, 이백오십 and the like."""
    total = Decimal(0)
    at = 0
    while at < len(written):
        match = _TERM.match(written, at)
        if match is None or match.end() == at:
            return None
        number, sign = match.groups()
        value = (
            Decimal(1) if number is None else Decimal(_DIGITS.index(number)) if number in _DIGITS else Decimal(number)
        )
        total += value * (_SMALL[sign] if sign else 1)
        at = match.end()
    return total


def _scaled(number: str, scale: str | None) -> int | None:
    value = Decimal(number.replace(",", "")) * (_ENGLISH_SCALES[scale.lower()] if scale else 1)
    return int(value) if value == value.to_integral_value() else None


def _add(found: list[Amount], match: re.Match[str], value: int | None) -> None:
    overlaps = any(match.start() < other.end and other.start < match.end() for other in found)
    if value is not None and not overlaps:
        written = match.group()
        start = match.start() + len(written) - len(written.lstrip())
        found.append(Amount(start, match.start() + len(written.rstrip()), value))


def _korean_count(match: re.Match[str]) -> Count:
    groups = match.groupdict()
    if groups["days"]:
        return Count(match.start(), match.end(), Decimal(_DAY_COUNTS[groups["days"]]), "일")
    if groups["native"]:
        return Count(match.start(), match.end(), Decimal(_NATIVE[groups["native"]]), groups["unit2"])
    number = Decimal(groups["number"].replace(",", ""))
    return Count(match.start(), match.end(), number, groups["unit"] or "")


def _english_count(match: re.Match[str]) -> Count:
    written = match.group("number").lower()
    number = Decimal(_ENGLISH_NUMBERS[written]) if written in _ENGLISH_NUMBERS else Decimal(written.replace(",", ""))
    unit = _ENGLISH_UNITS[match.group("unit").lower()] if match.group("unit") else match.group("percent") or ""
    return Count(match.start(), match.end(), number, unit)
