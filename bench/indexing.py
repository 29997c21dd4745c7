"""What does it cost to take thousands of documents in? `python -m bench indexing [--files 10000]`, only where named.

Small texts of every third format a company has, through the same door as anybody's: each is added (audited, its
original kept), read in a process of its own, cut, embedded and indexed, by one run that is watched meanwhile. Then
a second run is stopped in its midst, and begun again.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from bench.folder import LOADER
from bench.table import Line
from daeri.app import Daeri
from daeri.library.librarian import Brought
from daeri.sample import hanbit
from daeri.sample.build import build
from daeri.settings import Settings

FILES: Final = 10_000
STOPPED: Final = 300
"""Documents of the run that is stopped."""
STOP_AT: Final = 20
SEED: Final = 20261122
SUFFIXES: Final = (".md", ".txt", ".html")
THINGS: Final = ("지게차", "출장비", "재고", "계약서", "백업", "회의실", "반품", "교육", "급여", "보안", "견적", "설비")
ACTS: Final = ("점검한다", "승인받는다", "보관한다", "신청한다", "폐기한다", "기록한다", "알린다", "갱신한다")


async def indexing(place: Path, count: int, say: Callable[[str], None]) -> list[Line]:
    """Return what it costs to take many documents in."""
    settings = Settings(dir=place / "indexing", demo=True, log_level="ERROR")
    async with Daeri(hanbit(), settings) as daeri:
        await build(daeri.door, LOADER, daeri.clock, lambda *_: None)
        say(f"adding {count:,} documents")
        chance = random.Random(SEED)  # noqa: S311 - not for secrets
        files = list(_written(count, chance, "문서"))
        began = time.perf_counter()
        run = await daeri.librarian.add_all(LOADER, files)
        added = time.perf_counter() - began
        say("reading them")
        began = time.perf_counter()
        told, most, last = 0, _memory(), 0
        async for event in daeri.runs.events(LOADER, run["run_id"]):
            if event is not None and event["type"] == "progress.updated":
                told, last = told + 1, event["done"]
                most = max(most, _memory()) if told % 50 == 0 else most
        read = time.perf_counter() - began
        ended = await daeri.runs.get(LOADER, run["run_id"])
        if ended["status"] != "succeeded" or last != count:
            msg = f"the run ended {ended['status']} at {last} of {count}"
            raise RuntimeError(msg)
        size = settings.database.stat().st_size / 1024 / 1024
        lines = [
            Line(f"add {count:,} documents", measured=f"{added:.0f} s, {added * 1000 / count:.1f} ms each"),
            Line(
                f"read, cut, embed and index {count:,} documents",
                measured=f"{read:.0f} s, {read * 1000 / count:.1f} ms each; {most:.0f} MB at most in all processes; "
                f"{told:,} times told how far it is; {size:.0f} MB of database",
            ),
        ]
        say("stopping a run and beginning it again")
        return [*lines, await _stopped(daeri, list(_written(STOPPED, chance, "나중")))]


async def _stopped(daeri: Daeri, files: list[tuple[Brought, bytes]]) -> Line:
    """Stop a run in its midst; bring the same documents in again, and wait for the end."""
    run = await daeri.librarian.add_all(LOADER, files)
    async for event in daeri.runs.events(LOADER, run["run_id"]):
        if event is not None and event["type"] == "progress.updated" and event["done"] >= STOP_AT:
            break
    began = time.perf_counter()
    ended = await daeri.runs.cancel(LOADER, run["run_id"])
    after = (time.perf_counter() - began) * 1000
    while await daeri.runs.planned("library") or await _count(daeri, "waiting"):  # noqa: ASYNC110 - the row says when
        await asyncio.sleep(0.05)
    left = await _count(daeri, "stopped")
    again = await daeri.librarian.add_all(LOADER, files)
    async for _ in daeri.runs.events(LOADER, again["run_id"]):
        pass
    whole = await _count(daeri, "stopped") + await _count(daeri, "waiting")
    if ended["status"] != "cancelled" or not left or whole:
        msg = f"{ended['status']}; {left} were left, {whole} are left"
        raise RuntimeError(msg)
    return Line(
        f"stop the reading of {STOPPED}", measured=f"{after:.0f} ms; {left} not read, and none once begun again"
    )


async def _count(daeri: Daeri, status: str) -> int:
    return await daeri.store.read(
        lambda connection: int(
            connection.exec_driver_sql(f"SELECT count(*) FROM company_file WHERE status = '{status}'").scalar_one()  # noqa: S608 - our own word
        )
    )


def _written(count: int, chance: random.Random, name: str) -> Iterator[tuple[Brought, bytes]]:
    """Yield small documents, each of which says something else."""
    for number in range(count):
        parts = [
            f"# {number}-{part}. {chance.choice(THINGS)} {chance.choice(('관리', '운영', '사용', '처리'))}\n\n"
            f"{chance.choice(THINGS)}은 {chance.randrange(1, 400)}일마다 {chance.choice(ACTS)}. "
            f"담당은 {number % 97}번 부서이고 한도는 {chance.randrange(1, 999)}만원이다.\n"
            for part in range(1, 4)
        ]
        suffix = SUFFIXES[number % len(SUFFIXES)]
        content = "\n".join(parts)
        if suffix == ".html":
            content = "".join(f"<p>{line.strip('# ')}</p>" for line in content.splitlines() if line)
            content = f"<!doctype html><html><body>{content}</body></html>"
        yield Brought(f"{name} {number}{suffix}", f"시험/{number % 50}", "internal"), content.encode()


def _memory() -> float:
    """Return the memory of this process and of those it has begun, in MB; what they share is counted once."""
    pids: list[Any] = [os.getpid()]
    for pid in pids:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            pids += children.read_text().split()
    return sum(_own(pid) for pid in pids) / 1024


def _own(pid: int | str) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended meanwhile
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
