"""What is asked? A text to its language, parts, speech acts, entities and words; no model, no operation, no row.

The analysis is the first step of every run. It is read by the keyless planner and by the selector, and stored as it is.
Whether a word names a row is not decided here: `phrases` gives the candidates, the door knows the rows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal

from daeri.agent import dates_en, dates_ko
from daeri.agent.dates import Grammar, Sense, Span, find_dates
from daeri.agent.negation import find_negations
from daeri.agent.people import find_people, find_self, find_units
from daeri.agent.quantities import find_counts, find_money
from daeri.agent.tokens import NAME_ENDINGS, Word, words_of
from daeri.wording import Lang, normal

Act = Literal["ask", "tell", "do", "name"]
"""A question, a request to tell, a request to act, or a bare naming ("다음 주 목금 연차")."""
Kind = Literal["date", "impossible_date", "money", "count", "person", "self", "unit", "quote", "name", "negation"]

FULL_NAME_WORDS = 2
PHRASE_WORDS_MAX = 4
PHRASES_MAX = 160
"""Bounds on what is looked up as a possible name of a row."""
TEXT_MAX = 4000
"""Characters of a request that are read; a longer one is not a request to this planner."""

_QUOTED: Final = re.compile(
    r"[\"“]([^\"”]{1,200})[\"”]|(?<![\w가-힣])['‘]([^'’]{1,200})['’](?![A-Za-z])|[「『]([^」』]{1,200})[」』]"
)
_SENTENCE: Final = re.compile(r"(?<=[가-힣A-Za-z\"”’')])[.?!;。？！]+(?=\s|$)|\n+")
_VERB_AND: Final = re.compile(
    r"(?:(?<=[가-힣])(?:았|었|였|했|됐|렸|썼|샀|났|갔|왔|려주|아주|어주|해주|여주|이|있|없|남)고"
    r"|(?:신청|기안|상신|등록|요청|조회|확인|구매|정리|계산|예약|주문|발주|보고|해)(?:하|해)?고|얼마고|며칠이?고|누구고|언제고"
    r"|(?<![가-힣])(?:올리|내|넣|잡|알려|알리|보여|찾)(?:주)?고),?\s+(?:나서\s+)?(?!싶|있|계|말)"
)
_AND_KO: Final = re.compile(
    r",?\s+(?:그리고\s*(?:나서\s+|또\s+)?|또한?\s+|그다음에?\s+|그\s다음에?\s+)|(?<=[어요줘지까니야해데])\s*,\s+|(?<=지)(?:랑|하고)\s+"
)
_AND_EN: Final = re.compile(
    r"\s*,?\s+(?:and\s+then|and\s+also|then|also|and|plus)\s+(?:please\s+)?"
    r"(?=(?:how|what|what's|who|who's|when|where|which|why|is|are|do|does|did|can|book|request|file|submit|apply|take|show|tell"
    r"|list|give|find|get|send|delete|cancel|remove|draft|register|order|buy|create|add|put|raise|update|change|check|email"
    r"|reserve|approve|reject|make|expense|claim|reimburse|pay|want|need|would|(?:i|we)(?:'d|'ll|'m|\s+want|\s+need|\s+would)"
    r"|don['’]?t|never)\b)",
    re.IGNORECASE,
)

# "오늘 반차 쓰고 경비 올려줘": what is spent, bought or taken off and then said "and" of is told, not yet asked for.
_TOLD_AND: Final = re.compile(
    r"(?<=\s)(?:쓰고|사고|쉬고|사용하고|결제하고|지출하고|타고|먹고),?\s+(?:나서\s+)?(?!싶|있|계|말|나면|나니|남|난)"
)

_TELL_KO: Final = re.compile(
    r"(?:알려|보여|찾아|말해|말씀해|가르쳐|조회|검색|뽑아|정리해|요약해|출력|확인|계산|궁금|체크|설명|알고\s?싶|보고\s?싶|비교|분석)"
    r"[가-힣]*(?:\s?(?:줘|주|줄|드|봐|볼|부탁|싶)[가-힣]*)*(?:\s?수\s?있[가-힣]*)?$"
)
_ASK_KO: Final = re.compile(
    r"(?:니|나|냐|까|까요|가요|나요|는지|은지|인지|지|죠|었어|았어|였어|했어|됐어|있어|없어|돼|되지|야|예요|이에요|에요)요?$"
)
_QUESTION_KO: Final = re.compile(
    r"(?<![가-힣])(?:몇|며칠|얼마|누구|누가|언제|어디|무엇|뭐|뭘|무슨|어떤|어느|왜|어떻게)"
)
_DO_KO: Final = re.compile(
    r"(?:(?:줘|줘요|줘라|주세요|주십시오|주라|줄래|줄래요|주실래요|주겠어|주시겠어요|주시겠습니까|달라|부탁[가-힣]*|바랍니다|바라요)"
    r"|(?:줄|주실)\s?수\s?있[가-힣]*|(?:하|쓰|내|가|쉬|사|올리|받|잡|넣|신청하)고\s?싶[가-힣]*|[가-힣](?:ㄹ|을)?(?:게|게요|래|래요)|려고|려고\s?해요?|려고\s?합니다"
    r"|해야\s?(?:해|돼|됩니다|해요|돼요)|올려|올려라|신청해|신청해라|신청하자|기안해|상신해|상신|해라|하자|할게|할게요|할래|할래요|겠습니다|겠어요|(?:신청|상신|기안|등록|예약|요청|청구|발주|취소)(?:합니다|드립니다|드려요|해요|함)|신청합니다|신청할게|신청할래)$"
)
_DO_NOUN_KO: Final = re.compile(r"(?:신청|상신|기안|등록|예약|요청|품의|청구|발주|취소|삭제|변경|수정|승인|반려)$")
_PAST_KO: Final = re.compile(
    r"[가-힣]*[았었였했됐렸썼샀났갔왔팔]\w*(?:어|나|지|니|는지|던|습니까|고|을까|음)|[가-힣]+(?:한|쓴|산|판|된|간|온|난|낸|린)\s|지난|어제|작년|그동안"
)
_FUTURE_KO: Final = re.compile(r"예정|[ㄹ을할갈쓸될올낼]\s?(?:거|것|예정|계획)|앞으로|다가오는")

_TELL_EN: Final = re.compile(
    r"^(?:please\s+)?(?:(?:can|could|would|will)\s+you\s+)?(?:please\s+)?(?:show|tell|list|give\s+me|find|get|look\s*up|check|display|fetch|summari[sz]e|let\s+me\s+(?:know|see))\b",
    re.IGNORECASE,
)
_ASK_EN: Final = re.compile(
    r"^(?:what|what's|who|who's|whose|when|where|which|why|how|is|are|am|do|does|did|has|have|was|were)\b|\?\s*$",
    re.IGNORECASE,
)
_DO_EN: Final = re.compile(
    r"^(?:hi,?\s+|hello,?\s+)?(?:please\s+)?(?:(?:can|could|would|will)\s+you\s+)?(?:please\s+)?"
    r"(?:book|request|file|submit|apply|take|order|buy|purchase|register|create|add|draft|put\s+in|raise|make|reserve|schedule|cancel|delete|remove|update|change|approve|reject|send|claim|expense|reimburse|set|transfer|pay|help\s+me\s+(?:book|request|file))\b"
    r"|^(?:i\s+(?:want|need|would\s+like|wanna)|i'd\s+like|i'll|i\s+will|i\s+am\s+going|i'm\s+going|let's|let\s+me|can\s+i|could\s+i|may\s+i)\b(?!\s+(?:to\s+)?(?:know|see|ask|check|find|look))",
    re.IGNORECASE,
)
_PAST_EN: Final = re.compile(
    r"\b(?:did|was|were|spent|sold|took|taken|used|bought|had|made|paid|got|went|joined|earned|\w{3,}ed)\b",
    re.IGNORECASE,
)
_FUTURE_EN: Final = re.compile(r"\b(?:will|going\s+to|upcoming|next|coming|planned)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of the text that is understood by itself: a day, an amount, a person, a quotation.

    `value` holds JSON values by kind: date: start, end, grain, assumed, edge; money: won; count: number, unit;
    person: phrases; unit: unit; quote: text; name (a row, known by its looks or from the door): nothing;
    negation: head, the word that is turned round, and sort, "not" or "past" (already done).
    An assumed date holds under "past" how it reads of what is over.
    """

    kind: Kind
    start: int
    end: int
    text: str
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One question or request of a text; positions are positions in the whole text."""

    text: str
    start: int
    end: int
    act: Act
    sense: Sense
    entities: tuple[Entity, ...]
    words: tuple[Word, ...]

    def apart_from(self, names: Sequence[tuple[int, int]]) -> "Part":
        """The part with what the names cover taken out of its words: a name says nothing about the subject."""
        kept = [
            entity
            for entity in self.entities
            if entity.kind != "count" or not any(start <= entity.start < end for start, end in names)
        ]
        covered = [(entity.start, entity.end) for entity in kept] + list(names)
        found = tuple(
            Entity("name", start, end, self.text[start - self.start : end - self.start], {}) for start, end in names
        )
        words = _words(self.text, self.start, covered)
        return replace(self, words=words, entities=tuple(sorted((*kept, *found), key=lambda each: each.start)))

    def with_words_of(self, names: Sequence[tuple[int, int]]) -> "Part":
        """The part with these names read as words again: "무선 마우스" may be a product, or what is to be bought."""
        kept = tuple(e for e in self.entities if e.kind != "name" or (e.start, e.end) not in names)
        words = _words(self.text, self.start, [(entity.start, entity.end) for entity in kept])
        return replace(self, words=words, entities=kept)

    def of(self, *kinds: Kind) -> list[Entity]:
        """The entities of these kinds, in the order of the text."""
        return [entity for entity in self.entities if entity.kind in kinds]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was understood of a request before anything is looked up."""

    lang: Lang
    text: str
    today: date
    parts: tuple[Part, ...]

    @property
    def entities(self) -> list[Entity]:
        """The entities of all parts."""
        return [entity for part in self.parts for entity in part.entities]

    def body(self) -> dict[str, Any]:
        """The analysis as JSON values: what is stored as the run's first step."""
        return {
            "lang": self.lang,
            "today": self.today.isoformat(),
            "parts": [
                {
                    "text": part.text,
                    "act": part.act,
                    "sense": part.sense,
                    "entities": [{"kind": e.kind, "text": e.text, "value": e.value} for e in part.entities],
                    "words": [word.text for word in part.words if not word.passed],
                }
                for part in self.parts
            ],
        }


