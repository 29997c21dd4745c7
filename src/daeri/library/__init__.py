"""The company's library: files are read, cut into passages, indexed, and found again by those who may see them.

Without a server, over plain folders:

    from daeri.library import ingest, search

    ingest(["규정/", "회의록/2026-11.docx"])
    for hit in search("연차는 며칠까지 이월되나요?", k=3):
        print(hit.name, hit.locator, hit.score, hit.text)

Importing this package imports nothing else; parsers and the embedding model load when they are first needed.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daeri.library.finder import Hit
    from daeri.library.folder import Folder, Report

__all__ = ["ingest", "search"]

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
    # Read by numpy when it is first imported. With more threads one small product took nine times the CPU on a busy
    # machine of two cores, spent on waiting for each other.


def ingest(paths: Iterable[Path | str] | Path | str, index: Path | str | None = None) -> "Report":
    """Read files and folders (with all below them) into an index; only what has changed is read again.

    Args:
        paths: one or more files or folders: PDF, DOCX, XLSX, PPTX, HWP, HWPX, HTML, Markdown, TXT, CSV, EML.
        index: the SQLite file of the index; `.daeri-library.db` in the present folder where none is named.

    Returns:
        How many files and passages there are, and what could not be read.
    """
    from daeri.library.folder import INDEX, Folder  # noqa: PLC0415 - so that importing the package costs nothing

    named = [paths] if isinstance(paths, str | Path) else paths
    with Folder(index or INDEX) as folder:
        return folder.ingest(named)


def search(query: str, k: int = 5, index: Path | str | None = None) -> "list[Hit]":
    """Return the `k` passages that answer a query best, best first: document, name, locator, text, score.

    Args:
        query: a question or words, Korean or English.
        k: how many passages at most.
        index: the SQLite file of the index; `.daeri-library.db` in the present folder where none is named.
    """
    from daeri.library.folder import INDEX, Folder  # noqa: PLC0415 - so that importing the package costs nothing

    file = Path(index or INDEX).resolve()
    return _opened(Folder, file, file.stat().st_ino if file.exists() else 0).search(query, k)


@lru_cache(maxsize=4)
def _opened(make: "type[Folder]", index: Path, inode: int) -> "Folder":
    """Keep the last indexes open, so that each question does not load the model anew; a new file is a new index."""
    del inode
    return make(index)
