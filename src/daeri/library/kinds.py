"""Of which format is a file, and who reads it? By its content first; its name decides only between kinds of text.

Parsers are imported here when the first file of their kind comes: together they take a second.
"""

import importlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any, Final, Literal

from daeri.library.blocks import Block, Found, Limits, Place, Problem, Unreadable
from daeri.library.formats import mail
from daeri.library.ocr import recogniser

Format = Literal["pdf", "docx", "xlsx", "pptx", "hwp", "hwpx", "office", "html", "md", "txt", "csv", "eml", "image"]

OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BY_NAME: Final[dict[str, Format]] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "md",
    ".markdown": "md",
    ".csv": "csv",
    ".tsv": "csv",
    ".eml": "eml",
}
_IMAGES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM")
_PACKED: Final[tuple[tuple[str, Format], ...]] = (
    ("word/document.xml", "docx"),
    ("xl/workbook.xml", "xlsx"),
    ("ppt/presentation.xml", "pptx"),
    ("Contents/header.xml", "hwpx"),
    ("Contents/section0.xml", "hwpx"),
)
SUFFIXES: Final = frozenset(
    {*_BY_NAME, ".pdf", ".docx", ".docm", ".xlsx", ".xlsm", ".pptx", ".pptm", ".hwp", ".hwpx", ".txt", ".text"}
    | {".log", ".doc", ".xls", ".ppt", ".rst"}
)
"""Endings of files that a folder is searched for."""


def format_of(data: bytes, name: str) -> Format:
    """Say of which format a file is.

    Raises:
        Unreadable: of none that can be read.
    """
    if not data.strip(b"\0 \t\r\n"):
        raise Unreadable("empty")
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith(OLE):
        return "hwp" if "FileHeader".encode("utf-16-le") in data or name.lower().endswith(".hwp") else "office"
    if data.startswith(b"PK"):
        return _packed(data)
    if data.startswith(_IMAGES):
        return "image"
    suffix = PurePath(name).suffix.lower()
    if suffix in _BY_NAME:
        return _BY_NAME[suffix]
    head = data[:512].lstrip().lower()
    return "html" if head.startswith((b"<!doctype html", b"<html")) else "txt"


def _packed(data: bytes) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = set(package.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise Unreadable("broken", str(error)) from None
    found = next((kind for name, kind in _PACKED if name in names), None)
    if found is None:
        raise Unreadable("encrypted" if "EncryptedPackage" in names else "unknown", "a packed file of no known kind")
    return found


def read(data: bytes, name: str, limits: Limits, nested: int = 0) -> Found:
    """Yield the blocks of a file, and what of it could not be read.

    Raises:
        Unreadable: nothing can be read of it.
    """
    if len(data) > limits.bytes_max:
        raise Unreadable("too_large", f"{len(data)} bytes")
    kind = format_of(data, name)
    if kind == "image":
        raise Unreadable("scanned")
    if kind == "eml":
        found: Found = mail.read(data, limits, read, nested)
    elif kind == "pdf":
        found = _reader(kind)(data, limits, recogniser())
    else:
        found = _reader(kind)(data, limits)
    return _bounded(found, limits)


def _reader(kind: Format) -> Any:
    module, _, function = _READERS[kind].partition(":")
    return getattr(importlib.import_module(f"daeri.library.formats.{module}"), function or "read")


_READERS: Final[dict[Format, str]] = {
    "pdf": "pdf",
    "docx": "docx",
    "xlsx": "xlsx",
    "pptx": "pptx",
    "hwp": "hwp",
    "hwpx": "hwp",
    "office": "hwp",
    "html": "html",
    "md": "markdown",
    "txt": "plain",
    "csv": "plain:read_rows",
}


def preload() -> None:
    """Import every parser now, so that processes forked from this one need not."""
    for kind in _READERS:
        _reader(kind)
    recogniser()


def _bounded(found: Iterable[Block | Problem], limits: Limits) -> Iterator[Block | Problem]:
    """Yield what was found up to the limit of characters."""
    left = limits.characters_max
    for each in found:
        if isinstance(each, Block):
            left -= len(each.text)
            if left < 0:
                yield Problem("too_large", Place(), f"more than {limits.characters_max} characters")
                return
        yield each