def analyze(text: str, today: date, lang: Lang | None = None, *, split: bool = True) -> Analysis:
    """Read a request. Its language is seen from its letters; `lang` decides where there are none.

    Without `split` a request that looks compound is read as one part.
    """
    clean = " ".join(normal(text)[:TEXT_MAX].split(" ")).strip()
    spoken = language_of(clean, lang)
    spans = _spans(clean, today, spoken) if split else [(0, len(clean))]
    parts = [_part(clean, start, end, today, spoken) for start, end in spans]
    said = [part for part in parts if part.entities or any(not word.passed or word.question for word in part.words)]
    return Analysis(spoken, clean, today, tuple(said or parts[:1]))


def language_of(text: str, lang: Lang | None = None) -> Lang:
    """Korean when a Korean would have written it: English sentences may hold Korean names, not Korean verbs."""
    hangul = len(re.findall(r"[가-힣]", text))
    latin_words = len(re.findall(r"[A-Za-z]{2,}", text))
    if not hangul and not latin_words:
        return lang or "ko"
    hangul_words = len(re.findall(r"[가-힣]+", text))
    return "ko" if hangul_words and hangul_words * 1.5 >= latin_words else "en"


def phrases(part: Part) -> dict[str, tuple[int, int]]:
    """What in a part may name a row, and where it stands: names of people, quotations, runs of up to four words."""
    found: dict[str, tuple[int, int]] = {}
    for entity in part.of("person", "quote"):
        for phrase in entity.value.get("phrases") or [entity.value["text"]]:
            found.setdefault(phrase, (entity.start, entity.end))
    taken = [(entity.start, entity.end) for entity in part.entities if entity.kind in {"date", "money", "quote"}]
    tokens = [
        (match.start() + part.start, match.end() + part.start) for match in re.finditer(r"[^\s,?!()\"“”‘]+", part.text)
    ]
    for size in range(PHRASE_WORDS_MAX, 0, -1):
        for at in range(len(tokens) - size + 1):
            start, end = tokens[at][0], tokens[at + size - 1][1]
            if any(start < last and first < end for first, last in taken):
                continue
            for form, length in _name_forms(part.text[start - part.start : end - part.start]):
                found.setdefault(form, (start, start + length))
    return dict(list(found.items())[:PHRASES_MAX])


