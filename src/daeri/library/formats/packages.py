"""Is a packed file (DOCX, XLSX, PPTX, HWPX) safe to unpack? Checked from its directory, before anything is unpacked."""

import io
import zipfile
import zlib
from typing import Final

from daeri.library.blocks import Limits, Unreadable

RATIO_MAX: Final = 200
RATIO_FROM: Final = 10 * 1024 * 1024
"""A part that is larger than this unpacked and packs so well is a bomb; text packs 5 to 20 times."""
HEAD: Final = 4_096
"""A document type stands at the head of a part."""
_FORBIDDEN: Final = tuple(
    word.encode(code) for word in ("<!DOCTYPE", "<!ENTITY") for code in ("ascii", "utf-16-le", "utf-16-be")
)


def opened(data: bytes, limits: Limits) -> zipfile.ZipFile:
    """Open a package.

    Raises:
        Unreadable: it is broken, locked, would unpack to too much, or declares entities of its own.
    """
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
        entries = package.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise Unreadable("broken", str(error)) from None
    if len(entries) > limits.entries_max:
        raise Unreadable("too_large", f"{len(entries)} entries")
    if sum(entry.file_size for entry in entries) > limits.expanded_max:
        raise Unreadable("too_large", "unpacks to more than the limit")
    if sum(entry.compress_size for entry in entries) > len(data):
        raise Unreadable("broken", "its parts overlap")
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise Unreadable("encrypted")
        if entry.file_size > RATIO_FROM and entry.file_size > RATIO_MAX * max(entry.compress_size, 1):
            raise Unreadable("too_large", f"{entry.filename[:80]} is packed {RATIO_MAX} times")
        if entry.filename.lower().endswith((".xml", ".rels", ".hpf")):
            _check_head(package, entry)
    return package


def part(package: zipfile.ZipFile, name: str) -> bytes | None:
    """Return a part's bytes, None where there is none.

    Raises:
        Unreadable: it is broken.
    """
    try:
        return package.read(name)
    except KeyError:
        return None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise Unreadable("broken", str(error)) from None


def _check_head(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    try:
        with package.open(entry) as stream:
            head = stream.read(HEAD)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise Unreadable("broken", str(error)) from None
    if any(word in head for word in _FORBIDDEN):
        raise Unreadable("broken", f"{entry.filename[:80]} declares a document type")
