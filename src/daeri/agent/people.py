"""Who is spoken of? Names with ranks, honorifics, oneself, one's own team, as Korean and English say them.

Only forms of the text are read here; whether such a person exists is the door's to say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from daeri.agent.lexicon import ENGLISH_RANKS, RANKS, ROMAN_SURNAMES, SURNAMES, listed
from daeri.wording import Lang

_SURNAME: Final = "|".join(sorted(SURNAMES, key=len, reverse=True))
_RANK: Final = "|".join(sorted(RANKS, key=len, reverse=True))
_AFTER: Final = r"(?=$|[^가-힣]|에게|한테|께|은|는|이|가|을|를|의|에|와|과|도|랑|하고|로|야|만|부터|까지|이야|예요|인)"
# 우리 팀장, 인사 이사: a rank after one of these is not a person's surname and given name.
_NOT_A_NAME: Final = frozenset(
    listed(
        """
    우리 저희 이번 다음 어느 모든 전체 해당 인사 구매 기획 홍보 전략 지원 마케팅 고객 국내 기술 연구 현재 지금
    정말 전직 신임 신규 이전 해외 전산 안전 주요 공장 지방 서울 경영 같은 무슨 어떤 여러 다른 각각 각
    """
    )
)
_KOREAN_PERSON: Final = re.compile(
    rf"(?<![가-힣])(?P<surname>{_SURNAME})(?P<given>[가-힣]{{1,2}})?\s?(?P<rank>{_RANK})(?:님)?{_AFTER}"
)
_HONOURED: Final = re.compile(rf"(?<![가-힣])(?P<name>[가-힣]{{2,4}})\s?(?:씨|님){_AFTER}")
_ENGLISH_RANK: Final = "|".join(sorted(ENGLISH_RANKS, key=len, reverse=True))
_ROMAN: Final = "|".join(sorted(ROMAN_SURNAMES, key=len, reverse=True))
_ENGLISH_PERSON: Final = re.compile(
    rf"\b(?:(?i:(?P<before>{_ENGLISH_RANK}))\s+)?(?i:(?:mr|ms|mrs|miss)\.?\s+)?"
    rf"(?P<name>(?P<surname>(?i:{_ROMAN}))\b(?!-)|(?P<hangul>[가-힣]{{2,4}}))(?:,?\s+(?i:(?P<after>{_ENGLISH_RANK})))?(?:['’]s)?(?![\w가-힣])"
)
_COMMON_RANKS: Final = ("사원", "대리", "과장", "차장", "부장", "이사", "상무", "팀장", "본부장")
_WORDS_TOO: Final = frozenset(
    {
        "an",
        "oh",
        "won",
        "you",
        "go",
        "do",
        "so",
        "no",
        "ha",
        "min",
        "song",
        "moon",
        "bang",
        "sung",
        "son",
        "sin",
        "shin",
    }
)

_SELF_KO: Final = re.compile(
    r"(?<![가-힣])(?:나의|저의|내가|제가|나는|저는|제것|내것|내꺼|본인의|본인은|본인이|본인|나|내|제|저|난)(?![가-힣])"
    r"|(?<![가-힣])(?:우리|저희)(?=\s?(?:팀장|본부장|부서장|실장|파트장|상사|상급자|매니저))"
)
_SELF_EN: Final = re.compile(
    r"\b(?:my(?:\s+own)?|mine|myself)\b|(?<=\bdo )I\b|(?<=\bdid )I\b|(?<=\bhave )I\b|(?<=\bam )I\b"
    r"|(?<=\bwas )I\b|\bI(?='ve\b)"
    r"|\bI(?=\s+(?:have|spent|took|used|left|sold|still\s+have|got|joined)\b)"
)
_UNIT: Final = re.compile(
    r"(?<![가-힣])(?:우리|저희|내|제)\s?(?P<ko>팀|부서|본부)(?=$|[^가-힣]|은|는|이|가|을|를|의|에|에서|도|원|사람)"
    r"|\b(?:my|our)\s+(?:own\s+)?(?P<en>team|department|division)\b(?:['’]s)?",
    re.IGNORECASE,
)
_UNITS: Final = {"팀": "team", "부서": "team", "team": "team", "department": "team", "본부": "division"}


@dataclass(frozen=True, slots=True)
class Someone:
    """A person as the text names them; `phrases` are the forms to look for, best first."""

    start: int
    end: int
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Own:
    """The asker, or a unit the asker belongs to."""

    start: int
    end: int
    value: str = ""


def find_people(text: str, lang: Lang) -> list[Someone]:
    """Everyone whom the text names with a rank, a title or an honorific; in English also by a Korean surname."""
    found = list(_korean(text))
    if lang == "en":
        found += [
            one for one in _english(text) if not any(one.start < other.end and other.start < one.end for other in found)
        ]
    return sorted(found, key=lambda one: one.start)


def find_self(text: str) -> list[Own]:
    """Where the asker speaks of what is theirs."""
    return [Own(*match.span()) for match in (*_SELF_KO.finditer(text), *_SELF_EN.finditer(text))]


def find_units(text: str) -> list[Own]:
    """Where the asker speaks of the own team or division."""
    return [
        Own(match.start(), match.end(), _UNITS.get((match["ko"] or match["en"]).lower(), "division"))
        for match in _UNIT.finditer(text)
    ]


def _korean(text: str) -> Iterator[Someone]:
    spans: list[tuple[int, int]] = []
    for match in _KOREAN_PERSON.finditer(text):
        surname, given, rank = match["surname"], match["given"] or "", match["rank"]
        if surname + given in _NOT_A_NAME:
            continue
        spans.append(match.span())
        full = f"{surname}{given}"
        yield Someone(*match.span(), (f"{full}{rank}", *((full,) if given else ())))
    for match in _HONOURED.finditer(text):
        inside = any(match.start() < end and start < match.end() for start, end in spans)
        if not inside and not match["name"].endswith(RANKS) and match["name"] not in _NOT_A_NAME:
            yield Someone(*match.span(), (match["name"],))


def _english(text: str) -> Iterator[Someone]:
    for match in _ENGLISH_PERSON.finditer(text):
        written, rank = match["name"], match["before"] or match["after"]
        if not written[0].isupper() and not match["hangul"]:
            continue
        hangul = ENGLISH_RANKS[rank.lower()] if rank else ""
        if match["hangul"]:
            if hangul:
                yield Someone(*match.span(), (f"{written}{hangul}", written))
            continue
        following = re.match(r"\s+(?!I\b)[A-Z][a-z]+", text[match.end() :])
        before = re.search(r"([A-Z][A-Za-z-]+)\s+$", text[: match.start()])
        full_name = following or (before and before.start() > 0 and not rank)
        if full_name or (written.lower() in _WORDS_TOO and not rank):
            continue  # a full name: looked up as it is written
        surname = ROMAN_SURNAMES[written.lower()]
        yield Someone(*match.span(), tuple(f"{surname}{each}" for each in ((hangul,) if hangul else _COMMON_RANKS)))
