"""Is a line a heading by its wording alone? 제1장 총칙, 제26조(연차유급휴가), Ⅱ. 개요, 1.2 범위.

Formats that mark headings say so themselves; this is for those that do not (PDF, text, most HWP files).
"""

import re
from typing import Final

LONGEST: Final = 60
"""A longer line is a sentence, however it begins."""

_CHAPTER: Final = re.compile(r"^제\s?\d{1,3}\s?(?P<kind>편|장|절|관)(?:의\s?\d{1,2})?\s*[.:]?\s*\S")
_ARTICLE: Final = re.compile(
    r"^제\s?\d{1,4}\s?조(?:의\s?\d{1,2})?\s*(?:\([^()]{1,40}\)|【[^】]{1,40}】|\[[^\]]{1,40}\])"
)
_ARTICLE_BARE: Final = re.compile(r"^제\s?\d{1,4}\s?조(?:의\s?\d{1,2})?$")
_SUPPLEMENT: Final = re.compile(
    r"^(?:부\s?칙|별\s?표\s?\d*|\[별표\s?\d*\]|<별표\s?\d*>|붙임\s?\d*|별첨\s?\d*|서식\s?\d*)(?:\s.{0,40})?$"
)
_ROMAN: Final = re.compile(r"^(?:[ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ]|[IVX]{1,5})[.)]\s+\S")
_NUMBERED: Final = re.compile(r"^(?P<number>\d{1,2}(?:\.\d{1,2}){0,3})[.)]?\s+\S")
_SENTENCE_END: Final = re.compile(r"(?:다|요|까|음|함|것|임)[.?!]?$|[.?!]$|[,;:]$")

DEPTHS: Final = {"편": 1, "장": 1, "절": 2, "관": 3}
ARTICLE_DEPTH: Final = 4


def depth_of(text: str) -> int:
    """Return how deep a heading a line is, 1 for the highest; 0 where it is none."""
    line = " ".join(text.split())
    if not line or len(line) > LONGEST:
        return 0
    chapter = _CHAPTER.match(line)
    if chapter and not _SENTENCE_END.search(line):
        return DEPTHS[chapter["kind"]]
    article = _ARTICLE.match(line)
    if (article and article.end() == len(line)) or _ARTICLE_BARE.match(line):
        return ARTICLE_DEPTH
    if _SUPPLEMENT.match(line):
        return 1
    if _SENTENCE_END.search(line):
        return 0
    if _ROMAN.match(line):
        return 1
    numbered = _NUMBERED.match(line)
    if numbered and "." in numbered["number"]:
        return 2 + numbered["number"].count(".")
    return 0


def article_of(text: str) -> tuple[str, str] | None:
    """Split "제26조(연차유급휴가) ① 회사는 …" into its heading and the rest; None where it is no article."""
    line = text.strip()
    article = _ARTICLE.match(line)
    if article is None or article.end() == len(line):
        return None
    return line[: article.end()].strip(), line[article.end() :].strip()
