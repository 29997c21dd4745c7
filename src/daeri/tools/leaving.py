"""What may leave the company with an agent's call? The words of its person, and nothing that it read for them.

An address or a question can carry anything out: a salary in a query string, a document in a search. So an agent opens
an address only as its person wrote it, or one of a host that the deployer listed; and once it knows more than its
person said, it searches in their words only. Pure.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from daeri.operations.provenance import Origins
from daeri.wording import normal

LEAST: Final = 2
"""Letters that a word must have in common with one that was said; single letters can spell anything."""
_URL: Final = re.compile(r"(?:(?<![\w@])https?://|(?<![\w@./:-])(?=\w))[^\s<>\"'`\[\]{}|\\^,，。、]+", re.IGNORECASE)
_LOOKS_LIKE_ONE: Final = re.compile(r"https?://|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:[/:?#]|[^\x00-\x7f]|$)", re.IGNORECASE)
_ASCII: Final = re.compile(r"[\x21-\x7e]+")
_ENDS: Final = ".,;:!?…~()"
_WORD: Final = re.compile(r"\w+")


def addresses_in(texts: Iterable[str]) -> Iterator[str]:
    """Yield the addresses that texts name, each as it may be meant: with and without what follows it directly."""
    for text in texts:
        for match in _URL.finditer(text):
            said = match[0]
            if not _LOOKS_LIKE_ONE.match(said):
                continue
            whole = said if said.lower().startswith(("http://", "https://")) else f"https://{said}"
            latin = _ASCII.match(whole)
            for each in (whole, latin[0] if latin else whole):
                yield each
                yield each.rstrip(_ENDS)


def may_open(url: str, origins: Origins | None, one_form: Callable[[str], str]) -> bool:
    """Say whether an agent may open an address of a host that is not listed: its person wrote it, to the letter."""
    if origins is None:
        return True
    return one_form(url) in {one_form(each) for each in addresses_in(origins.said)}


def askable(query: str, origins: Origins | None) -> str:
    """Return what an agent may search for of these words: all of them, or nothing.

    Of a run that has just begun any may be; one that knows more says no word that its person did not, nor more often.
    A word may lack the ending that Korean gives it. Nothing but the words goes then: signs between them, and which
    letters are large, could spell anything too.
    """
    if origins is None or not origins.informed:
        return query
    words = _words(query)
    left = Counter(word for text in origins.said for word in _words(text))
    for word in words:
        found = next((said for said in left if left[said] and _is_of(word, said)), None)
        if found is None:
            return ""
        left[found] -= 1
    return " ".join(words)


def _is_of(word: str, said: str) -> bool:
    return word == said or (len(word) >= LEAST and said.startswith(word) and not said[len(word) :].isascii())


def _words(text: str) -> list[str]:
    return _WORD.findall(normal(text).casefold())
