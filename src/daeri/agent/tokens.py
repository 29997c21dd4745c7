"""What are the words of a text, in the forms that can be compared? Stems of Korean and English without a dictionary.

A word gets several candidate stems (남았어: 남았어, 남다; 휴가는: 휴가는, 휴가) and words match when one stem is
common. Too many candidates do little harm: both sides are made alike and rare stems rarely meet. No meaning is decided
here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

from daeri.agent.lexicon import (
    PASSED_EN,
    PASSED_EN_DISCOURSE,
    PASSED_KO,
    PASSED_KO_EXACTLY,
    PASSED_KO_VERBS,
    SAME,
    SENSES,
    listed,
)

Question = Literal["", "amount", "who", "when", "where", "why", "how"]

_WORD: Final = re.compile(
    r"[가-힣]+(?:[A-Za-z0-9]+[가-힣]*)*|[A-Za-z][A-Za-z0-9]*(?:['’.&-][A-Za-z0-9]+)*[가-힣]*|\d+[가-힣A-Za-z]*|%"
)

JOSA: Final = tuple(
    sorted(
        listed(
            """
    에서는 에서도 에서 에게서 에게는 에게 한테는 한테 께서는 께서 께 까지는 까지만 까지 부터는 부터 으로는
    으로도 으로 로는 로도 로 은 는 이 가 을 를 의 에는 에도 에 와는 과는 와 과 도 이랑 랑 하고 이나 나 이라도
    라도 이란 란 이라는 라는 이든 든 요 들은 들이 들을 들의 들 님은 님이 님의 님을 님한테 님께 님 씨는 씨가
    씨의 씨 쯤 째 이야 야 이에요 예요 이예요 에요 인가요 인가 인지 이지 지 이죠 죠 입니까 입니다 인데 이었어
    였어 였지 이었지 였나요 이었나요 이었나 였나 였어요 이었어요 이니 니 일까 일까요 이고 고 이며 이라 임 인
    이냐 냐 던가 였는지 이었는지 이면 면 별로 에대해 에대한 에게도 이요 네 이네
    """
        ),
        key=len,
        reverse=True,
    )
)
_HONORIFIC: Final = frozenset({"씨", "님", "째", "쯤", "들", "요", "네", "니", "지", "인", "임", "고", "랑", "나"})
"""After one syllable these are rather a part of the word: 날씨 is not 날."""
NAME_ENDINGS: Final = tuple(
    f"{honorific}{josa}"
    for honorific in ("", "님", "씨")
    for josa in ("", *JOSA)
    if f"{honorific}{josa}" and not josa.startswith(("님", "씨", "들"))
)
"""What may follow a name in one word: an honorific, a particle, both. 보다 is not among them: it compares."""
_HELPERS: Final = re.compile(
    r"(?:(?:해|아|어|여)?(?:줘요|줘라|줘|주세요|주십시오|주라|주시겠어요|주실래요|주실수|주실|주시|줄래요|줄래|줄게|줄수|줄|주고|주면|준|주는|줬어|줬|달라|달라고|달래|"
    r"드려요|드려|드릴|봐요|봐줘|봐|볼래|볼|보고|보자|보여|놔|놓고)|주)$"
)
_SENTENCE_ENDINGS: Final = tuple(
    sorted(
        listed(
            """
    어요 아요 여요 어 아 여 요 니 나 나요 냐 지 지요 죠 네 네요 군 까 까요 가요 는지 은지 ㄴ지 는지요 던데 는데
    은데 는데요 니까 습니까 습니다 습니까요 겠습니다 겠어요 겠습니까 을까 을까요 어서 아서 고 고서 면 으면 은
    는 을 던 음 게 게요 도록 려고 으려고 라고 세요 으세요 십시오 으십시오 시는 시나요 신 고싶어 고싶어요
    고싶습니다 었어 었어요 았어 았어요 었지 았지 었나 았나 었나요 았나요 었니 았니 었는지 았는지 었던 았던 었고
    았고 었을 았을 더라 더라고 더라고요 던가요 려면 려는데 려고요 래 래요 을래 을래요 을게 을게요 자 기 기로
    """
        ),
        key=len,
        reverse=True,
    )
)
_SHORT_STEM_ENDINGS: Final = frozenset(
    listed(
        """
    어요 아요 여요 어 아 은 는 을 던 었어 었어요 았어 았어요 었지 았지 었나 았나 었나요 았나요 었니 았니 었는지
    았는지 었던 았던 었고 았고 을까 을까요 습니까 습니다 는지 은지 는데 은데 나요 지 고 세요 으세요 을래 을게
    려고 려고요 려면 더라 겠습니다 겠어요 죠 지요 네요 니 게 게요 래 래요
    """
    )
)
_AFTER_ADNOMINAL: Final = frozenset(
    listed(
        """
    까 까요 게 게요 래 래요 지 지요 데 데요 니다 니까 가 가요 수
    """
    )
)
_AFTER_MELTED: Final = frozenset(["요", "서", "도", "야", "서요", "야지"])
_OTHERS: Final = re.compile(r"\s+(?:my|our|him|her|them|his|their|everyone|everybody)\b", re.IGNORECASE)
_BECOMING: Final = frozenset("되돼됩됐")
_COUNTER: Final = re.compile(
    r"(?:개|명|번|건|일|분|대|곳|시간|달|주|년|장|권|군데|차례|가지|사람)(?:$|씩|으로|로|이|가|을|를|은|는|인|야|예|이에|정도|쯤|나|이나|까지)"
)
_HALF_OF_DAY: Final = re.compile(r"(?:오전|오후)(?=반차|반반차|반일|반휴|휴가)")
_POLITE: Final = re.compile(r"^(?:부탁|감사|고맙|고마|죄송|미안|궁금|알려|보여|말씀)[가-힣]*$")
_HONOURING: Final = re.compile(r"(?<=.)(?:으시|시|으셔|셔|으세)$")
_HADA: Final = re.compile(
    r"^(?P<noun>[가-힣]{1,8}?)(?:하|해|했|한|할|함|합|됐|되|된|될|돼|됩|시켜|시킨|드립|드려|드릴)(?:[가-힣]{0,6})$"
)

_FIRST: Final = 0xAC00
_SYLLABLES: Final = 11172
_FINALS: Final = 28
_VOWELS: Final = 21
_SS, _N, _L, _M, _P, _NONE = 20, 4, 8, 16, 17, 0
# The vowel that 아/어 has melted into, and the one the stem had: 써 쓰, 해 하, 려 리, 와 오, 줘 주, 돼 되.
_MELTED: Final[Mapping[int, tuple[int, ...]]] = MappingProxyType(
    {4: (18,), 0: (0, 18), 1: (0, 1), 6: (20,), 9: (8,), 14: (13,), 10: (11,), 5: (5,)}
)

_ENGLISH_IRREGULAR: Final[Mapping[str, str]] = MappingProxyType(
    {"took": "take", "taken": "take", "spent": "spend", "sold": "sell", "bought": "buy", "made": "make", "got": "get"}
    | {
        "people": "person",
        "paid": "pay",
        "went": "go",
        "gone": "go",
        "given": "give",
        "gave": "give",
        "staffs": "staff",
    }
    | {"days": "day", "sales": "sales", "has": "have", "had": "have", "boss": "boss", "leaves": "leave"}
)
_QUESTIONS: Final[Mapping[str, Question]] = MappingProxyType(
    dict[str, Question]()
    | dict.fromkeys(
        listed(
            """
    몇 며칠 얼마 얼마나 얼만지 얼마야 얼마예요 얼마니 얼마지
    """
        ),
        "amount",
    )
    | dict.fromkeys(["누구", "누가", "누군지", "누구누구", "누구야", "누구예요"], "who")
    | dict.fromkeys(["언제", "언젠지", "언제야", "언제부터", "언제까지"], "when")
    | dict.fromkeys(["어디", "어디서", "어디야", "어딘지"], "where")
    | dict.fromkeys(["왜"], "why")
    | dict.fromkeys(["어떻게"], "how")
    | dict.fromkeys(["many", "much"], "amount")
    | dict.fromkeys(["anyone", "anybody", "someone", "somebody", "everyone", "everybody", "person"], "who")
    | dict.fromkeys(["who", "whos", "who's", "whose", "whom"], "who")
    | dict.fromkeys(["when", "when's"], "when")
    | dict.fromkeys(["where", "where's"], "where")
    | dict.fromkeys(["why"], "why")
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written, where it stands, and the stems it may be compared by.

    `question` tells which sort of answer a question word asks for; `passed` words may be ignored; a `counter` (몇 명,
    몇 개) says how something is counted, and what only if the operation says so.
    """

    text: str
    start: int
    end: int
    stems: frozenset[str]
    passed: bool = False
    question: Question = ""
    counter: bool = False


