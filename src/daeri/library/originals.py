"""Where are the files themselves kept? Under their own hash, once each, beside the database.

A name that somebody gave a file is never a path here. A file is written under another name first, so what stands under
a hash is always whole.
"""

import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daeri.errors import ValidationFailed
from daeri.wording import Text

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Original:
    """A kept file: the hash of its content, and how large it is."""

    digest: str
    size: int


class Originals:
    """A folder of files by hash."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        """Take the folder (made when the first file comes) and how large a file may be."""
        self._folder = folder
        self.bytes_max = bytes_max

    async def keep(self, pieces: AsyncIterator[bytes]) -> Original:
        """Keep what comes.

        Raises:
            ValidationFailed: it is larger than a file may be; nothing is kept.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f".{secrets.token_hex(8)}"
        digest, size = hashlib.sha256(), 0
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as stream:
                async for piece in pieces:
                    size += len(piece)
                    if size > self.bytes_max:
                        raise self._too_large()
                    digest.update(piece)
                    stream.write(piece)
                stream.flush()
                os.fsync(stream.fileno())
            kept = self.path(digest.hexdigest())
            kept.parent.mkdir(mode=0o700, exist_ok=True)
            draft.replace(kept)
        finally:
            draft.unlink(missing_ok=True)
        return Original(digest.hexdigest(), size)

    def path(self, digest: str) -> Path:
        """Return where a file is kept.

        Raises:
            ValueError: that is no hash.
        """
        if not _DIGEST.fullmatch(digest):
            msg = "not a hash of a file"
            raise ValueError(msg)
        return self._folder / digest[:2] / digest

    def _too_large(self) -> ValidationFailed:
        most = self.bytes_max // (1024 * 1024)
        return ValidationFailed(Text(f"파일은 {most:,}MB까지 올릴 수 있어요", f"A file may have {most:,} MB at most"))
