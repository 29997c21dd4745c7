"""Where do the contents of people's own files lie? In a folder for each person, each content under its own hash.

A name that somebody gave a file is never a path: all that is opened here is a number and a hash, beneath a folder that
is held open, and never through a link. A content is written whole under another name first, so what stands under a
hash is complete; and writing it again changes nothing, so a write that is rolled back, repeated or cut off by a crash
needs no undoing. What no file of the database names any more is swept away a day later.
"""

import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from daeri.crash import crash_at
from daeri.errors import DaeriError, NotFound, NotReady, Refused
from daeri.operations.provided import Provided
from daeri.wording import Text

BYTES_MAX: Final = 16 * 2**20
"""Bytes of one content; more is not read, whatever stands on the disk."""
FOLDER_MAX: Final = 80 * 2**20
"""Bytes of one person's folder: four times what their files may take, as what nobody names lies there for a day."""
LEFT_ALONE: Final = 24 * 60 * 60
"""Seconds for which a content that no file names is kept: a write may be about to name it."""
_FULL: Final = Text(
    "오늘은 파일을 더 쓸 수 없어요. 내일 다시 해 주세요", "No more files can be written today: try again tomorrow"
)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITING: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Disk(Provided):
    """The folders of people's own files."""

    def __init__(self, folder: Path, most: int = FOLDER_MAX) -> None:
        """Take the folder above them, made when the first file comes, and the bytes that one of them may hold."""
        self._folder = folder
        self._most = most

    def put(self, owner: int, content: bytes) -> str:
        """Keep a content for a person; return its hash. Kept twice, it is there once.

        Raises:
            NotReady: the disk does not take it.
            Refused: the person's folder is full.
        """
        digest = digest_of(content)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._opened(owner, make=True) as folder:
                if not self._is_whole(folder, digest, content):
                    if _size(folder) + len(content) > self._most:
                        raise Refused(_FULL)
                    _write(folder, digest, content)
        except OSError as error:
            unwritten = Text("디스크에 파일을 쓸 수 없어요", "The file cannot be written to the disk")
            raise NotReady(unwritten) from error
        return digest

    def get(self, owner: int, digest: str) -> bytes:
        """Return a content of a person's.

        Raises:
            NotFound: it is not there.
            DaeriError: what is there is not what was kept.
        """
        if not _DIGEST.fullmatch(digest):
            msg = "not a hash of a content"
            raise ValueError(msg)
        try:
            with self._opened(owner) as folder:
                content = _read(folder, digest)
        except FileNotFoundError:
            raise NotFound(Text("파일의 내용이 남아 있지 않아요", "The file's content is no longer kept")) from None
        except OSError:  # a link in the place of the folder
            content = None
        if content is None or digest_of(content) != digest:
            raise DaeriError(Text("파일의 내용이 저장할 때와 달라요", "The file's content is not what was kept"))
        return content

    def owners(self) -> list[int]:
        """Return whose folders there are."""
        if not self._folder.is_dir():
            return []
        return sorted(int(each.name) for each in os.scandir(self._folder) if each.name.isdecimal())

    def sweep(self, owner: int, named: AbstractSet[str]) -> int:
        """Remove what none of a person's files names; return how many contents that was.

        It must not happen beside a write: what a write has just kept is not named yet.
        """
        before, count = time.time() - LEFT_ALONE, 0
        with self._opened(owner) as folder:
            for name in os.listdir(folder):  # noqa: PTH208 - a path would not stay beneath the folder
                if name in named or os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime > before:
                    continue
                with suppress(OSError):  # a folder that somebody put there is not ours to remove
                    os.unlink(name, dir_fd=folder)
                    count += 1
        return count

    def _is_whole(self, folder: int, digest: str, content: bytes) -> bool:
        """Say whether a content is there already; it is made young again, so that it is not swept away."""
        try:
            if _read(folder, digest) != content:
                return False
            os.utime(digest, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return False
        return True

    @contextmanager
    def _opened(self, owner: int, *, make: bool = False) -> Iterator[int]:
        """Hold a person's folder open; everything is opened beneath it."""
        above = os.open(self._folder, _FOLDER & ~os.O_NOFOLLOW)  # the deployer's own folder may be a link
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(str(int(owner)), 0o700, dir_fd=above)
                    os.fsync(above)
            folder = os.open(str(int(owner)), _FOLDER, dir_fd=above)
        finally:
            os.close(above)
        try:
            yield folder
        finally:
            os.close(folder)


def digest_of(content: bytes) -> str:
    """Return the hash under which a content lies."""
    return hashlib.sha256(content).hexdigest()


def _size(folder: int) -> int:
    """Return how many bytes lie in a folder, named by files or not."""
    with os.scandir(folder) as entries:
        return sum(each.stat(follow_symlinks=False).st_size for each in entries)


def _write(folder: int, name: str, content: bytes) -> None:
    """Write a file whole, or not at all."""
    draft = f".{secrets.token_hex(8)}"
    handle = os.open(draft, _WRITING, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        crash_at("file.drafted")
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)
        raise
    os.fsync(folder)
    crash_at("file.kept")


def _read(folder: int, name: str) -> bytes | None:
    """Return what a plain file holds; None where it is none, has a second name, or is too large."""
    try:
        handle = os.open(name, _READING, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError:  # a link, a socket
        return None
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size > BYTES_MAX:
            return None
        return stream.read(BYTES_MAX + 1)