# 재무팀장 is the 팀장 of 재무팀: the name of the unit shares a syllable with the post, which stays a word.
_LEAD_OF: Final = re.compile(
    r"^(?P<unit>[가-힣A-Za-z0-9 ]+(?:팀|본부|실|센터))장(?:님)?(?:은|는|이|가|을|를|의|께|한테|에게)?$"
)


def _name_forms(written: str) -> Iterator[tuple[str, int]]:
    """A run of words as a name: as written and without particle, honorific or possessive."""
    bare = written.rstrip(".,;:").removesuffix("'s").removesuffix("’s")
    if len(bare) > 1:
        yield bare, len(bare)
    for ending in NAME_ENDINGS:
        if bare.endswith(ending) and len(bare) > len(ending) + 1:
            yield bare[: -len(ending)], len(bare) - len(ending)
    unit = _LEAD_OF.match(bare)
    if unit:
        yield unit["unit"], len(unit["unit"]) - (1 if unit["unit"].endswith(("팀", "실")) else 2)
    names = bare.split()
    if len(names) == FULL_NAME_WORDS and all(re.fullmatch(r"[A-Z][A-Za-z-]+", name) for name in names):
        for form in (f"{names[1]} {names[0]}", bare.replace("-", ""), f"{names[1]} {names[0]}".replace("-", "")):
            yield form, len(bare)


