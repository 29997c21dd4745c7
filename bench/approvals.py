"""What does a document cost, and how fast is a box with 100,000 of them? `python -m bench approvals`, both databases.

Filing, the first decision and the last one, which carries the effect out, by all clients at once; then the first page
of each box by one client, as the busiest approver, a drafter, and someone who is shown a fifth of all documents.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any, get_args

from sqlalchemy import Engine, create_engine, make_url, text

from bench import boxes, postgres, work
from bench.boxes import DOCUMENTS, Spread
from bench.folder import DATABASE, Folder, opened, sample_folder
from bench.load import Client, Piece, check, percentile
from bench.server import Server, cpu_of, tree_of
from bench.table import aligned
from daeri.operations.approval import Box

ROUNDS = 3
EACH = 120
"""Documents in a round."""
PAGES = 25
"""Times each box is opened in a round."""
WON = 1_000_000
"""An expense on which the lead and then the head of division decide."""
LINE = 2

Lines = list[tuple[str, ...]]


@dataclass(slots=True)
class Filed:
    """Documents on their way through their lines."""

    waiting: list[tuple[str, Sequence[int]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Opened:
    """What one box took in one round: documents shown, and the figures of the table."""

    shown: int
    figures: Sequence[float]


@dataclass(frozen=True, slots=True)
class Place:
    """A sample company on one of the databases; `processes` tells those of the database, where it has its own."""

    name: str
    folder: Folder
    processes: Callable[[], Iterable[int]]

    def database_cpu(self) -> float:
        """Return what the database's own processes took until now."""
        return cpu_of(self.processes())


async def compare(path: Path, say: Callable[[str], None]) -> str:
    """Measure both databases and return the table."""
    lines: Lines = []
    with ExitStack() as stack:
        address = stack.enter_context(postgres.server())
        process = _settled(address)
        for name, database, processes in (
            ("SQLite", None, list[int]),
            ("PostgreSQL", address, partial(tree_of, process)),
        ):
            say(f"{name}: building the sample company")
            place = Place(name, await sample_folder(path / name, database), processes)
            say(f"{name}: filing and deciding")
            async with Server(place.folder) as server, Client(server) as client:
                lines += await _documents(client, place)
            say(f"{name}: adding {DOCUMENTS:,} documents")
            spread = await _fill(place.folder)
            say(f"{name}: opening boxes")
            async with Server(place.folder) as server, Client(server) as client:
                lines += await _boxes(client, place, spread)
    head = ("what", "database", "per second", "CPU ms", "of the database", "p50 ms", "p95 ms")
    return aligned(head, lines, left=(0, 1))


def _engine(address: str) -> Engine:
    url = make_url(address)
    return create_engine(url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url)


def _settled(address: str) -> int:
    """Let commits wait for the disk, as they do where documents count; return the server's process."""
    engine = _engine(address)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET synchronous_commit = on"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    folder = make_url(address).query["host"]
    return int((Path(str(folder)) / "postmaster.pid").read_text(encoding="ascii").split()[0])


async def _documents(client: Client, place: Place) -> Lines:
    """Take documents through their lines, one kind of act after the other."""
    people = [person for person in client.server.folder.keys if await _has_two_above(client, person)]
    filed = Filed()
    count = ROUNDS * EACH + EACH // 4
    filing: list[Piece] = [partial(_file, person=people[number % len(people)], filed=filed) for number in range(count)]
    lines = [await _line(client, place, "file a document", filing)]
    for what, status in (("decide, not the last", "in_progress"), ("decide, the last: the effect too", "applied")):
        taken, filed.waiting = filed.waiting, []
        acts: list[Piece] = [
            partial(_decide, key=key, line=line, filed=filed, status=status, version=1 if status != "applied" else 2)
            for key, line in taken
        ]
        lines.append(await _line(client, place, what, acts))
    return lines