def words_of(text: str, skip: Iterable[tuple[int, int]] = ()) -> list[Word]:
    """The words of `text` outside the spans of `skip` (what is already understood as a date, a person, ...)."""
    spans = sorted(skip)
    words = [word for match in _WORD.finditer(text) for word in _outside(match, spans, text)]
    for at, word in enumerate(words):
        following = words[at + 1].text.lower() if at + 1 < len(words) else ""
        if word.text.lower() == "how" and following not in {"many", "much", "long", "do", "about"}:
            words[at] = replace(word, question="how")
        if word.text.lower() in {"tell", "let"} and _OTHERS.match(text, word.end):
            words[at] = replace(word, passed=False)  # to tell my manager is not to tell me
        if (word.text == "어떻게" and following[:1] in _BECOMING) or (word.text == "몇" and following.startswith("번")):
            words[at] = replace(word, question="")  # 어떻게 되나요, 몇 번이에요: what is it
        if word.text == "몇" and at + 1 < len(words) and _COUNTER.match(words[at + 1].text):
            words[at + 1] = replace(words[at + 1], counter=True)
    return words


def stems_of(word: str) -> frozenset[str]:
    """All forms a word may be compared by, with the senses it belongs to ("=남다" stands for a whole line)."""
    return _stems(word.lower().replace("’", "'"))


