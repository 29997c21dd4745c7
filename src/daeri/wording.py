"""How are values and sentences worded for people, in Korean and in English?

Here live formats (money, days, moments) and what the Korean script asks of a sentence: particles by final consonant,
initial consonants, one normal form of text. Not here: which sentence to say. That belongs to whoever says it.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency

from daeri.clock import SEOUL

Lang = Literal["ko", "en"]

_HANGUL_FIRST: Final = 0xAC00
_HANGUL_LAST: Final = 0xD7A3
_INITIALS: Final = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_FINALS: Final = 28
_FINAL_RIEUL: Final = 8
_SYLLABLES_PER_INITIAL: Final = 21 * _FINALS

# Sound at the end of a word, as far as particles care: none (a vowel), ㄹ, or another consonant.
_Ending = Literal["vowel", "rieul", "consonant"]

_DIGIT_ENDINGS: Final[Mapping[str, _Ending]] = MappingProxyType(
    {
        "0": "consonant",  # 영, 십, 백, 천, 만
        "1": "rieul",  # 일
        "2": "vowel",
        "3": "consonant",  # 삼
        "4": "vowel",
        "5": "vowel",
        "6": "consonant",  # 육
        "7": "rieul",  # 칠
        "8": "rieul",  # 팔
        "9": "vowel",
    }
)
_LETTER_ENDINGS: Final[Mapping[str, _Ending]] = MappingProxyType(
    {"l": "rieul", "r": "rieul", "m": "consonant", "n": "consonant"}  # 엘, 알, 엠, 엔
)
_SYMBOL_ENDINGS: Final[Mapping[str, _Ending]] = MappingProxyType(
    {"%": "vowel", "℃": "vowel", "㎡": "vowel", "$": "vowel", "€": "vowel", "&": "vowel"}
)

# (after a consonant, after a vowel); 으로 is the one that also treats ㄹ as a vowel.
_PAIRS: Final = (
    ("은", "는"),
    ("이", "가"),
    ("을", "를"),
    ("과", "와"),
    ("으로", "로"),
    ("이에요", "예요"),
    ("이었", "였"),
    ("이라", "라"),
    ("이라고", "라고"),
    ("이고", "고"),
    ("이며", "며"),
    ("이나", "나"),
    ("이랑", "랑"),
    ("아", "야"),
)
_JOSA: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {name: pair for pair in _PAIRS for name in (f"{pair[0]}/{pair[1]}", f"{pair[1]}/{pair[0]}")}
)
_WRITTEN_BOTH_WAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        written: f"{closed}/{open_}"
        for closed, open_ in _PAIRS
        for written in (f"{closed}({open_})", f"{open_}({closed})")
    }
    | {"(으)로": "으로/로", "(이)에요": "이에요/예요", "(이)라고": "이라고/라고", "(이)나": "이나/나"}
)
_BOTH_WAYS: Final = re.compile(
    "|".join(re.escape(written) for written in sorted(_WRITTEN_BOTH_WAYS, key=len, reverse=True))
)

_WON_END: Final = re.compile(r"₩\s?[\d,]+$")
_DAY_END: Final = re.compile(r"\d\.\s?(\([월화수목금토일]\))?$")
_LATIN_WORD: Final = re.compile(r"[A-Za-z]+$")
_LATIN_CLOSED: Final = re.compile(r"(?:[mn]|ng|ck|(?<![aeiou])[aeiou][kpt])$")
_SKIPPED: Final = "\"'`’”」』】>)]}*_ "


@dataclass(frozen=True, slots=True)
class Text:
    """One meaning in both languages."""

    ko: str
    en: str

    def to(self, lang: Lang) -> str:
        """The wording in `lang`."""
        return self.ko if lang == "ko" else self.en


def josa(word: str, pair: str) -> str:
    """`word` with the particle of `pair` that fits its last sound: `josa("김하은", "이/가") -> "김하은이"`.

    Raises KeyError when `pair` is not one of the known pairs ("은/는", "이/가", "을/를", "과/와", "으로/로", ...).
    """
    return word + _particle(word, pair)


def fit_josa(sentence: str) -> str:
    """`sentence` with every particle written both ways resolved: `"김하은이(가)" -> "김하은이"`."""
    parts: list[str] = []
    done = ""
    at = 0
    for found in _BOTH_WAYS.finditer(sentence):
        parts.append(sentence[at : found.start()])
        done += parts[-1]
        particle = _particle(done, _WRITTEN_BOTH_WAYS[found.group()]) if done.strip() else found.group()
        parts.append(particle)
        done += particle
        at = found.end()
    return "".join([*parts, sentence[at:]])


def won(amount: int | Decimal, lang: Lang) -> str:
    """An amount of Korean won: `"₩1,234,000"`; fractions of a won are not shown."""
    return format_currency(amount, "KRW", locale=lang)


def day(value: date, lang: Lang) -> str:
    """One calendar day with its weekday: `"2026. 11. 21.(토)"`, `"Sat, 21 Nov 2026"`."""
    return format_date(value, "y. M. d.(E)" if lang == "ko" else "EEE, d MMM y", locale=lang)


def moment(value: datetime, lang: Lang) -> str:
    """A moment in Seoul time, to the minute: `"2026. 11. 21.(토) 14:02"`. `value` must be aware."""
    pattern = "y. M. d.(E) HH:mm" if lang == "ko" else "EEE, d MMM y, HH:mm"
    return format_datetime(value.astimezone(SEOUL), pattern, tzinfo=SEOUL, locale=lang)


def day_range(start: date, end: date, lang: Lang) -> str:
    """A span of days, both included: `"2026. 11. 26.(목) ~ 27.(금)"`, `"Thu, 26 Nov to Fri, 27 Nov 2026"`."""
    if start == end:
        return day(start, lang)
    same_year = start.year == end.year
    if lang == "en":
        first = format_date(start, "EEE, d MMM" if same_year else "EEE, d MMM y", locale=lang)
        return f"{first} to {day(end, lang)}"
    same_month = same_year and start.month == end.month
    pattern = "d.(E)" if same_month else "M. d.(E)" if same_year else "y. M. d.(E)"
    return f"{day(start, lang)} ~ {format_date(end, pattern, locale=lang)}"


def days(amount: Decimal | int, lang: Lang) -> str:
    """A number of days, halves and quarters as they are: `"7.5일"`, `"7.5 days"`, `"1 day"`."""
    number = f"{Decimal(amount):f}"
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    if lang == "ko":
        return f"{number}일"
    return f"{number} day" if number in {"1", "-1"} else f"{number} days"


def initials(text: str) -> str:
    """The first consonants of Hangul, other characters as they are: `"김하은" -> "ㄱㅎㅇ"` (초성 search)."""
    return "".join(_initial(character) for character in unicodedata.normalize("NFC", text))


def normal(text: str) -> str:
    """The one form text has inside Daeri: NFC, without zero-width and control characters (newline and tab stay)."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(
        character for character in composed if character in "\n\t" or unicodedata.category(character)[0] != "C"
    )


