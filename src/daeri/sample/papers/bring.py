"""How do the sample company's documents move in? By the same door as anybody's, while the server answers already.

Whoever starts a demo need not wait: the papers are written in a thread, brought in one after the other, and read by a
run. What is there already is passed over, so an interrupted beginning is taken up.
"""

import asyncio
from typing import Any, Final

from daeri.clock import Clock
from daeri.library.librarian import Brought, Librarian
from daeri.operations.invoke import Door
from daeri.operations.listing import ListQuery, Shelf
from daeri.records import Actor
from daeri.sample.generate import SEED, generate
from daeri.sample.papers.everything import SampleFile, sample_files

GRANTS: Final = (
    {"folder": "규정/인사/비공개", "level": "secret", "role": "hr"},
    {"folder": "회의록/경영", "level": "secret", "role": "executive"},
    {"folder": "재무/예산", "level": "confidential", "role": "finance"},
)
"""Which roles read folders beyond their own department's."""


async def bring(librarian: Librarian, door: Door, shelf: Shelf, clock: Clock, *, seed: int = SEED) -> int:
    """Bring in the documents that are not there yet; return how many came."""
    actor = Actor.system("demo")
    known = await _known(shelf, actor)
    files = [file for file in await asyncio.to_thread(_written, clock, seed) if (file.folder, file.name) not in known]
    if not files:
        return 0
    grants = await shelf.page(actor, "file_grant", ListQuery(limit=1), "ko")
    if not grants["data"]:
        for grant in GRANTS:
            await door.call(actor, "file_grant.create", grant)
    brought = [(_brought(file), file.content) for file in files]
    await librarian.add_all(actor, brought)
    return len(brought)


async def _known(shelf: Shelf, actor: Actor) -> set[tuple[Any, Any]]:
    page = await shelf.page(actor, "company_file", ListQuery(limit=200), "ko")
    return {(row["folder"], row["name"]) for row in page["data"]}


def _written(clock: Clock, seed: int) -> list[SampleFile]:
    today = clock.today()
    return list(sample_files(generate(today, seed), today))


def _brought(file: SampleFile) -> Brought:
    day = file.in_force_from.isoformat() if file.in_force_from else None
    return Brought(file.name, file.folder, file.level, file.department, day)