def _spans(text: str, today: date, lang: Lang) -> list[tuple[int, int]]:
    """Where the parts of a compound request stand."""
    guarded = [match.span() for match in _QUOTED.finditer(text)]
    guarded += [(found.start, found.end) for found in find_dates(text, _grammar(lang), today, "near")]
    cuts = [match.span() for match in _SENTENCE.finditer(text)]
    for pattern in (_VERB_AND, _TOLD_AND, _AND_KO) if lang == "ko" else (_AND_EN,):
        cuts += [match.span() for match in pattern.finditer(text)]
    spans: list[tuple[int, int]] = []
    at = 0
    for start, end in sorted(cuts):
        if end <= at or any(start < last and first < end for first, last in guarded):
            continue
        keep = text[start:end].rstrip()
        stop = (
            end
            if keep.endswith("고") or keep[:1] in "?!？！" or ("고" in keep and lang == "ko" and "그리고" not in keep)
            else start
        )
        if text[at:stop].strip(" ,.?!"):
            spans.append((at, stop))
            at = end
    if text[at:].strip(" ,.?!") or not spans:
        spans.append((at, len(text)))
    return [_trimmed(text, start, end) for start, end in spans]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))


def _part(text: str, start: int, end: int, today: date, lang: Lang) -> Part:
    written = text[start:end]
    plain = re.sub(r"\s*\([^()]*\)\s*$", "", written)  # what is added in brackets narrows, it does not ask
    act = _act_ko(plain) if lang == "ko" else _act_en(plain)
    sense = _sense(written, act, lang)
    entities = sorted(_entities(written, start, today, sense, lang), key=lambda entity: entity.start)
    words = _words(written, start, [(entity.start, entity.end) for entity in entities])
    return Part(written, start, end, act, sense, tuple(entities), words)


def _words(text: str, offset: int, covered: Sequence[tuple[int, int]]) -> tuple[Word, ...]:
    words = words_of(text, [(start - offset, end - offset) for start, end in covered])
    return tuple(replace(word, start=word.start + offset, end=word.end + offset) for word in words)


