"""Which words, entities and parameters belong to an operation? Read once from its declaration, never from its name.

What an operation's label, examples and words say is all that the keyless planner may take as understood for it. Its
docstring is not read here: "not for severance pay" there must not make the planner answer about severance pay.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, Literal

from daeri.agent.analyzer import Analysis, Entity, Part, analyze
from daeri.agent.lexicon import ASKING, PRICES, listed
from daeri.agent.tokens import Question, Word, stems_of, words_of
from daeri.operations import Operation
from daeri.operations.declare import choices_of, kind_of
from daeri.records import Person, Team
from daeri.wording import Lang

SlotKind = Literal["reference", "date", "money", "choice", "integer", "decimal", "text", "flag", "other"]

EXAMPLES_READ_ON: Final = date(2026, 3, 11)
"""Examples are read as if on this day; only the kinds of what they name count, not the days."""
COMMON_EXAMPLES: Final = 2
"""A word in so many examples is how people speak of the operation; a word in one may be a filler such as an item."""

MARKING_EXAMPLES: Final = 3
MARKING_SHARE: Final = 0.6
"""A stem in so many and so large a share of the examples marks the operation."""

_GIVEN: Final = re.compile(r"e\.g\. ([^,;()]+)")
"""Names that a parameter's description gives as examples: 한빛 모니터 27."""
_DEFAULT_ME: Final = re.compile(
    r"없으면 (?:나|본인|자신|요청자)\b|\bmissing: the asker|\bdefault: the asker", re.IGNORECASE
)
_DEFAULT: Final = re.compile(r"없으면 ([^()]+)|\(missing: ([^()]+)\)")
_CHOICE_WORDS: Final = r"{choice}\s*\(([^()]*)\)"
# Names as examples write them: Korean units by their ending, English names by their capitals, "the sales division".
_KOREAN_UNIT: Final = re.compile(
    r"(?<![가-힣A-Za-z0-9])[가-힣A-Za-z0-9]+(?:팀|본부|센터)(?=$|[^가-힣]|장|은|는|이|가|을|를|의|에|과|와|도)"
)
_NAME: Final = re.compile(
    rf"{_KOREAN_UNIT.pattern}|\b[A-Z][A-Za-z-]*(?:\s(?:[A-Z][A-Za-z-]*|\d+))*\b"
    r"|(?<=\bthe )(?:[a-z]+\s){1,2}(?:team|division|department)\b"
)
_LABEL: Final = re.compile(r"^\s*([^(,:;]+?)\s*(?:\(([^()]*)\))?\s*(?:[,:;]|$)")


