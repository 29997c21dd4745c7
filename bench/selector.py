"""How well, and how fast, are operations chosen among hundreds? `python -m bench selector`.

A company with 28 departments (selector_operations.toml) is asked in words of its people's own (selector_requests.toml).
To make it larger, records are offered besides that nobody asks for (selector_records.txt): to list, to enter, to change
and to remove each. Only the CPU of this process is measured: analysing a request, and choosing for it.
"""

import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Final

from pydantic import BaseModel

from bench.load import percentile
from bench.table import aligned
from daeri.agent.analyzer import analyze
from daeri.agent.meanings import Meanings
from daeri.agent.selector import Near, index_of, select
from daeri.operations import Operation
from daeri.operations.operation import Catalog, anyone
from daeri.records import Actor, Records
from daeri.wording import Text

HERE: Final = Path(__file__).parent
TODAY: Final = date(2026, 11, 22)
LARGE: Final = 1_000
TOP: Final = 12
"""As many as a planner is shown."""
HEAD: Final = ("operations", "by", "requests", "recall@1", "recall@5", f"recall@{TOP}", "CPU ms p50", "p99")
ACTS: Final = (
    ("조회", "List"),
    ("등록", "Enter"),
    ("수정", "Change"),
    ("삭제", "Remove"),
)


class Told(BaseModel):
    """What the operations would answer: none is ever called."""

    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks, and the operations of which any is right."""

    text: str
    right: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """How well a set of requests was answered: shares of all, and milliseconds of CPU for each."""

    first: float
    five: float
    shown: float
    cpu: tuple[float, ...]


def requests() -> tuple[list[Request], list[Request]]:
    """Return the requests that the selector may be improved by, and those that only measure it."""
    table = tomllib.loads((HERE / "selector_requests.toml").read_text(encoding="utf-8"))
    listed = [Request(text, frozenset([right] if isinstance(right, str) else right)) for text, right in table.items()]
    return listed[::2], listed[1::2]


def company(count: int = 0) -> list[Operation]:
    """Return the operations of the company, and of records besides until there are so many."""
    found: list[Operation] = []
    table = tomllib.loads((HERE / "selector_operations.toml").read_text(encoding="utf-8"))
    for department, entries in table.items():
        catalog = Catalog(department, Text(*entries.pop("label")))
        for name, (korean, english, summary, *examples) in entries.items():
            _declare(catalog, name, Text(korean, english), summary, examples)
        found += catalog.operations.values()
    records = (HERE / "selector_records.txt").read_text(encoding="utf-8").strip().split("|")
    for number, record in enumerate(records):
        if len(found) >= count:
            break
        korean, _, english = record.partition(" ")
        catalog = Catalog(f"record{number}", Text(korean, english))
        for act, verb in ACTS:
            label = Text(f"{korean} {act}", f"{verb} {english}")
            examples = [f"{korean} {act}해줘", f"{verb} the {english}"]
            _declare(catalog, verb.lower(), label, f"{verb} a {english} of the register.", examples)
        found += catalog.operations.values()
    return found[: count or None]


def found(operations: Sequence[Operation], asked: Sequence[Request], meanings: Near | None) -> Found:
    """Ask every request once; the sets that are built once are built before."""
    index_of(operations)
    select(analyze("이번 달 매출", TODAY), operations, TOP, meanings=meanings)
    ranks, cpu = [], []
    for request in asked:
        began = time.process_time()
        chosen = select(analyze(request.text, TODAY), operations, TOP, meanings=meanings)
        cpu.append((time.process_time() - began) * 1000)
        ranks.append(next((at for at, each in enumerate(chosen) if each.operation.name in request.right), TOP))
    first, five, shown = (sum(rank < top for rank in ranks) / len(ranks) for top in (1, 5, TOP))
    return Found(first, five, shown, tuple(cpu))


async def compare(say: Callable[[str], None]) -> str:
    """Return the table: by words alone and with meaning, on both halves of the requests, in both sizes."""
    dev, held_out = requests()
    lines = []
    for operations in (company(), company(LARGE)):
        say(f"reading what {len(operations):,} operations mean")
        meanings = Meanings()
        began = time.process_time()
        await meanings.read(operations)
        read = time.process_time() - began
        for by, near in (("words", None), ("words and meaning", meanings)):
            for what, asked in (("dev", dev), ("held out", held_out)):
                told = found(operations, asked, near)
                shares = (f"{share:.3f}" for share in (told.first, told.five, told.shown))
                p99 = percentile(told.cpu, 99)
                named = f"{what}, {len(asked)}"
                lines.append((f"{len(operations):,}", by, named, *shares, f"{median(told.cpu):.2f}", f"{p99:.2f}"))
        lines.append((f"{len(operations):,}", "read once", "", "", "", "", f"{read * 1000:.0f}", ""))
    return aligned(HEAD, lines, left=(1, 2))


def _declare(catalog: Catalog, name: str, label: Text, summary: str, examples: Sequence[str]) -> None:
    async def told(records: Records, actor: Actor) -> Told:
        raise NotImplementedError(records, actor)

    told.__name__, told.__doc__ = name, summary
    catalog.read(label=label, allow=anyone, examples=examples)(told)