def _initial(character: str) -> str:
    code = ord(character)
    if not _HANGUL_FIRST <= code <= _HANGUL_LAST:
        return character
    return _INITIALS[(code - _HANGUL_FIRST) // _SYLLABLES_PER_INITIAL]


def _particle(word: str, pair: str) -> str:
    closed, open_ = _JOSA[pair]
    ending = _ending(word)
    if closed == "으로" and ending == "rieul":
        return open_
    return open_ if ending == "vowel" else closed


def _ending(text: str) -> _Ending:
    """The last sound of `text` as it is read aloud; a vowel when nothing can be read."""
    if _WON_END.search(text):
        return "consonant"  # read ...원
    if _DAY_END.search(text):
        return "rieul"  # read ...일 or ...요일
    word = text.rstrip(_SKIPPED)
    if not word:
        return "vowel"
    last = word[-1]
    code = ord(last)
    if _HANGUL_FIRST <= code <= _HANGUL_LAST:
        final = (code - _HANGUL_FIRST) % _FINALS
        return "vowel" if final == 0 else "rieul" if final == _FINAL_RIEUL else "consonant"
    if last in _DIGIT_ENDINGS:
        return _DIGIT_ENDINGS[last]
    if last in _SYMBOL_ENDINGS:
        return _SYMBOL_ENDINGS[last]
    latin = _LATIN_WORD.search(word)
    return _latin_ending(latin.group()) if latin else "vowel"


def _latin_ending(word: str) -> _Ending:
    """Capitals are spelt (SQL: 에스큐엘), other words are read (excel: 엑셀, team: 팀, server: 서버)."""
    if word.isupper():
        return _LETTER_ENDINGS.get(word[-1].lower(), "vowel")
    lower = word.lower()
    if lower.endswith("l"):
        return "rieul"
    return "consonant" if _LATIN_CLOSED.search(lower) else "vowel"
