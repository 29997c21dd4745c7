"""How does a workbook show a number? As its format says: a day, a share, an amount, or plainly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

from daeri.library.blocks import Unreadable
from daeri.library.formats.safe_xml import attribute, local, parsed

_KOREAN_DATES: Final = frozenset({*range(27, 37), *range(50, 59)})
"""Built-in formats that mean a date in Korean workbooks and have no code of their own."""
_CURRENCY: Final = re.compile(r"₩|\\|\[\$([^\]-]*)|[$€£¥]")
_PLACES: Final = re.compile(r"\.(0+)")
_DAY: Final = timedelta(days=1)
_LARGEST_DAY: Final = 2_958_465
"""The last day a workbook knows: 9999-12-31."""


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of a workbook's cells by style."""

    codes: tuple[str, ...]
    dated_1904: bool

    @classmethod
    def of(cls, styles: bytes | None, *, dated_1904: bool) -> "Formats":
        """Read them from the workbook's styles; broken styles mean plain numbers."""
        try:
            root = parsed(styles) if styles is not None else None
        except Unreadable:
            root = None
        if root is None:
            return cls((), dated_1904)
        own: dict[int, str] = {}
        codes: list[str] = []
        for element in root.iter():
            if local(element) == "numFmt" and attribute(element, "numFmtId").isdigit():
                own[int(attribute(element, "numFmtId"))] = attribute(element, "formatCode")
        for group in root:
            if local(group) == "cellXfs":
                codes = [_code(attribute(each, "numFmtId", "0"), own) for each in group if local(each) == "xf"]
        return cls(tuple(codes), dated_1904)

    def of_style(self, style: int) -> str:
        """Return the format of a style."""
        return self.codes[style] if style < len(self.codes) else "General"


def _code(number: str, own: Mapping[int, str]) -> str:
    key = int(number) if number.isdigit() else 0
    if key in own:
        return own[key]
    return "yyyy-mm-dd" if key in _KOREAN_DATES else str(BUILTIN_FORMATS.get(key, "General"))


def shown(raw: str, code: str, dated_1904: bool) -> str:
    """Return a stored number as the workbook shows it, in one plain spelling for each kind."""
    try:
        number = float(raw)
    except ValueError:
        return raw
    if number - number != 0:
        return raw
    if code not in {"General", "@"} and is_date_format(code) and 0 <= number <= _LARGEST_DAY:
        return _moment(number, code, dated_1904)
    section = code.split(";", maxsplit=1)[0]
    places = _PLACES.search(section)
    digits = len(places[1]) if places else 0
    if "%" in section:
        return f"{number * 100:.{max(digits, 0)}f}%" if digits else f"{round(number * 100, 2):g}%"
    currency = _CURRENCY.search(section)
    sign = ("₩" if currency[0] == "\\" else currency[1] or currency[0]) if currency else ""
    sign = "" if sign.startswith("[") else sign
    if "," in section or currency:
        return f"{sign}{number:,.{digits}f}"
    plain = f"{number:.{digits}f}" if digits else repr(round(number, 10))
    return plain.removesuffix(".0")


def _moment(number: float, code: str, dated_1904: bool) -> str:
    epoch = datetime(1904, 1, 1) if dated_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook's days have no zone
    moment = epoch + number * _DAY
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]', "", code).lower()
    timed = "h" in bare or "s" in bare
    if timed and "y" not in bare and "d" not in bare:
        return f"{moment:%H:%M}"
    if "d" not in bare and "y" in bare:
        return f"{moment:%Y-%m}"
    return f"{moment:%Y-%m-%d %H:%M}" if timed else f"{moment:%Y-%m-%d}"
