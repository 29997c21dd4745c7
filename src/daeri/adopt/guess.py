"""Does a column hold personal data? Guessed from names, Korean or English, and from what a few values look like.

A guess errs towards hiding: a field that is hidden by mistake is opened by one word, one that is open by mistake has
been read.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

from daeri.adopt.reflect import Table
from daeri.adopt.words import (
    ABOUT,
    ABOUT_PARTS,
    CODES,
    KINDS,
    NAMED,
    NAMES,
    NO_NAME_ENDS,
    PAY_WITH,
    PEOPLE,
    SECRET,
    SECRET_PARTS,
    SURNAMES,
    WHOSE,
)
from daeri.wording import Text

DataClass = Literal["personal", "secret"]

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[가-힣]+|\d+")
_VALUES: Final[Sequence[tuple[Text, re.Pattern[str]]]] = (
    (
        Text("주민등록번호", "resident numbers"),
        re.compile(r"(?<!\d)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8][\d*]{6}(?!\d)"),
    ),
    (Text("휴대폰 번호", "mobile numbers"), re.compile(r"(?<![\d-])01[016-9][- .]?\d{3,4}[- .]?\d{4}(?![\d-])")),
    (Text("전화번호", "phone numbers"), re.compile(r"(?<![\d-])(?:0[2-6]\d?|070)[-)]\d{3,4}-\d{4}(?![\d-])")),
    (Text("이메일", "e-mail addresses"), re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    (Text("카드 번호", "card numbers"), re.compile(r"(?<![\d-])\d{4}-\d{4}-\d{4}-\d{4}(?![\d-])")),
)
_NAMES_LEAST: Final = 5
_NAMES_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column is taken for.

    Attributes:
        data_class: personal, or secret for what lets somebody in.
        because: what it looks like, for people.
    """

    data_class: DataClass
    because: Text


def words_of(name: str) -> list[str]:
    """Split a name into its words, in lower case: `empHpNo`, `EMP_HP_NO` and `사원 휴대폰` alike."""
    return [word.lower() for word in _WORD.findall(name)]


def is_about_people(table: Table, words: frozenset[str] = PEOPLE) -> bool:
    """Say whether a table's name or comment says that its rows are people."""
    return _says(table.name, words) or _says(table.comment or "", words)


def _says(name: str, words: Iterable[str]) -> bool:
    parts = words_of(name)
    singular = {part.removesuffix("s") for part in parts} | {*parts}
    korean = [word for word in words if not word.isascii()]
    return bool(singular & {*words}) or any(word in part for part in parts for word in korean if not part.isascii())


def by_name(table: Table, name: str, comment: str | None) -> Guess | None:
    """Guess from a column's name and from what is said of it."""
    people = is_about_people(table)
    for said in (name, comment or ""):
        guess = _by_words(said, people=people)
        if guess is not None:
            return guess
    return None


def _by_words(name: str, *, people: bool) -> Guess | None:
    parts = words_of(unicodedata.normalize("NFC", name))
    if not parts:
        return None
    joined = "".join(parts)
    told = {*parts, *("".join(pair) for pair in pairwise(parts)), joined}
    if parts[-1] in ABOUT or joined.endswith(ABOUT_PARTS):
        return None
    if told & SECRET or any(part in joined for part in SECRET_PARTS):
        return Guess("secret", Text("비밀번호나 열쇠", "a password or key"))
    for kind in KINDS.values():
        found = told & kind.words or any(part in joined for part in kind.parts)
        if found and (people or not kind.in_people_only) and parts[-1] not in CODES:
            return Guess("personal", kind.told)
    if "pay" in parts and (people or told & PAY_WITH):
        return Guess("personal", KINDS["salary"].told)
    return Guess("personal", Text("사람 이름", "a person's name")) if _is_name(parts, joined, people=people) else None


def _is_name(parts: Sequence[str], joined: str, *, people: bool) -> bool:
    if any(part in joined for part in NAMED):
        return not joined.endswith(("번호", "id"))
    if joined in ("이름", "명", "성"):
        return people or joined == "이름"
    if parts[-1] in NAMES or joined.endswith("name"):
        before = {*parts[:-1], joined.removesuffix("name").removesuffix("nm")}
        return bool(before & (PEOPLE | WHOSE)) or (people and len(parts) == 1)
    return joined == "surname"


def by_values(values: Sequence[Any]) -> Guess | None:
    """Guess from what a few values look like; one that tells is enough, for the others may follow it."""
    texts = [value for value in values if isinstance(value, str)]
    for because, pattern in _VALUES:
        if any(pattern.search(text) for text in texts):
            return Guess("personal", Text(f"{because.ko}처럼 보이는 값", f"values that look like {because.en}"))
    if _look_like_names(texts):
        return Guess("personal", Text("사람 이름처럼 보이는 값", "values that look like names of people"))
    return None


def _look_like_names(texts: Sequence[str]) -> bool:
    different = {text.strip() for text in texts if text.strip()}
    if len(different) < _NAMES_LEAST:
        return False
    names = [text for text in different if re.fullmatch(r"[가-힣]{3}", text)]
    fitting = [name for name in names if name[0] in SURNAMES and name[-1] not in NO_NAME_ENDS]
    return len(fitting) >= _NAMES_SHARE * len(different)


def by_view(definition: str, name: str, personal: Mapping[str, bool]) -> Guess | None:
    """Guess for a view's column that no table has by that name: it may be made of a personal one.

    Args:
        definition: the view's SQL.
        name: the column's name in the view.
        personal: the columns of the tables, by lower-case name, and whether any of that name is personal.
    """
    if name.lower() in personal:
        return None
    said = {word.lower() for word in re.findall(r"\w+", definition)}
    used = sorted(each for each, is_personal in personal.items() if is_personal and each in said)
    if not used:
        return None
    return Guess("personal", Text(f"{used[0]}에서 나왔을 수 있는 값", f"a value that may be made of {used[0]}"))