@dataclass(frozen=True, slots=True)
class Slot:
    """One parameter of an operation, as the planner fills it.

    Attributes:
        record: the record type that a reference names; "" for others.
        person, team: whether that record is the company's Person or Team.
        choices: each value of a choice with the ways of saying it, each way a sequence of stem sets.
        default_me: the parameter's description says that the asker is meant when it is missing.
    """

    name: str
    kind: SlotKind
    required: bool
    label_ko: str
    label_en: str
    description: str
    record: str = ""
    person: bool = False
    team: bool = False
    choices: tuple[tuple[Any, tuple[tuple[frozenset[str], ...], ...]], ...] = ()
    default_me: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """What is understood for one operation."""

    operation: Operation
    slots: tuple[Slot, ...]
    examples: tuple[Analysis, ...]

    @cached_property
    def parts(self) -> list[Part]:
        """Every example's parts."""
        return [part for example in self.examples for part in example.parts]

    @cached_property
    def core(self) -> frozenset[str]:
        """Stems of its label, its words, and of what its examples have in common."""
        stems = set(self._declared)
        for lang in ("ko", "en"):
            counted: Counter[str] = Counter()
            for example in self.examples:
                if example.lang == lang:
                    counted.update({stem for part in example.parts for word in part.words for stem in word.stems})
            stems |= {stem for stem, count in counted.items() if count >= COMMON_EXAMPLES}
        for part in self.parts:
            edge = part.words[-1:] if _is_korean(part.text) else part.words[:1]
            stems |= {stem for word in edge for stem in word.stems}
        return frozenset(stems)

    @cached_property
    def known(self) -> frozenset[str]:
        """Stems of all it says of itself, examples included."""
        said = {stem for part in self.parts for word in part.words for stem in word.stems}
        return self.core | said | self._defaults

    @cached_property
    def declared(self) -> frozenset[str]:
        """Stems of its label and words only."""
        return frozenset(self._declared)

    @cached_property
    def named(self) -> frozenset[str]:
        """Stems by which it is recognised: its label, its words, the values of its choices."""
        said = (stems for slot in self.slots for _, ways in slot.choices for way in ways for stems in way)
        return self.declared | {stem for stems in said for stem in stems}

    @cached_property
    def single(self) -> frozenset[str]:
        """Stems that it declares as words of their own, not only as a part of a phrase ("실적 순위")."""
        labels = [words_of(label) for label in (self.operation.label.ko, self.operation.label.en)]
        choices = (stems for slot in self.slots for _, ways in slot.choices for way in ways for stems in way)
        found = {stem for words in labels for word in words for stem in word.stems}
        return frozenset(self._alone | found | {stem for stems in choices for stem in stems})

    @cached_property
    def _alone(self) -> frozenset[str]:
        alone = [words[0] for text in self.operation.words if len(words := words_of(text)) == 1]
        return frozenset(stem for word in alone for stem in word.stems)

    @cached_property
    def joined(self) -> frozenset[str]:
        """Two neighbouring words written as one: 내선 번호, 내선번호."""
        found: set[str] = set()
        for words in [part.words for part in self.parts] + [tuple(words_of(text)) for text in self.operation.words]:
            for first, second in pairwise(words):
                found |= {first.text.lower() + stem for stem in second.stems if not stem.startswith("=")}
        return frozenset(found)

    def marks(self, *, korean: bool) -> frozenset[str]:
        """Stems in most of its examples of one language: what people say when they mean it."""
        counted: Counter[str] = Counter()
        examples = [each for each in self.examples if (each.lang == "ko") == korean]
        for example in examples:
            words = [word for part in example.parts for word in part.words if not word.passed]
            counted.update({stem for word in words for stem in word.stems})
        enough = max(MARKING_EXAMPLES, MARKING_SHARE * len(examples))
        return frozenset(stem for stem, count in counted.items() if count >= enough)

    @cached_property
    def questions(self) -> frozenset[Question]:
        """The sorts of question its examples and words ask."""
        asked = {word.question for part in self.parts for word in part.words}
        return frozenset(asked | {word.question for text in self.operation.words for word in words_of(text)})

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of entities its examples name."""
        return frozenset(entity.kind for part in self.parts for entity in part.entities)

    @cached_property
    def negations(self) -> list[Entity]:
        """What its examples and words turn round: "안 쓸래, 취소해줘"."""
        said = [part for text in self.operation.words for part in analyze(text, EXAMPLES_READ_ON).parts]
        return [entity for part in (*self.parts, *said) for entity in part.of("negation")]

    def negates(self, entity: Entity) -> bool:
        """Whether it says of itself what a negation of a request says: the same of the same word."""
        return any(_same_negation(each, entity) for each in self.negations)

    @cached_property
    def dates(self) -> list[Entity]:
        """The days and periods its examples name."""
        return [entity for part in self.parts for entity in part.of("date")]

    @cached_property
    def looks_back(self) -> bool:
        """Its examples speak of days that are over."""
        starts = [date.fromisoformat(entity.value["start"]) for entity in self.dates]
        return bool(starts) and all(start <= EXAMPLES_READ_ON for start in starts)

    @cached_property
    def _marks(self) -> dict[bool, frozenset[str]]:
        return {korean: self.marks(korean=korean) for korean in (True, False)}

    def marked(self, words: Iterable[Word], lang: Lang) -> float:
        """The share of its marks that the words bear; 1 where it has none, or where one of its own words is said."""
        words = [word for word in words if not word.passed]
        if any(not word.stems.isdisjoint(self._alone) for word in words):
            return 1.0
        marks = self._marks[lang == "ko"]
        borne = {stem for word in words for stem in word.stems} & marks
        return len(borne) / len(marks) if marks else 1.0

    def slots_of(self, *kinds: SlotKind) -> list[Slot]:
        """The parameters of these kinds, in the order of the signature."""
        return [slot for slot in self.slots if slot.kind in kinds]

    @cached_property
    def _declared(self) -> set[str]:
        operation = self.operation
        texts: list[str] = [operation.label.ko, operation.label.en, *operation.words]
        for slot in self.slots:
            if slot.kind in {"choice", "text"}:
                texts += [slot.label_ko, slot.label_en]
        return {stem for text in texts for word in words_of(text) for stem in word.stems}

    @cached_property
    def _defaults(self) -> set[str]:
        """Stems of what parameters mean when they are missing: "없으면 회사 전체"."""
        texts = [text for slot in self.slots for found in _DEFAULT.findall(slot.description) for text in found if text]
        return {stem for text in texts for word in words_of(text) for stem in word.stems}


def read_vocabulary(operation: Operation) -> Vocabulary:
    """Read an operation's declaration."""
    slots = tuple(_slot(operation, name, field) for name, field in operation.input.model_fields.items())
    given = [name.strip() for slot in slots if slot.record for name in _GIVEN.findall(slot.description)]
    examples = tuple(_nameless(analyze(text, EXAMPLES_READ_ON), given) for text in operation.examples)
    return Vocabulary(operation, slots, examples)


