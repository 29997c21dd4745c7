"""How well are documents found? `python -m bench.documents`: the question table over the sample's files.

Recall and MRR of the table in documents.toml (a passage counts where its file and what it must say are both right),
with and without the list of terms; how many unanswerable questions are taken for answered; the cost of a search.
`python -m bench documents` tells this too, before what the library costs when it is large (library.py).
"""

import tempfile
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.library import reading, searching
from bench.table import table
from daeri.clock import FixedClock
from daeri.library.folder import Folder
from daeri.library.queries import Terms
from daeri.library.reading import GOOD
from daeri.sample.generate import generate
from daeri.sample.papers.everything import sample_files

TABLE = Path(__file__).parent / "documents.toml"
DAY = FixedClock(datetime(2026, 11, 21, 3, 0, tzinfo=UTC))
DEEP = 10


def main() -> None:
    """Print how well the table is answered."""
    with tempfile.TemporaryDirectory(prefix="daeri-bench-") as place:
        print(found(Path(place)))


def found(root: Path) -> str:
    """Write the sample's files below a folder, index them, ask; return the figures."""
    asks = questions()
    further = {name: questions(name) for name in ("near", "unseen")}
    for file in sample_files(generate(DAY.today()), DAY.today()):
        path = root / "files" / file.folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    began = time.monotonic()
    with Folder(root / "found.db") as folder:
        report = folder.ingest([root / "files"])
        told = [f"{report.files} files, {report.passages} passages, {time.monotonic() - began:.1f} s to index"]
        told.append(f"with the list of terms     {_asked(folder, asks)}")
        told += [f"further questions, {name:<8}{_doubted(folder, listed)}" for name, listed in further.items()]
    with Folder(root / "found.db", terms=Terms((("-",),))) as folder:
        told.append(f"without it                 {_asked(folder, asks)}")
    return "\n".join(told)


def answer(root: Path, say: Callable[[str], None]) -> str:
    """Return how well the table is answered, and what the library costs when it is large."""
    say("reading a long document")
    lines = [reading(root)]
    say("asking the sample's documents")
    told = found(root)
    lines += searching(root, [ask["text"] for ask in questions()], say)
    return f"{told}\n\n{table(lines)}"


def questions(name: str = "ask") -> list[dict[str, Any]]:
    """Return a table: what is asked, and which passage or file answers."""
    asks: list[dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))[name]
    return asks


def _asked(folder: Folder, asks: list[dict[str, Any]]) -> str:
    folder.search("연차", 1)
    began = time.process_time()
    found = [folder.search(ask["text"], DEEP) for ask in asks]
    each = (time.process_time() - began) * 1000 / len(asks)
    ranks = [_rank(hits, ask) for hits, ask in zip(found, asks, strict=True) if "file" in ask]
    first = sum(rank == 1 for rank in ranks) / len(ranks)
    five = sum(0 < rank <= 5 for rank in ranks) / len(ranks)  # noqa: PLR2004 - recall at five
    mrr = sum(1 / rank for rank in ranks if rank) / len(ranks)
    told = f"recall@1 {first:.3f}, recall@5 {five:.3f}, MRR {mrr:.3f} of {len(ranks)}"
    return f"{told}; {_doubts(found, asks)}; {each:.1f} ms CPU"


def _doubted(folder: Folder, asks: list[dict[str, Any]]) -> str:
    """Ask questions of which only the file is known that answers."""
    found = [folder.search(ask["text"], 1) for ask in asks]
    right = sum(hits[0].name == ask["file"] for hits, ask in zip(found, asks, strict=True) if "file" in ask)
    return f"right file first {right} of {sum('file' in ask for ask in asks)}; {_doubts(found, asks)}"


def _doubts(found: list[list[Any]], asks: list[dict[str, Any]]) -> str:
    """Say how often "nothing good enough was found" is said where it should not be, and not said where it should."""
    sure = [bool(hits) and hits[0].sure >= GOOD for hits in found]
    missed = [not told for told, ask in zip(sure, asks, strict=True) if "file" in ask]
    wrong = [told for told, ask in zip(sure, asks, strict=True) if "file" not in ask]
    return (
        f"taken for unanswered {sum(missed)} of {len(missed)}; "
        f"unanswerable taken for answered {sum(wrong)} of {len(wrong)}"
    )


def _rank(hits: list[Any], ask: dict[str, Any]) -> int:
    fits = (at for at, hit in enumerate(hits, 1) if hit.name == ask["file"] and ask["says"] in hit.text)
    return next(fits, 0)


if __name__ == "__main__":
    main()