async def _line(client: Client, place: Place, what: str, pieces: Sequence[Piece]) -> tuple[str, ...]:
    await client.drive(pieces[: EACH // 4])
    before = place.database_cpu()
    rounds = [await client.drive(part) for part in work.rounds(pieces[EACH // 4 :], ROUNDS)]
    database = (place.database_cpu() - before) / (ROUNDS * EACH)
    rate, cpu, p50, p95 = (median(getattr(one, name) for one in rounds) for name in ("rate", "cpu", "p50", "p95"))
    return _cells(what, place, (rate, cpu, database, p50, p95))


async def _has_two_above(client: Client, person: int) -> bool:
    status, body = await client.ask(person, "POST", "/v1/ops/expense.request?dry_run=true", _expense())
    deciders = {step["person"]["id"] for step in body.get("line", ())}
    return status == HTTPStatus.OK and len(body["line"]) == len(deciders) == LINE


def _expense() -> dict[str, Any]:
    return {"amount": WON, "category": "교통비"}


async def _file(client: Client, person: int, filed: Filed) -> None:
    held = await client.post(person, "/v1/ops/expense.request", _expense(), HTTPStatus.ACCEPTED)
    filed.waiting.append((held["approval_id"], [step["person"]["id"] for step in held["line"]]))


async def _decide(client: Client, key: str, line: Sequence[int], filed: Filed, status: str, version: int) -> None:
    path = f"/v1/approvals/{key}/decisions"
    body = await client.post(line[0], path, {"decision": "approve"}, etag=version)
    check(body["status"] == status, f"decision: {body}")
    filed.waiting.append((key, line[1:]))


async def _fill(folder: Folder) -> Spread:
    """Copy what was filed until the boxes are full."""
    async with opened(folder) as daeri:
        now = daeri.clock.now()

        def look(connection: Any) -> list[boxes.Template]:
            return [each for each in boxes.templates(connection) if len(each.steps) == LINE]

        made = await daeri.store.read(look)
    decides = [template.steps[-1]["person_id"] for template in made]
    busy = max(set(decides), key=decides.count)
    spread = Spread(busy, folder.outsider, now)
    engine = _engine(folder.database or f"sqlite:///{folder.path / DATABASE}")
    with engine.begin() as connection:
        boxes.fill(connection, made, spread)
    with engine.begin() as connection:
        if folder.database:  # as the server does by itself within a minute
            connection.execute(text("ANALYZE"))
    engine.dispose()
    return spread


async def _boxes(client: Client, place: Place, spread: Spread) -> Lines:
    """Open the first page of every box: rounds of all boxes, so that whatever else the machine does meets them all."""
    readers = {"the busy approver": spread.busy, "a drafter": client.server.folder.deputy, "a reader": spread.reader}
    asked = [(who, person, box) for who, person in readers.items() for box in get_args(Box)]
    took: dict[tuple[str, Box], list[Opened]] = {(who, box): [] for who, _, box in asked}
    for _ in range(ROUNDS):
        for who, person, box in asked:
            took[who, box].append(await _opened(client, place, person, f"/v1/approvals?box={box}"))
    lines = []
    for (who, box), rounds in took.items():
        figures = [median(figures) for figures in zip(*(one.figures for one in rounds), strict=True)]
        lines.append(_cells(f"{box}, {who}: {rounds[0].shown} shown", place, figures))
    return lines


async def _opened(client: Client, place: Place, person: int, path: str) -> Opened:
    """Open one box again and again."""
    shown = len((await client.get(person, path))["data"])
    took: list[float] = []
    database, cpu = place.database_cpu(), client.server.cpu()
    for _ in range(PAGES):
        started = time.perf_counter()
        page = await client.get(person, path)
        took.append((time.perf_counter() - started) * 1000)
        check(len(page["data"]) == shown, f"{path}: {len(page['data'])} of {shown}")
    cpu = (client.server.cpu() - cpu) / PAGES
    database = (place.database_cpu() - database) / PAGES
    return Opened(shown, (1000 * PAGES / sum(took), cpu, database, percentile(took, 50), percentile(took, 95)))


def _cells(what: str, place: Place, figures: Sequence[float]) -> tuple[str, ...]:
    rate, *rest = figures
    return (what, place.name, f"{rate:.0f}", *(f"{each:.2f}" for each in rest))