def bigrams(stem: str) -> list[str]:
    """The pairs of syllables of a Korean stem, for likeness without equality."""
    return [stem[at : at + 2] for at in range(len(stem) - 1)] if "가" <= stem[:1] <= "힣" else []


def question_of(word: str) -> Question:
    """Which sort of answer a question word asks for; "" for other words."""
    lower = word.lower().replace("’", "'")
    if lower in _QUESTIONS:
        return _QUESTIONS[lower]
    if re.fullmatch(r"(?:몇|며칠|얼마)[가-힣]{0,4}", lower):
        return "amount"
    if re.fullmatch(
        r"(?:누구|누가)[가-힣]{0,4}|(?:사람|분)들?(?:은|는|이|가|을|를|의|도|만|이야|이에요|인지|인가요)?", lower
    ):
        return "who"
    if re.fullmatch(r"언제[가-힣]{0,3}", lower):
        return "when"
    return "where" if re.fullmatch(r"어디[가-힣]{0,3}", lower) else ""


def _outside(match: re.Match[str], spans: list[tuple[int, int]], text: str) -> Iterator[Word]:
    """The part of a word that no span covers; a particle that is left after a span says nothing more."""
    start, end = match.span()
    after_span = False
    for first, last in spans:
        if first <= start < last:
            start, after_span = min(last, end), True
        elif start < first < end:
            end = first
    if start >= end:
        return
    written = text[start:end]
    if after_span and (written in JOSA or written in PASSED_KO_EXACTLY or written.lower() in {"'s", "s"}):
        return
    half = _HALF_OF_DAY.match(written)
    if half:
        yield _word(half[0], start, start + len(half[0]))
        start, written = start + len(half[0]), written[len(half[0]) :]
    many = re.fullmatch(r"몇(?P<counter>[가-힣]+)", written)
    if many and _COUNTER.match(many["counter"]):
        yield _word("몇", start, start + 1)
        start, written = start + 1, many["counter"]
    yield _word(written, start, end)


def _word(written: str, start: int, end: int) -> Word:
    stems = stems_of(written)
    question = question_of(written)
    lower = written.lower().replace("’", "'")
    passed = bool(question or _POLITE.match(lower)) or lower in _PASSED_EXACTLY or not stems.isdisjoint(_PASSED)
    return Word(written, start, end, stems, passed, question)


