"""Which words of a request are free text for a parameter: the item to buy, the reason of a leave, a part of a name?

Free text is taken only where the request marks it (a quotation, "사유는", "때문에", "because") or where the operation
requires it and what is left is plainly a thing. Words that change the meaning of a request are never taken as text.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from daeri.agent.analyzer import Part
from daeri.agent.lexicon import listed
from daeri.agent.tokens import Word, stems_of, words_of
from daeri.agent.vocabulary import Slot, Vocabulary, explains

TEXT_WORDS_MAX: Final = 12
"""A longer stretch is not an item or a reason but another request."""

PARTICLE_AFTER: Final = 2
"""A word of two syllables may end like a particle without one."""

Taken = tuple[str, str, list[tuple[int, int]]]

RISKY: Final = frozenset(
    listed(
        """
    말고 빼고 빼다 제외 제외하다 제외하고 없이 없다 없는 아니다 아닌 안 못 않다 않는 외에 이외 대신 보다 대비
    비교 비교하다 이상 이하 초과 미만 넘다 최대 최소 평균 중앙값 비율 증가 감소 성장률 증감 취소 취소하다 삭제
    삭제하다 지우다 변경 변경하다 바꾸다 수정 수정하다 미루다 연기 연기하다 만약 만일 다른 모든 매일 매주 매달
    매년 반복 이미 벌써
    already not no don't dont without except excluding but instead rather than versus vs compared average
    median mean ratio growth percent cancel delete remove change update modify postpone unless if every each
    daily weekly monthly or either neither never only
    """
    )
)
_TAIL: Final = re.compile(r"(?:을|를|이|가|은|는|의|에|로|으로|으로는|좀)$")
_MARKED_KO: Final = re.compile(
    r"(?:사유|이유|내용|목적|제목|용도)(?:은|는|이|가|를|로|:)?\s*(?P<after>[^,.!?]{1,60}?)\s*"
    r"(?:$|[,.!?]|(?:이야|야|이에요|예요|입니다|이고|으로|로|이라고|라고)(?=\s|$|[,.]))"
    r"|(?P<before>[가-힣A-Za-z0-9 ]{1,40}?(?:때문에|가야\s?해서|해야\s?해서|있어서|이라서|라서|가서|위해서?"
    r"|차원에서))(?=\s|$|,)"
)
_MARKED_EN: Final = re.compile(
    r"\b(?:because(?:\s+of)?|due\s+to|reason\s*(?:is|:)|purpose\s*(?:is|:)|to\s+(?=attend|visit|see\s+a))\s*(?P<after>[^,.!?]{2,80})",
    re.IGNORECASE,
)
_NAMED_KO: Final = (
    "{label}(?:이|가|은|는|에)?\\s*['\"]?(?P<text>[가-힣A-Za-z]{{1,12}}?)['\"]?"
    "(?:인|이라는|라는|이란|이\\s?들어간|가\\s?들어간|으로\\s?시작하는)(?=\\s)"
)
_HOLDS: Final = re.compile(r"(?:이|가|을|를)?\s*(?:들어간|들어가는|포함된|포함한|포함하는|인|이라는|라는)(?=\s|$)")
_NAMED_EN: Final = re.compile(
    r"\b(?:named|called|whose\s+name\s+is|with\s+the\s+name)\s+['\"]?(?P<text>[A-Za-z가-힣-]{2,30})", re.IGNORECASE
)


def take_texts(
    vocabulary: Vocabulary,
    text: str,
    part: Part,
    slots: Sequence[Slot],
    used: Sequence[tuple[int, int]],
    foreign: frozenset[str] = frozenset(),
) -> list[Taken]:
    """For text parameters: (name, text, spans taken). `foreign` stems speak of other operations: no item or purpose."""
    taken: list[Taken] = []
    spans = list(used)
    for slot in sorted(slots, key=lambda each: not each.required):
        found = _quoted(part, spans) or _named(slot, part, vocabulary)
        if found is None and vocabulary.operation.effect != "read":
            spent = any(each.kind == "money" for each in vocabulary.slots) and part.of("money")
            found = _thing(vocabulary, text, part, spans) if slot.required or spent else None
            found = None if found and _speaks_of(foreign, found[0]) else found
            found = _reason(part, spans) or found if not slot.required else found
        if found is not None:
            taken.append((slot.name, found[0], found[1]))
            spans += found[1]
    return taken


Found = tuple[str, list[tuple[int, int]]]


def _quoted(part: Part, used: Sequence[tuple[int, int]]) -> Found | None:
    for entity in part.of("quote"):
        if not _overlaps(entity.start, entity.end, used):
            after = _HOLDS.match(part.text, entity.end - part.start)
            return str(entity.value["text"]), [(entity.start, part.start + after.end() if after else entity.end)]
    return None


def _named(slot: Slot, part: Part, vocabulary: Vocabulary) -> Found | None:
    """이름이 하은인 사람, employees named Haeun."""
    if vocabulary.operation.effect != "read":
        return None
    pattern = re.compile(_NAMED_KO.format(label=re.escape(slot.label_ko)))
    match = pattern.search(part.text) or (_NAMED_EN.search(part.text) if "name" in slot.label_en.lower() else None)
    if match is None:
        return None
    return match["text"], [(part.start + match.start(), part.start + match.end())]


def _reason(part: Part, used: Sequence[tuple[int, int]]) -> Found | None:
    """What is marked as a reason, up to where something else is understood, without words that change a request."""
    for pattern in (_MARKED_KO, _MARKED_EN):
        for match in pattern.finditer(part.text):
            group = match.lastgroup or "after"
            start, end = part.start + match.start(group), part.start + match.end(group)
            if group == "after":
                end = min((first for first, _ in used if start < first < end), default=end)
                span = (
                    part.start + match.start(),
                    max(end, part.start + match.end()) if end == part.start + match.end(group) else end,
                )
            else:
                start = max((last for _, last in used if start < last < end), default=start)
                span = (start, end)
            written = re.sub(
                r"^(?:에|은|는|로|으로)\s+", "", part.text[start - part.start : end - part.start].strip(" ,")
            )
            if written and not _risky(written) and not _overlaps(start, end, used):
                return _clean(written), [span]
    return None


def _thing(vocabulary: Vocabulary, text: str, part: Part, used: Sequence[tuple[int, int]]) -> Found | None:
    """The one stretch of words that is not how people speak of the operation: what is to be bought, titled, ..."""
    runs = [run for run in _runs(vocabulary, text, part, used) if any(not word.passed for word in run)]
    if len(runs) != 1 or len(runs[0]) > TEXT_WORDS_MAX:
        return None
    run = runs[0]
    start, end = run[0].start, run[-1].end
    counts = [entity for entity in part.of("count") if not _overlaps(entity.start, entity.end, used)]
    for entity in counts:
        if text[end : entity.start].strip() == "" and entity.start >= end:
            end = entity.end
        elif text[entity.end : start].strip() == "" and entity.end <= start:
            start = entity.start
    written = text[start:end]
    return None if _risky(written) else (_clean(written), [(start, end)])


def _runs(vocabulary: Vocabulary, text: str, part: Part, used: Sequence[tuple[int, int]]) -> Iterator[list[Word]]:
    run: list[Word] = []
    for word in part.words:
        own = _overlaps(word.start, word.end, used) or explains(vocabulary.core, word)
        plain = word.passed and not run
        near = not run or re.fullmatch(r"[\s\-/]*(?:\d+\S{0,2})?[\s\-/]*", text[run[-1].end : word.start])
        if own or plain or not near:
            yield from ([run] if run else [])
            run = [] if own or plain else [word]
        else:
            run.append(word)
    while run and run[-1].passed:
        run.pop()
    yield from ([run] if run else [])


def _risky(written: str) -> bool:
    return any(not stems_of(word).isdisjoint(RISKY) for word in written.split())


def _speaks_of(foreign: frozenset[str], written: str) -> bool:
    return any(explains(foreign, word) for word in words_of(written))


def _clean(written: str) -> str:
    words = written.split()
    if len(words[-1]) > PARTICLE_AFTER:
        words[-1] = _TAIL.sub("", words[-1])
    return " ".join(words)


def _overlaps(start: int, end: int, used: Sequence[tuple[int, int]]) -> bool:
    return any(start < last and first < end for first, last in used)
