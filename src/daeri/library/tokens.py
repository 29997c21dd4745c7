"""By which tokens is text found? Pairs of Korean syllables, Latin words, numbers by value; made without a lexicon.

Korean endings change the last syllables of a word, so pairs of syllables match where words do not. What is made here
for a passage is stored; a change of it needs `TOKENS_VERSION` raised, which indexes everything anew.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from daeri.wording import initials

TOKENS_VERSION: Final = 1
WORD_MAX: Final = 40
_COMPATIBLE: Final = re.compile(r"[^\u3131-\u318E]+")
_WORD: Final = re.compile(r"[가-힣]+|[a-z]+(?:['’.&-][a-z]+)*|[0-9]+|[\u3131-\u314e]{2,}|[\u4e00-\u9fff\u3040-\u30ff]+")
_AMOUNT: Final = re.compile(
    r"(?<![\d.,])(?:\d{1,3}(?:,\d{3}){1,6}(?:\.\d{1,6})?"
    r"|(?:\d{1,15}(?:\.\d{1,6})?\s?[조억만천백십]{1,4}\s?){1,4}|\d{1,15}\.\d{1,6})"
)
_PIECE: Final = re.compile(r"(\d+(?:\.\d+)?)\s?([조억만천백십]+)")
_TENS: Final = {"십": 10, "백": 100, "천": 1_000, "만": 10_000, "억": 10**8, "조": 10**12}


def folded(text: str) -> str:
    """Return text in one spelling: composed, lower case, wide and circled characters plain."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFC", text)
    # Compatibility forms of jamo are what people type to search by initials; NFKC would take them apart.
    return _COMPATIBLE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text).lower()


def tokens_of(text: str) -> list[str]:
    """Return the tokens of a text, in order, with repeats."""
    plain = folded(text)
    found = [token for word in _WORD.finditer(plain) for token in _of_word(word[0])]
    return found + [f"#{value}" for value in amounts_of(plain)]


def _of_word(word: str) -> Iterator[str]:
    first = word[0]
    if "가" <= first <= "힣" or "\u3131" <= first <= "\u9fff":
        if len(word) == 1:
            yield word
        for at in range(len(word) - 1):
            yield word[at : at + 2]
    elif first.isdigit():
        yield word[:WORD_MAX].lstrip("0") or "0"
    else:
        bare = word.removesuffix("'s").removesuffix("’s")[:WORD_MAX]
        pieces = re.split(r"['’.&-]", bare)
        yield singular("".join(pieces))  # an index takes letters and digits only
        if len(pieces) > 1:
            yield from (piece for piece in pieces if len(piece) > 1)


def singular(word: str) -> str:
    """Return an English word without the ending of a plural."""
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 - "ties" is no plural of "ty"
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004
        return word[:-1]
    return word


def amounts_of(plain: str) -> Iterator[str]:
    """Yield the numbers of a folded text by value: 30만, 300,000 and 30만원 are all 300000; 7.5 is 7p5."""
    for found in _AMOUNT.finditer(plain):
        written = found[0].replace(",", "").strip()
        pieces = _PIECE.findall(written)
        value = sum(float(number) * _unit(unit) for number, unit in pieces) if pieces else float(written)
        whole = round(value)
        yield str(whole) if value == whole else f"{value:.6f}".rstrip("0").replace(".", "p")


def _unit(letters: str) -> int:
    """Return what the letters after a number multiply it by: 천만 is ten million."""
    product = 1
    for letter in letters:
        product *= _TENS[letter]
    return product


def initials_of(text: str) -> list[str]:
    """Return the pairs of initial consonants of the Korean words in a name: 취업규칙 is found by ㅊㅇㄱㅊ."""
    found = []
    for word in re.findall(r"[가-힣]{2,}", folded(text)):
        first = initials(word)
        found += [first[at : at + 2] for at in range(len(first) - 1)]
    return found