def _act_ko(text: str) -> Act:
    bare = re.sub(r"[\s.!~^ㅎㅋㅠㅜ,]+$", "", text)
    asked = bare.endswith(("?", "？"))
    bare = bare.rstrip("?？ ")
    bare = re.sub(r"고$", "", bare) if _VERB_AND.search(f"{bare} ") else bare
    if _TELL_KO.search(bare):
        return "tell"
    if _DO_KO.search(bare) or re.search(r"(?:올리|내|넣|잡|올려주|신청하|신청해주|해주|어주)$", bare):
        return "do"
    if _QUESTION_KO.search(bare) or asked or _ASK_KO.search(bare):
        return "ask"
    return "do" if _DO_NOUN_KO.search(bare) else "name"


def _act_en(text: str) -> Act:
    bare = text.strip()
    if _TELL_EN.search(bare):
        return "tell"
    if _DO_EN.search(bare):
        return "do"
    return "ask" if _ASK_EN.search(bare) else "name"


def _sense(text: str, act: Act, lang: Lang) -> Sense:
    if act == "do":
        return "future"
    past, future = (_PAST_KO, _FUTURE_KO) if lang == "ko" else (_PAST_EN, _FUTURE_EN)
    if future.search(text):
        return "near"
    return "past" if past.search(text) else "near"


def _span_value(span: Span) -> dict[str, Any]:
    return {
        "start": span.first.isoformat(),
        "end": span.last.isoformat(),
        "grain": span.grain,
        "assumed": span.assumed,
        "edge": span.edge,
    }


def _in_the_past(text: str, today: date, lang: Lang) -> dict[str, Any] | None:
    """The same expression as one would read it of what is over: for operations about what has happened."""
    found = find_dates(text, _grammar(lang), today, "past")
    return _span_value(found[0].span) if found and found[0].span else None


def _grammar(lang: Lang) -> Grammar:
    return dates_ko.GRAMMAR if lang == "ko" else dates_en.GRAMMAR


def _entities(text: str, offset: int, today: date, sense: Sense, lang: Lang) -> list[Entity]:
    """Everything understood by itself, first come first served: quotations, money, dates, people, counts."""
    found: list[Entity] = []
    for kind, start, end, value in _candidates(text, today, sense, lang):
        if not any(start + offset < entity.end and entity.start < end + offset for entity in found):
            found.append(Entity(kind, start + offset, end + offset, text[start:end], value))
    return found


def _candidates(text: str, today: date, sense: Sense, lang: Lang) -> Iterator[tuple[Kind, int, int, dict[str, Any]]]:
    for match in _QUOTED.finditer(text):
        yield "quote", match.start(), match.end(), {"text": next(group for group in match.groups() if group)}
    for amount in find_money(text):
        yield "money", amount.start, amount.end, {"won": amount.won}
    for when in find_dates(text, _grammar(lang), today, sense):
        kind, value = _date_value(text[when.start : when.end], when.span, today, sense, lang)
        yield kind, when.start, when.end, value
    people = find_people(text, lang)
    taken = [(person.start, person.end) for person in people]
    for turned in find_negations(text, lang):
        if not any(turned.start < end and start < turned.end for start, end in taken):
            yield "negation", turned.start, turned.end, {"head": turned.head, "sort": turned.sort}
    for unit in find_units(text):
        yield "unit", unit.start, unit.end, {"unit": unit.value}
    for person in people:
        yield "person", person.start, person.end, {"phrases": list(person.phrases)}
    for own in find_self(text):
        yield "self", own.start, own.end, {}
    for count in find_counts(text, english=lang == "en"):
        beside = text[max(0, count.start - 1) : count.start] + ("" if count.unit else text[count.end : count.end + 1])
        if not re.search(r"[가-힣A-Za-z]", beside):
            yield "count", count.start, count.end, {"number": str(count.number), "unit": count.unit}


def _date_value(written: str, span: Span | None, today: date, sense: Sense, lang: Lang) -> tuple[Kind, dict[str, Any]]:
    if span is None:
        return "impossible_date", {}
    value = _span_value(span)
    if span.assumed and sense != "past":
        value["past"] = _in_the_past(written, today, lang)
    return "date", value