@lru_cache(maxsize=8192)
def _stems(word: str) -> frozenset[str]:
    found = set(_korean(word)) if any("가" <= letter <= "힣" for letter in word) else set(_english(word))
    found |= {SAME[stem] for stem in found if stem in SAME}
    return frozenset(found | {sense for stem in found for sense in _SENSE_OF.get(stem, ())})


def _english(word: str) -> Iterator[str]:
    word = word.removesuffix("'s").removesuffix("'")
    yield word
    if word in _ENGLISH_IRREGULAR:
        yield _ENGLISH_IRREGULAR[word]
        return
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("es", "e"), ("es", ""), ("s", ""), ("ied", "y")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            yield word[: -len(ending)] + instead
    for ending, instead in (("ing", ""), ("ing", "e"), ("ed", ""), ("ed", "e")):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            base = word[: -len(ending)] + instead
            yield base
            if base[-1:] == base[-2:-1] and len(base) > len(ending):
                yield base[:-1]


def _korean(word: str) -> Iterator[str]:
    yield word
    yield from _nouns(word)
    yield from (f"{stem}다" for stem in _verbs(word))


def _nouns(word: str) -> Iterator[str]:
    bare = {word}
    for _ in range(2):
        for form in bare.copy():
            bare |= {
                form[: -len(josa)]
                for josa in JOSA
                if form.endswith(josa) and len(form) > len(josa) + (josa in _HONORIFIC)
            }
    for form in bare:
        if form != word:
            yield form
        hada = _HADA.match(form)
        if hada and len(hada["noun"]) > 1:
            yield hada["noun"]
            yield f"{hada['noun']}하다"


def _verbs(word: str) -> set[str]:
    """Candidate verb stems: helpers and endings taken off, tense and melted vowels undone."""
    helped = _HELPERS.sub("", word)
    stems = _opened(word, adnominal=True, melted=True)
    if helped and helped != word:
        stems |= {helped} | _opened(helped, adnominal=False, melted=True)
    forms = {word}
    for _ in range(2):
        for form in forms.copy():
            for ending in _SENTENCE_ENDINGS:
                rest = form[: -len(ending)]
                if form.endswith(ending) and rest and (len(rest) > 1 or ending in _SHORT_STEM_ENDINGS):
                    forms.add(rest)
                    stems.add(rest)
                    stems |= _opened(rest, adnominal=ending in _AFTER_ADNOMINAL, melted=ending in _AFTER_MELTED)
    return stems | {_HONOURING.sub("", stem) for stem in stems if _HONOURING.search(stem)} - {""}


def _opened(form: str, *, adnominal: bool, melted: bool) -> set[str]:
    """The form without the consonant of a tense or an adnominal ending, and with its melted vowel told apart."""
    code = ord(form[-1]) - _FIRST
    if not 0 <= code < _SYLLABLES:
        return set()
    lead, vowel, final = code // (_VOWELS * _FINALS), code // _FINALS % _VOWELS, code % _FINALS
    head = form[:-1]
    if final == _SS:
        open_ = head + _syllable(lead, vowel, _NONE)
        short = {open_[:-1]} if open_[-1] in "아어여" and len(open_) > 1 else set()
        return {open_} | short | _opened(open_, adnominal=False, melted=True)
    if final in {_N, _L, _M, _P} and adnominal:
        return {head + _syllable(lead, vowel, _NONE)} | ({head + _syllable(lead, vowel, _L)} if final == _N else set())
    if final == _NONE and melted:
        return {head + _syllable(lead, original, _NONE) for original in _MELTED.get(vowel, ())}
    return set()


def _syllable(lead: int, vowel: int, final: int) -> str:
    return chr(_FIRST + (lead * _VOWELS + vowel) * _FINALS + final)


def _senses() -> dict[str, tuple[str, ...]]:
    """Each word of a line stands for the line's first word, written with an equals sign."""
    found: dict[str, tuple[str, ...]] = {}
    for line in SENSES:
        for word in line:
            found[word] = (*found.get(word, ()), f"={line[0]}")
    return found


_SENSE_OF: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(_senses())
_PASSED: Final = PASSED_KO | PASSED_KO_VERBS
_PASSED_EXACTLY: Final = PASSED_EN | PASSED_EN_DISCOURSE | PASSED_KO_EXACTLY
