"""Where does a text say not, no longer, without, or that a thing is already done? Places only; nothing is decided here.

A request with such a place is never carried out, and a question with one is answered only by an operation that declares
it: a place that is found too often costs a question back, one that is missed does what was not asked.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from daeri.wording import Lang

Sort = Literal["not", "past"]


@dataclass(frozen=True, slots=True)
class Negation:
    """A place where a text turns its meaning round; `head` is the word that is turned, as far as it stands beside.

    `sort`: "not" for what is not (to be) done, "past" for what is already done.
    """

    start: int
    end: int
    head: str
    sort: Sort


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_NOT_KO: Final = _pattern(
    r"(?<![가-힣])[안못]\s+(?P<next>[가-힣]+)",
    r"(?<![가-힣])안(?P<joined>(?:할|해|하|했|한|쓸|쓴|써|쓰|썼|올|낼|냈|냅|갈|갔|간|쉴|쉬|쉰|되|된|될|돼|됐|받|살게|살래|사요|사도|산|샀|팔|판|넣|잡|먹|탔)[가-힣]*)",
    r"(?<![가-힣])못(?P<unable>(?:하|해|했|한|할|쓰|써|쓸|썼|쓴|갈|가|갔|간|올|받|내|냈|낸|사|샀|팔|쉬|쉰|쉴)[가-힣]*)",
    r"(?P<verb>[가-힣]*)지(?:는|도|를|를\s않|만)?\s+(?:마|말|않|못|아니|안)[가-힣]*",
    r"(?P<glued>[가-힣]+)지(?:는|도)?(?:마(?:세요|라|요|십시오|시오|시고)?(?![가-힣])|말(?:고|아|자|라|기|랬)[가-힣]*|않[가-힣]*|못[가-힣]*)",
    r"(?<!정)말(?:고|구)(?:는|도|요)?(?![가-힣])",
    r"(?<![가-힣])(?:말아|말자|말래|말까|말았|마세요|마라|마요|말기로)[가-힣]*",
    r"(?<![가-힣])마(?=$|[\s.!?,])",
    r"없이(?:는|도)?(?![가-힣])|없(?:는|던|었던|으면|애|앤)[가-힣]*",
    r"필요\s?(?:가|는|도)?\s?(?:없|않)[가-힣]*|적\s?(?:이|은|도)?\s?없[가-힣]*",
    r"(?<![가-힣])(?:빼고|빼줘|빼면|빼서|뺀|빼주[가-힣]*|빼)(?![가-힣])",
    r"제외[가-힣]*",
    r"(?<![가-힣])(?:아니|아닌|아님|아닐|아냐|아뇨)[가-힣]*|(?<=[가-힣])(?:이|가)\s?아(?:니|닌|님|닐|냐)[가-힣]*",
    r"(?<![가-힣])싫[가-힣]*|(?<![가-힣])그만(?=$|[\s.!?,둘두해할])[가-힣]*|(?<![가-힣])관둘[가-힣]*|^됐(?:어|어요|습니다|고|네)",
)
_FILED: Final = (
    r"(?:올렸|냈|제출했|신청했|상신했|기안했|청구했|등록했|요청했|처리했|예약했|발주했|구매했|주문했"
    r"|품의했|결재받았|다녀왔|취소했)"
)
_PAST_KO: Final = _pattern(
    r"(?<![가-힣])(?:이미|벌써)(?![가-힣])",
    rf"(?<![가-힣])(?P<done>(?:[가-힣]*{_FILED})(?:었)?(?:어|어요|지|지요|죠|다|습니다|음|는데|는데요|거든|거든요|다니까|으니까?|네|네요))(?=\s*(?:$|[.!,\s]))",
    r"[가-힣]+(?:려다|려다가|려던|려고\s?(?:했|하다))[가-힣]*",
)
_NOT_EN: Final = _pattern(
    r"\b(?:do|does|did|is|are|was|were|has|have|had|will|would|should|could|can|must|need|ai)n['’]?t\b(?!\s+mind\b)",
    r"\b(?:can|wo|don|doesn|didn|isn|aren|won|wouldn|shouldn|couldn|haven|hasn)['’]t\b(?!\s+mind\b)",
    r"\bcan(?:not|t)\b|\b(?:not|never|without|except(?:ing)?|excluding|neither|nor|none|nobody|nothing)\b",
    r"\bno\b(?!\.\s?\d)(?!\s?\d)|\bnope\b|\b(?:instead\s+of|rather\s+than|other\s+than|apart\s+from|aside\s+from|but\s+for)\b",
    r"\b(?:forget|skip|scrap|hold\s+off|stop|avoid|refuse|leave\s+out)\b|\banti\b|\bunless\b",
)
_PAST_EN: Final = _pattern(
    r"\balready\b",
    r"\b(?:i|we)(?:['’]ve|\s+have|\s+had|['’]d)?\s+(?:just\s+)?(?:filed|requested|submitted|booked|applied|claimed|ordered|raised|registered|reserved|cancelled|canceled)\b",
    r"\bused\s+to\b|\bwas\s+going\s+to\b|\bwere\s+going\s+to\b",
)
_ASKED_KO: Final = re.compile(
    r"[?？]|(?<![가-힣])(?:몇|며칠|얼마|누구|누가|언제|어디|무엇|뭐|뭘|무슨|어떤|어느|왜|어떻게)"
)
_NEXT_EN: Final = re.compile(r"\s+(?:to\s+|been\s+|be\s+)?([a-z]+)", re.IGNORECASE)


def find_negations(text: str, lang: Lang) -> Iterator[Negation]:
    """The places of one part of a text, first the plain ones; they may overlap."""
    if lang == "ko":
        for match in _NOT_KO.finditer(text):
            yield Negation(match.start(), match.end(), _head(match), "not")
        for match in () if _ASKED_KO.search(text) else _PAST_KO.finditer(text):
            yield Negation(match.start(), match.end(), _head(match), "past")
        for match in re.finditer(r"(?<![가-힣])(?:이미|벌써)(?![가-힣])", text):
            yield Negation(match.start(), match.end(), "", "past")
    for match in _NOT_EN.finditer(text):
        following = _NEXT_EN.match(text, match.end())
        yield Negation(match.start(), match.end(), following[1] if following else "", "not")
    if lang == "en":
        for match in _PAST_EN.finditer(text):
            yield Negation(match.start(), match.end(), "", "past")


def _head(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")
