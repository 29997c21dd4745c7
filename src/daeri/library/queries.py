"""What does somebody who searches mean by their words? Tokens with weights: endings off, synonyms and spellings added.

No model: particles and question words are taken off Korean words, numbers are read by value, initials as initials, and
the company's own list of terms says what else a thing is called.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from daeri.library.tokens import folded, singular, tokens_of

QUERY_MAX: Final = 1_000
TOKENS_MAX: Final = 64
SYNONYM_WEIGHT: Final = 0.6
"""What a token weighs that comes from another name of a thing."""
KIND_WEIGHT: Final = 0.4
"""What a word weighs that says what sort of text is looked for: "규정" stands in nearly every regulation."""
ACT_WEIGHT: Final = 0.35
"""What a verb weighs among the things asked about: texts say with other verbs what people ask with theirs."""

# Words of asking: they say what sort of answer is wanted, not what it is about.
_ASKING_KO: Final = re.compile(
    r"(?:알려|보여|찾아|말해|설명해|가르쳐|조회해|검색해|확인해|정리해|요약해)(?:줘|주세요|줄래|주라|줄\s?수\s?있어|야)?요?"
    r"|(?:어떻게|어떡해|어떤|무엇|뭐가|뭐야|뭔가요|뭐|뭘|무슨|언제|어디|누구|누가|왜|얼마나|얼마|며칠|몇(?:\s?(?:살|번|군데|가지))?)"
    r"(?:까지|부터|에서|에게|한테|에|로|서|랑)?"
    r"(?:야|예요|이에요|이야|인가요|인지|지|죠|돼|되나요|되지|돼요|됩니까|하나요|해|해요|하지|해야\s?해|해야\s?하나요)?"
    r"|(?:있어|있나|있나요|있습니까|있는지|되나요|되나|돼|돼요|됩니까|되는지|하나요?|합니까|해야\s?하나요|해야\s?해|인가요|입니까|일까)요?"
    r"|궁금(?:해|해요|합니다)|(?:좀|혹시|그럼|그리고|대해|대해서|관해|관련|관련해서|관한|대한|수|것|거|때|경우)(?=\s|$)"
)
_ENDINGS: Final = tuple(
    sorted(
        [
            "은",
            "는",
            "이",
            "가",
            "을",
            "를",
            "의",
            "에",
            "도",
            "만",
            "로",
            "와",
            "과",
            "에서",
            "에게",
            "한테",
            "으로",
            "부터",
            "까지",
            "이나",
            "라도",
            "이랑",
            "하고",
            "에는",
            "에도",
            "에서는",
            "으로는",
            "으로도",
            "까지는",
            "이란",
            "란",
            "이야",
            "인가",
            "인지",
            "이에요",
            "예요",
            "인가요",
            "입니까",
            "일까",
            "이니",
            "라는",
            "이라는",
            "처럼",
            "보다",
            "마다",
            "께",
            "님",
        ],
        key=len,
        reverse=True,
    )
)
_BARE_MIN: Final = 2
_TAILS: Final = (
    "면|려면|려고|는|는데|는지|나|나요|니|니까|야|야만|여|여야|서|도|고|지|죠|기|게|던|어|었어|어요|요|여도|려|다|지만"
)
_DOES: Final = re.compile(rf"([가-힣]{{2,}}?)(?:하|해|했|한|할|함|합|되|돼|됐|된|될)(?:{_TAILS})?")
"""하다 or 되다 after a noun ("결혼하면", "청구할"): the noun is what is meant."""
_ACTS: Final = re.compile(
    r".|.[는을]|.*[해써와워려꿔]도|.*[아어여해와가워꿔써내줘둬봐돼세러려켜쳐]야만?|.*져"
    r"|(?!.*(?:화|서|전|측|후|지|정|양)면$).*면|.*(?:나요|니까|려고|세요|는데|는지|지요|말고|다가)"
    r"|(?!육아|유아|언어|국어|영어|단어|고려|배려|격려).[아어와워려꿔]"
)
"""Korean words that look like verbs, by their ends, or are too short to be found by ("쓴", "줘", "넘는", "받아야")."""
_PASSED_EN: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "for",
        "to",
        "in",
        "on",
        "at",
        "with",
        "from",
        "by",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "am",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "i",
        "me",
        "my",
        "we",
        "us",
        "our",
        "you",
        "your",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "please",
        "can",
        "could",
        "would",
        "will",
        "shall",
        "may",
        "might",
        "should",
        "must",
        "tell",
        "show",
        "give",
        "find",
        "get",
        "let",
        "know",
        "want",
        "need",
        "use",
        "used",
        "happen",
        "happens",
        "often",
        "soon",
        "too",
        "also",
        "after",
        "before",
        "over",
        "than",
        "then",
        "no",
        "not",
        "so",
        "into",
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "why",
        "how",
        "many",
        "much",
        "long",
        "and",
        "or",
        "if",
        "about",
        "any",
        "some",
    ]
)
_KINDS: Final = frozenset(
    [
        "규정",
        "규칙",
        "지침",
        "내규",
        "기준",
        "정책",
        "절차",
        "방법",
        "안내",
        "매뉴얼",
        "문서",
        "자료",
        "내용",
        "사항",
        "policy",
        "regulation",
        "rule",
        "manual",
        "guide",
        "procedure",
        "document",
        "handbook",
        "회사",
        "사내",
        "우리",
        "저희",
        "company",
    ]
)
"""Words that say what sort of text is looked for, or whose, not what it is about."""
_KOREAN: Final = re.compile(r"[가-힣]+")
_OWNER: Final = re.compile(r"(?<=[a-z])['’]s\b")
_WORDS: Final = re.compile(r"[가-힣]+|[a-z]+|[^\s가-힣a-z]+")


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for.

    Attributes:
        text: as it was asked, in one spelling; what its vector is made of.
        tokens: each with its weight.
        words: the words that carry meaning, for marking them in what is found.
        ideas: for each of these words the ways of saying it, each a set of tokens; the word's own way is the first.
        shares: what each of these ideas weighs, from 0 to 1.
    """

    text: str
    tokens: dict[str, float]
    words: tuple[str, ...] = field(default=())
    ideas: tuple[tuple[frozenset[str], ...], ...] = field(default=())
    shares: tuple[float, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Terms:
    """What else the company calls things: groups of names that mean the same."""

    groups: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, groups: Iterable[Sequence[str]]) -> "Terms":
        """Take groups of names."""
        return cls(tuple(tuple(folded(name) for name in group) for group in groups))

    def said(self, plain: str) -> list[tuple[list[str], list[str]]]:
        """Return for each group that a folded text names: the names it says, spaces aside, and the others."""
        tight = plain.replace(" ", "")
        found = []
        for group in self.groups:
            said = [name for name in group if _names(name, plain, tight)]
            if said:
                found.append((said, [name for name in group if name not in said]))
        return found


