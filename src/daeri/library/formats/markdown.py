"""How is Markdown read? Headings, paragraphs, tables and code, each with its first line."""

import re
from collections.abc import Iterator
from typing import Final

from daeri.library.blocks import Block, Found, Limits, Place, row_text
from daeri.library.formats.encodings import decoded

_HEADING: Final = re.compile(r"^ {0,3}(#{1,6})\s+(.+?)\s*#*\s*$")
_UNDERLINE: Final = re.compile(r"^ {0,3}(=+|-+)\s*$")
_DIVIDER: Final = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_ITEM: Final = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+")
_MARKS: Final = (
    (re.compile(r"!\[([^\]]{0,300})\]\([^)]{0,2000}\)"), r"\1"),
    (re.compile(r"\[([^\]]{1,500})\]\([^)]{0,2000}\)"), r"\1"),
    (re.compile(r"(\*\*|__)(?=\S)(.{1,1000}?)(?<=\S)\1"), r"\2"),
    (re.compile(r"`([^`]{1,500})`"), r"\1"),
    (re.compile(r"<!--.{0,10000}?-->", re.DOTALL), ""),
)


def read(data: bytes, limits: Limits) -> Found:
    """Yield the blocks of a Markdown text."""
    del limits
    text = decoded(data)
    lines = _MARKS[-1][0].sub(lambda found: "\n" * found[0].count("\n"), text).splitlines()
    yield from _blocks(lines)


def _blocks(lines: list[str]) -> Iterator[Block]:
    at = _after_front_matter(lines)
    tables = 0
    paragraph: list[str] = []
    first = at
    while at < len(lines):
        line = lines[at]
        following = lines[at + 1] if at + 1 < len(lines) else ""
        heading, fence = _HEADING.match(line), _FENCE.match(line)
        is_table = "|" in line and bool(_DIVIDER.match(following)) and "-" in following
        if heading or fence or is_table or not line.strip() or (_ITEM.match(line) and paragraph):
            yield from _told(paragraph, first)
            paragraph, first = [], at
        if heading:
            yield Block("heading", _plain(heading[2]), Place(line=at + 1), depth=len(heading[1]))
        elif fence:
            end = _end_of_fence(lines, at, fence[1])
            yield from _told(lines[at + 1 : end], at + 1, code=True)
            at = end
        elif is_table:
            tables += 1
            end = next((n for n in range(at + 2, len(lines)) if "|" not in lines[n]), len(lines))
            yield from _table(lines[at:end], at, tables)
            at = end - 1
        elif paragraph and _UNDERLINE.match(line):
            depth = 1 if "=" in line else 2
            yield Block("heading", _plain(" ".join(paragraph)), Place(line=first + 1), depth=depth)
            paragraph = []
        elif line.strip():
            first = first if paragraph else at
            paragraph.append(line)
        at += 1
    yield from _told(paragraph, first)


def _after_front_matter(lines: list[str]) -> int:
    if lines and lines[0].strip() == "---":
        end = next((n for n, line in enumerate(lines[1:200], 1) if line.strip() in {"---", "..."}), 0)
        return end + 1 if end else 0
    return 0


def _end_of_fence(lines: list[str], at: int, mark: str) -> int:
    return next((n for n in range(at + 1, len(lines)) if lines[n].strip().startswith(mark)), len(lines))


def _told(lines: list[str], first: int, *, code: bool = False) -> Iterator[Block]:
    text = "\n".join(lines).strip() if code else _plain(" ".join(line.strip() for line in lines))
    if text:
        yield Block("text", text, Place(line=first + 1))


def _table(lines: list[str], first: int, table: int) -> Iterator[Block]:
    header = row_text(_cells(lines[0]))
    yield Block("row", header, Place(line=first + 1), table=table)
    for number, line in enumerate(lines[2:], first + 3):
        row = row_text(_cells(line))
        if row:
            yield Block("row", row, Place(line=number), table=table, header=header)


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [_plain(cell.replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", inner)]


def _plain(text: str) -> str:
    """Return text without Markdown's marks."""
    for mark, instead in _MARKS:
        text = mark.sub(instead, text)
    return " ".join(re.sub(r"^\s{0,3}>\s?", "", text).split())
