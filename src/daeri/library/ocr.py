"""How is the text of a scanned page read? By Tesseract, where the extra `daeri[ocr]` and the language data are there.

The data comes with the system (Debian: `tesseract-ocr-kor`, `tesseract-ocr-eng`); without either, scans are told to be
unreadable. The engine is loaded before a reader process shuts itself in, so it reads no file afterwards.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

Recognise = Callable[[bytes, int, int], str]
"""Reads the text of a picture: grey pixels, width, height."""

NEEDED: Final = "kor"
WISHED: Final = ("kor", "eng")
DPI: Final = 300
_SHARED: Final = Path("/usr/share")


@cache
def recogniser() -> Recognise | None:
    """Return what reads pictures of text; None where it is not installed."""
    data = next((place for place in _places() if (place / f"{NEEDED}.traineddata").is_file()), None)
    if data is None or find_spec("tesserocr") is None:
        return None
    languages = "+".join(name for name in WISHED if (data / f"{name}.traineddata").is_file())
    engine: Any = import_module("tesserocr").PyTessBaseAPI(path=str(data), lang=languages)

    def recognise(pixels: bytes, width: int, height: int) -> str:
        engine.SetImageBytes(pixels, width, height, 1, width)
        engine.SetSourceResolution(DPI)
        return str(engine.GetUTF8Text())

    return recognise


def _places() -> Iterator[Path]:
    """Yield where language data may lie."""
    if "TESSDATA_PREFIX" in os.environ:
        yield Path(os.environ["TESSDATA_PREFIX"])
    yield from sorted(_SHARED.glob("tesseract-ocr/*/tessdata"), reverse=True)
    yield _SHARED / "tessdata"