def _nameless(example: Analysis, given: Sequence[str]) -> Analysis:
    """An example without the names it speaks of: "Sales" in "Sales Team 1" is not a word about sales."""
    parts = []
    for part in example.parts:
        places = [(part.start + part.text.find(name), name) for name in given if name in part.text]
        part = part.apart_from([(start, start + len(name)) for start, name in places])  # noqa: PLW2901 - the same part
        names = [(part.start + match.start(), part.start + match.end()) for match in _NAME.finditer(part.text)]
        taken = [(entity.start, entity.end) for entity in part.entities if entity.kind != "count"]
        free = [(a, b) for a, b in names if a > part.start and not any(a < end and start < b for start, end in taken)]
        first = [(a, b) for a, b in names if a == part.start and _KOREAN_UNIT.match(part.text)]
        parts.append(part.apart_from([*first, *free]))
    return replace(example, parts=tuple(parts))


def _slot(operation: Operation, name: str, field: Any) -> Slot:
    description = field.description or ""
    label = _LABEL.match(description)
    record = operation.signature.references.get(name)
    kind: Any = "money" if name in operation.signature.money else kind_of(field.annotation)
    return Slot(
        name=name,
        kind=kind,
        required=field.is_required(),
        label_ko=label[1] if label else name,
        label_en=(label[2] if label and label[2] else name.replace("_", " ")),
        description=description,
        record=record.__tablename__ if record else "",
        person=bool(record and issubclass(record, Person)),
        team=bool(record and issubclass(record, Team)),
        choices=tuple((value, _ways(value, field)) for value in choices_of(field.annotation))
        if kind == "choice"
        else (),
        default_me=bool(_DEFAULT_ME.search(description)),
    )


def _ways(value: Any, field: Any) -> tuple[tuple[frozenset[str], ...], ...]:
    """The ways of saying a choice: its own words, those in brackets after it in the description, declared synonyms."""
    texts = [str(value)]
    found = re.search(_CHOICE_WORDS.format(choice=re.escape(str(value))), field.description or "")
    if found:
        for text in found[1].split(","):
            texts += [text, *_by_script(text)]
    extra = field.json_schema_extra
    if isinstance(extra, dict) and isinstance(extra.get("synonyms"), dict):
        texts += list(extra["synonyms"].get(str(value), []))
    ways = (tuple(stems_of(word.text) for word in words_of(text)) for text in texts)
    return tuple(dict.fromkeys(way for way in ways if way))


def _by_script(text: str) -> Iterable[str]:
    """Read "taxi 택시비" as two ways of saying it."""
    korean, latin = re.findall(r"[가-힣]+", text), re.findall(r"[A-Za-z-]+", text)
    return [" ".join(korean), " ".join(latin)] if korean and latin else []


def asks(word: Word) -> bool:
    """Say whether a word asks for something to be done: "file a request" does, "my files" names things."""
    written = word.text.casefold()
    return bool(word.stems & ASKING) and (written in ASKING or not written.endswith("s"))


def priced(word: Word) -> set[str]:
    """Return what a price is paid for: 점심 in 점심값."""
    return {
        stem[: -len(end)] for stem in word.stems for end in PRICES if stem.endswith(end) and len(stem) > len(end) + 1
    }


def explains(stems: frozenset[str], word: Word) -> bool:
    """Whether a word is among the stems, by itself or cut into words that are."""
    if not word.stems.isdisjoint(stems):
        return True
    return any(
        _cuts(stem, stems)
        for stem in word.stems
        if len(stem) > COMPOUND_OVER and "가" <= stem[0] <= "힣" and not stem.endswith("다")
    )


COMPOUND_OVER: Final = 2
"""A noun of more syllables may be made of two."""
_SUFFIXES: Final = frozenset(
    listed(
        """
    액 수 일수 금액 현황 내역 목록 정보 건수 명단 리스트 상황 잔여 남은 총 률표
    """
    )
)


def _cuts(noun: str, stems: frozenset[str]) -> bool:
    """연차휴가 is 연차 and 휴가; 매출액 is 매출 and 액. One piece at least must be the operation's own."""
    for at in range(1, len(noun)):
        head, tail = noun[:at], noun[at:]
        own_head, own_tail = len(head) > 1 and head in stems, len(tail) > 1 and tail in stems
        if (own_head and (own_tail or tail in _SUFFIXES)) or (own_tail and head in _SUFFIXES):
            return True
    return False


def _same_negation(declared: Entity, entity: Entity) -> bool:
    if declared.value["sort"] != entity.value["sort"] or declared.text[:1].lower() != entity.text[:1].lower():
        return False
    heads = declared.value["head"], entity.value["head"]
    if not all(heads):
        return declared.text.lower() == entity.text.lower()
    return not stems_of(heads[0]).isdisjoint(stems_of(heads[1]))


def _is_korean(text: str) -> bool:
    return bool(re.search(r"[가-힣]", text))
