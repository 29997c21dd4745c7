"""Which of the operations that this actor may use fit a request? Likeness to what the operations say of themselves.

No network: tf-idf over stems, senses, syllable pairs and kinds of entities, of each example and of the whole
declaration; and for a planner that understands more than declared words, nearness in meaning (`meanings.py`). The index
is built once for a set of operations. Whether a request is understood is not decided here.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from daeri.agent.analyzer import Analysis, Part
from daeri.agent.tokens import Word, bigrams, words_of
from daeri.agent.vocabulary import Vocabulary, read_vocabulary
from daeri.operations import Operation

INDEXES_KEPT: Final = 256
OPERATIONS_KEPT: Final = 4096
"""Bounds on what is kept: what is read of an operation, and the index of a set (of a role, of a question)."""
WEIGHT_STEM: Final = 1.0
WEIGHT_GUESS: Final = 0.3
"""A word as written and its guessed verb stems, beside the stems that are surer."""
WEIGHT_BIGRAM: Final = 0.35
WEIGHT_ENTITY: Final = 0.6
WEIGHT_PASSED: Final = 0.1
WEIGHT_QUESTION: Final = 0.6
SHARE_OF_EXAMPLE: Final = 0.5
SHARE_OF_WHOLE: Final = 0.25
SHARE_OF_DECLARED: Final = 0.25
"""How much count: the most alike example; all it says; the part of the request that its label and words name."""

SHARE_OF_WORDS: Final = 0.25
"""How much words count beside meaning, where meaning is known."""
PART_OF_PHRASE: Final = 0.5
"""A word that an operation declares only within a phrase ("실적 순위") names it less than a word of its own."""

Features = Mapping[str, float]


class Near(Protocol):
    """What knows how near texts are to operations in meaning; `Meanings` is one."""

    def nearness(self, texts: Sequence[str]) -> Mapping[str, float]:
        """Return it for each operation that is known, by its name."""
        ...


@dataclass(frozen=True, slots=True)
class Scored:
    """An operation and how well it fits, from 0 to 1."""

    operation: Operation
    score: float


@dataclass(frozen=True, slots=True)
class _Document:
    """Weighted features of one example (or of the whole of what an operation says), of length 1."""

    operation: int
    whole: bool


class Index:
    """The features of a set of operations, for many requests."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        """Read every operation once."""
        read = [_read(_Same((each,))) for each in operations]
        self.vocabularies: dict[str, Vocabulary] = {each.operation.name: each for each, _ in read}
        raw = [(at, whole, features) for at, (_, documents) in enumerate(read) for whole, features in documents]
        self._rarity = _rarity(raw, len(operations))
        self._documents = [_Document(at, whole) for at, whole, _ in raw]
        self._postings: dict[str, list[tuple[int, float]]] = {}
        for number, (_, _, features) in enumerate(raw):
            for feature, weight in self._unit(features).items():
                self._postings.setdefault(feature, []).append((number, weight))
        self._naming: dict[str, list[tuple[int, float]]] = {}
        for at, (vocabulary, _) in enumerate(read):
            for stem in vocabulary.named:
                share = 1.0 if stem in vocabulary.single else PART_OF_PHRASE
                self._naming.setdefault(stem, []).append((at, share))

    def scores(self, part: Part) -> dict[str, float]:
        """How well each operation fits one part of a request, from 0 to 1."""
        return self.likeness(part)[0]

    def likeness(self, part: Part) -> tuple[dict[str, float], dict[str, float]]:
        """How well each operation fits one part of a request, and how well its most alike example alone."""
        likeness = [0.0] * len(self._documents)
        for feature, weight in self._unit(_features(part)).items():
            for number, other in self._postings.get(feature, ()):
                likeness[number] += weight * other
        best = [0.0] * len(self.vocabularies)
        whole = [0.0] * len(self.vocabularies)
        for document, value in zip(self._documents, likeness, strict=True):
            kind = whole if document.whole else best
            kind[document.operation] = max(kind[document.operation], value)
        declared = self._declared(part)
        fits = {
            name: SHARE_OF_EXAMPLE * best[at] + SHARE_OF_WHOLE * whole[at] + SHARE_OF_DECLARED * declared.get(at, 0.0)
            for at, name in enumerate(self.vocabularies)
        }
        return fits, dict(zip(self.vocabularies, best, strict=True))

    def _declared(self, part: Part) -> dict[int, float]:
        """The share of the request's words that each operation's label and words hold; rare words count more."""
        total, more, named = 0.0, dict[int, float](), dict[int, float]()
        for word in part.words:
            if word.passed or word.question:
                continue
            usual = max((self._rarity.get(stem, 0.0) for stem in word.stems), default=0.0) or self._rarity[""]
            total += usual
            for at, (rarity, share) in self._holders(word).items():
                more[at] = more.get(at, 0.0) + rarity - usual
                named[at] = named.get(at, 0.0) + rarity * share
        return {at: value / (total + more[at]) for at, value in named.items()}

    def _holders(self, word: Word) -> dict[int, tuple[float, float]]:
        """Which operations are named by a word, how rare the rarest stem that they share with it is, and how surely."""
        found: dict[int, tuple[float, float]] = {}
        for stem in word.stems:
            rarity = self._rarity.get(stem, 0.0)
            for at, share in self._naming.get(stem, ()):
                before = found.get(at, (0.0, 0.0))
                found[at] = (max(before[0], rarity), max(before[1], share))
        return found

    def _unit(self, features: Features) -> dict[str, float]:
        common = self._rarity.get("", 1.0)
        weighted = {name: value * self._rarity.get(name, common) for name, value in features.items()}
        length = math.sqrt(sum(value * value for value in weighted.values())) or 1.0
        return {name: value / length for name, value in weighted.items()}


class _Same:
    """A set of operations, told apart by identity: operations are made once, at import."""

    __slots__ = ("_key", "operations")

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = tuple(operations)
        self._key = tuple(id(operation) for operation in self.operations)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._key == self._key


def index_of(operations: Sequence[Operation]) -> Index:
    """The index of a set of operations, built when the set is first seen."""
    return _built(_Same(operations))


def select(
    analysis: Analysis,
    operations: Sequence[Operation],
    top: int,
    *,
    earlier: Sequence[Analysis] = (),
    meanings: Near | None = None,
) -> list[Scored]:
    """The `top` operations that fit any part of the request best, best first.

    What was asked `earlier` in the conversation counts too: "그럼 지난달은?" says nothing of its subject. Operations
    that search text are given besides.
    """
    index = index_of(operations)
    best: dict[str, float] = {}
    parts = [part for each in (analysis, *earlier) for part in each.parts]
    for part in parts:
        for name, score in index.scores(part).items():
            best[name] = max(best.get(name, 0.0), score)
    if meanings is not None and len(operations) > top:
        near = meanings.nearness([part.text for part in parts])
        best = {
            name: max(0.0, (1 - SHARE_OF_WORDS) * near.get(name, words) + SHARE_OF_WORDS * words)
            for name, words in best.items()
        }
    scored = [Scored(operation, round(best.get(operation.name, 0.0), 4)) for operation in operations]
    ranked = sorted(scored, key=lambda each: (-each.score, each.operation.name))
    # A search takes any words, so no likeness of words tells whether it can help: it is always within reach.
    return ranked[:top] + [each for each in ranked[top:] if each.operation.signature.searched]


@lru_cache(maxsize=OPERATIONS_KEPT)
def _read(same: _Same) -> tuple[Vocabulary, list[tuple[bool, Features]]]:
    vocabulary = read_vocabulary(same.operations[0])
    return vocabulary, list(_documents(vocabulary))


@lru_cache(maxsize=INDEXES_KEPT)
def _built(same: _Same) -> Index:
    return Index(same.operations)


def _documents(vocabulary: Vocabulary) -> Iterable[tuple[bool, Features]]:
    operation = vocabulary.operation
    whole: dict[str, float] = {}
    for part in vocabulary.parts:
        features = _features(part)
        yield False, features
        for name, value in features.items():
            whole[name] = max(whole.get(name, 0.0), value)
    declared = [
        operation.label.ko,
        operation.label.en,
        *operation.words,
        operation.name.replace("_", " ").replace(".", " "),
    ]
    for text in [*declared, operation.summary]:
        for name, value in _of_words(words_of(text)).items():
            whole[name] = max(whole.get(name, 0.0), value if text in declared else value / 2)
    for stem in vocabulary.named:
        whole.setdefault(stem, WEIGHT_STEM / 2)
    yield True, whole


def _features(part: Part) -> Features:
    """What a part of a request looks like: its words, and of its entities only the kind."""
    found = _of_words(part.words)
    for entity in part.entities:
        grain = entity.value.get("grain", "")
        kind = f"<{entity.kind}>" if entity.kind != "date" else "<days>" if grain in {"day", "days"} else "<period>"
        found[kind] = max(found.get(kind, 0.0), WEIGHT_ENTITY)
    return found


def _of_words(words: Iterable[Word]) -> dict[str, float]:
    found: dict[str, float] = {}

    def add(feature: str, weight: float) -> None:
        found[feature] = max(found.get(feature, 0.0), weight)

    for word in words:
        if word.question:
            add(f"?{word.question}", WEIGHT_QUESTION)
            continue
        if word.passed:
            add(word.text.lower(), WEIGHT_PASSED)
            continue
        written = word.text.lower()
        for stem in word.stems:
            guessed = stem == written or (stem.endswith("다") and "가" <= stem[0] <= "힣")
            add(stem, WEIGHT_GUESS if guessed and len(word.stems) > 1 else WEIGHT_STEM)
        for pair in bigrams(word.text):
            add(f"2{pair}", WEIGHT_BIGRAM)
    return found


def _rarity(documents: Sequence[tuple[int, bool, Features]], operations: int) -> dict[str, float]:
    """Inverse document frequency over operations; under "" that of a feature never seen."""
    holders: dict[str, set[int]] = {}
    for at, _, features in documents:
        for feature in features:
            holders.setdefault(feature, set()).add(at)
    rarity = {name: math.log(1 + (operations + 1) / (len(ops) + 0.5)) for name, ops in holders.items()}
    return rarity | {"": math.log(1 + (operations + 1) / 0.5) / 2}