def _names(name: str, plain: str, tight: str) -> bool:
    if _KOREAN.match(name):
        return name.replace(" ", "") in tight
    return re.search(rf"(?<![a-z]){re.escape(name)}s?(?![a-z])", plain) is not None


def read_query(text: str, terms: Terms | None = None) -> Query:
    """Read what somebody searches for."""
    plain = " ".join(folded(text[:QUERY_MAX]).split())
    words = _content(plain)
    named = (terms or Terms()).said(plain)
    tokens: dict[str, float] = {}
    telling = [word for word in words if singular(word) not in _KINDS]
    for token in tokens_of(" ".join(telling)) + [token for token in tokens_of(plain) if token.startswith("#")]:
        tokens.setdefault(token, 1.0)
    for token in tokens_of(" ".join(words)):
        tokens.setdefault(token, KIND_WEIGHT if telling else 1.0)
    for _, others in named:
        for token in (token for name in others for token in tokens_of(name)):
            tokens.setdefault(token, SYNONYM_WEIGHT)
    if not tokens:
        tokens = dict.fromkeys(tokens_of(plain), 1.0)
    ideas = [(ways, _share_of(word)) for word in words if (ways := _ways(word, named))]
    return Query(
        plain,
        dict(list(tokens.items())[:TOKENS_MAX]),
        tuple(words),
        tuple(ways for ways, _ in ideas),
        tuple(share for _, share in ideas),
    )


def _ways(word: str, named: Sequence[tuple[list[str], list[str]]]) -> tuple[frozenset[str], ...]:
    """Return the ways of saying a word: itself, and the other names of what it names, with what it says beside that."""
    does = _DOES.fullmatch(word)
    own = frozenset(tokens_of(does[1] if does else word))
    if not own:
        return ()
    ways = [own]
    for said, others in named:
        meant = [own & tokens for name in said if not own.isdisjoint(tokens := frozenset(tokens_of(name)))]
        rest = own - max(meant, key=len) if meant else own
        ways += [frozenset(tokens_of(name)) | rest for name in others if meant]
    return tuple(ways)


def _share_of(word: str) -> float:
    """Return how much it counts whether a text speaks of a word: less for kinds of text, and for verbs."""
    if singular(word) in _KINDS:
        return KIND_WEIGHT
    return ACT_WEIGHT if _KOREAN.match(word) and not _DOES.fullmatch(word) and _ACTS.fullmatch(word) else 1.0


def _content(plain: str) -> list[str]:
    """Return the words that say what is asked about, without endings."""
    left = _ASKING_KO.sub(" ", plain) if _KOREAN.search(plain) else _OWNER.sub("", plain)
    words = []
    for word in _WORDS.findall(left):
        if word in _PASSED_EN:
            continue
        words.append(_bare(word) if _KOREAN.match(word) else word)
    return [word for word in words if re.search(r"\w", word)] or _WORDS.findall(plain)


def _bare(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _BARE_MIN:
            return word[: -len(ending)]
    return word
