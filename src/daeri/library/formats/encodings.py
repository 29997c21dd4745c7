"""Which characters do the bytes of a text stand for? By its mark, its own word, or by trying what Koreans use."""

import codecs
from typing import Final

from daeri.library.blocks import Unreadable

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TRIED: Final = ("utf-8", "cp949")
LOST_SHARE_MAX: Final = 0.05
"""A text of which more cannot be read is not text."""
SAMPLE: Final = 65_536


def decoded(data: bytes, named: str | None = None) -> str:
    """Return bytes as text; single characters that cannot be read become a question mark sign.

    Raises:
        Unreadable: it is no text.
    """
    for mark, code in _MARKS:
        if data.startswith(mark):
            return data.decode(code, "replace")
    if b"\0" in data[:SAMPLE]:
        raise Unreadable("unknown", "it holds binary data")
    codes = ([named] if named and is_known(named) else []) + list(_TRIED)
    for code in codes:
        try:
            return data.decode(code)
        except (UnicodeDecodeError, LookupError):
            continue
    found = min((data.decode(code, "replace") for code in _TRIED), key=lambda text: text.count("\ufffd"))
    if found.count("\ufffd") > LOST_SHARE_MAX * max(len(found), 1):
        raise Unreadable("unknown", "its characters cannot be read")
    return found


def is_known(code: str) -> bool:
    """Say whether there is an encoding of text of this name."""
    try:
        "".encode(code)
    except LookupError:
        return False
    return True
