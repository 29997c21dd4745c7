"""Who takes files in, and reads them? The service that protocols call, and the worker that carries its runs.

Taking in is a call of `documents.add` through the single door, so rights, scopes and the audit hold as for anything.
Reading is a run like an agent's: rows with steps and events, taken up again after a crash, to be watched and stopped.
A file is read by a process of its own (`cells.py`), and what came of it is written in one transaction with its step.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from daeri.clock import Clock
from daeri.errors import Conflict, DaeriError, NotFound
from daeri.library import editions
from daeri.library.cells import Cells, Reading
from daeri.library.editions import Job, Uploaded
from daeri.library.files import CompanyFile, Level
from daeri.library.meaning import Embedding, Meaning
from daeri.library.originals import Original, Originals
from daeri.operations.call import run_to_end
from daeri.operations.invoke import Door
from daeri.operations.outcome import Done
from daeri.records.access import Records
from daeri.records.actor import Actor
from daeri.records.store import Store
from daeri.records.trail import Trail
from daeri.runs import journal
from daeri.runs.journal import Fenced, Note
from daeri.runs.runs import Runs
from daeri.runs.work import Ending, Work, Workbench
from daeri.wording import Lang, Text

LIBRARIAN: Final = "library"
"""Stands as the agent of runs that read files."""
ADD: Final = "documents.add"
TOLD_SECONDS: Final = 1.0
"""Progress of one file is told at most so often."""
DETAILS_MAX: Final = 20
MEANING_SECONDS: Final = 600.0
"""How often it is looked whether passages lack the vectors that they should have."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Brought:
    """A file that somebody brings in."""

    name: str
    folder: str = ""
    level: Level = "confidential"
    department: str | None = None
    in_force_from: str | None = None


class Librarian:
    """Takes files in and reads them."""

    def __init__(
        self, door: Door, store: Store, clock: Clock, runs: Runs, originals: Originals, cells: Cells, meaning: Meaning
    ) -> None:
        """Take the door, the database, the clock, the runs, where originals are kept, who reads them, who embeds."""
        self._door = door
        self._store = store
        self._clock = clock
        self._runs = runs
        self.originals = originals
        self._cells = cells
        self.meaning = meaning
        self._is_stopped = False

    async def add(
        self, actor: Actor, brought: Brought, pieces: AsyncIterator[bytes], lang: Lang = "ko"
    ) -> dict[str, Any]:
        """Take a file in and begin to read it; return the run to watch, with the file.

        Raises:
            DaeriError: it is too large, or the actor may not add it so.
        """
        operation = self._door.operation(actor, ADD)  # before anything is kept
        original = await self.originals.keep(pieces)
        state = await self._added(actor, operation.name, brought, original, lang)
        run = await self._runs.begin(
            actor,
            LIBRARIAN,
            Text(f"문서 읽기: {brought.name}", f"Read the document: {brought.name}").to(lang),
            {"files": [state["document"]]},
            lang,
        )
        return {**run, "document": state}

    async def add_all(self, actor: Actor, files: Sequence[tuple[Brought, bytes]], lang: Lang = "ko") -> dict[str, Any]:
        """Take many files in, to be read by one run in their order."""
        ids = []
        for brought, content in files:
            original = await self.originals.keep(_once(content))
            ids.append((await self._added(actor, ADD, brought, original, lang))["document"])
        words = Text(f"문서 {len(ids)}개 읽기", f"Read {len(ids)} documents")
        return await self._runs.begin(actor, LIBRARIAN, words.to(lang), {"files": ids}, lang)

    async def _added(
        self, actor: Actor, operation: str, brought: Brought, original: Original, lang: Lang
    ) -> dict[str, Any]:
        came = Uploaded(original.digest, original.size)
        now = self._clock.now()
        token = await self._store.write(lambda connection: editions.received(connection, actor.person_id, came, now))
        arguments = {"upload": token, "name": brought.name, "folder": brought.folder, "level": brought.level}
        arguments |= {"department": brought.department} if brought.department else {}
        arguments |= {"in_force_from": brought.in_force_from} if brought.in_force_from else {}
        outcome = await self._door.call(actor, operation, arguments, lang=lang)
        if not isinstance(outcome, Done):
            msg = f"{operation} may not need an approval"
            raise TypeError(msg)
        return outcome.result

    async def original(self, actor: Actor, file_id: int) -> tuple[str, str]:
        """Return the name and the path of a file's original, for an actor who may see the file.

        Raises:
            NotFound: there is no such file, or the actor may not see it.
        """

        def look(connection: Connection) -> CompanyFile:
            records = Records(connection, self._door.company.rules, actor, Trail())
            found: CompanyFile = run_to_end(records.get(CompanyFile, file_id))
            return found

        file = await self._store.read(look)
        path = self.originals.path(file.digest)
        if not path.is_file():
            raise NotFound(Text("원본이 남아 있지 않아요", "The original is no longer kept"))
        return file.name, str(path)

    async def take_up(self) -> None:
        """See to files that were added but for which no run was begun, and to tokens of an older program."""
        await self._store.write(_stop)
        left = await self._store.read(editions.waiting)
        planned = await self._runs.planned(LIBRARIAN)
        orphans = [file_id for file_id, _ in left if file_id not in planned]
        if orphans:
            actor = Actor.system(LIBRARIAN)
            words = f"문서 {len(orphans)}개 읽기"
            await self._runs.begin(actor, LIBRARIAN, words, {"files": orphans}, "ko")

    async def see_to_meaning(self) -> str | None:
        """Begin a run that makes the vectors that passages lack, unless one is open; return its id.

        Nothing is begun while the endpoint does not answer, nor after such a run was stopped, until the next start.
        """
        outside = self.meaning.outside
        if self._is_stopped or not await self.meaning.lacking():
            return None
        if outside is not None and not await outside.answers():
            return None
        actor, words = Actor.system(LIBRARIAN), Text("구절의 뜻 새로 새기기", "Make the vectors of passages anew")
        try:
            run = await self._runs.begin(actor, LIBRARIAN, words.to("ko"), {"files": []}, "ko", alone=True)
        except Conflict:  # what is read sees to it when it ends
            return None
        return str(run["run_id"])

    async def keep_meaning(self) -> None:
        """See to it now and again; never returns."""
        while True:
            try:
                await self.see_to_meaning()
            except DaeriError:
                log.exception("documents.meaning")
            await asyncio.sleep(MEANING_SECONDS)

    async def work(self, work: Work, bench: Workbench) -> None:
        """Carry one run: read its files that still wait, tell how far it is, end it; never raises."""
        try:
            await self._work(work, bench)
        except Fenced:
            log.info("run.fenced", run_id=work.lease.run_id)
            self._is_stopped = self._is_stopped or not _files_of(work)
            await self._store.write(_stop)
        except asyncio.CancelledError:
            await asyncio.shield(self._store.write(_stop))
            raise
        except DaeriError as error:
            await self._failed(work, bench, error)
        except OSError as error:
            log.exception("documents.failed", run_id=work.lease.run_id)
            await self._failed(
                work, bench, DaeriError(Text("파일을 읽지 못했어요", f"The file cannot be read: {error}"))
            )

    @staticmethod
    async def _failed(work: Work, bench: Workbench, error: DaeriError) -> None:
        try:
            await bench.fail(work.lease, error, work.lang)
        except Fenced:
            log.info("run.fenced", run_id=work.lease.run_id)

    async def _work(self, work: Work, bench: Workbench) -> None:
        ids = _files_of(work)
        done = [step.output for step in work.steps if step.kind == "read"]
        began = time.perf_counter()
        while len(done) < len(ids):
            place = (len(done), len(ids))
            done.append(await self._one(work, bench, ids[len(done)], place))
        meaning = await self.meaning.bring_up(work, bench)
        if meaning.failure is not None and not ids:
            raise meaning.failure
        await bench.succeed(
            work.lease, self._ending(work, (done, meaning), round((time.perf_counter() - began) * 1000))
        )

    def _ending(self, work: Work, came: tuple[Sequence[dict[str, Any]], Embedding], milliseconds: int) -> Ending:
        """Word how it went: what was read, what could not be, and how far the vectors are."""
        done, meaning = came
        outside = self.meaning.outside
        told = _told_of_files(done, work.lang) if done else []
        if meaning.passages or not done:
            count = meaning.passages
            told.append(
                Text(f"구절 {count:,}개의 뜻을 새겼어요.", f"Made the vectors of {count:,} passages.").to(work.lang)
            )
        if meaning.failure is not None:
            why = meaning.failure.detail
            told.append(
                Text(
                    f"바깥 모델의 뜻은 아직 새기지 못했어요. 나중에 다시 해요: {why.ko}",
                    f"The outside model's vectors are still to be made, it is tried again later: {why.en}",
                ).to(work.lang)
            )
        usage = {
            "model": outside.key if outside is not None and meaning.tokens else "keyless",
            "input_tokens": meaning.tokens,
            "output_tokens": 0,
            "cost_usd": None,
            "milliseconds": milliseconds,
        }
        return Ending("\n".join(told), "answer", [], [], usage)

    async def _one(self, work: Work, bench: Workbench, file_id: int, place: tuple[int, int]) -> dict[str, Any]:
        """Read one file, and write its passages and its step in one transaction."""
        began = time.perf_counter()
        waiting = await self._store.read(lambda connection: editions.job(connection, file_id, self.meaning.names))
        reading, size = Reading(), 0
        if waiting is not None:
            await bench.write(work.lease, (), _progress(waiting.name, place, 0))
            path = self.originals.path(waiting.digest)
            told = _Told(partial(_tell, asyncio.get_running_loop(), (work, bench), (waiting.name, place)))
            try:
                reading = await asyncio.to_thread(self._cells.read, path, waiting.name, waiting.known, told)
            except asyncio.CancelledError:
                told.stop = True
                raise
            size = path.stat().st_size if path.is_file() else 0

        def write(connection: Connection) -> dict[str, Any]:
            journal.check(connection, work.lease)
            output = _outcome(connection, waiting, reading, size) | {"file": file_id}
            note = Note("read", output, _summary(output, work.lang), round((time.perf_counter() - began) * 1000))
            progress = _progress(output["name"], (place[0] + 1, place[1]), output["passages"])
            journal.write_notes(connection, work.lease, self._clock.now(), [note], progress)
            return output

        output = await self._store.write(write)
        bench.wake(work.lease)
        return output

    def close(self) -> None:
        """End the processes that read."""
        self._cells.close()


def _stop(connection: Connection) -> None:
    """Let what still waits of cancelled runs be read no more, but what another run has in its plan."""
    stopped = journal.planned_files(connection, LIBRARIAN, ["cancelled"])
    editions.stop(connection, sorted(stopped - journal.planned_files(connection, LIBRARIAN)))


def _files_of(work: Work) -> list[int]:
    """Return the files that a run is to read; none where it makes vectors only."""
    plan = next(step for step in work.steps if step.kind == "plan")
    files: list[int] = plan.output["files"]
    return files


class _Told:
    """Passes progress on now and then; raises where the reading is to stop."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._last = time.monotonic()
        self.stop = False

    def __call__(self, passages: int) -> None:
        """Hear how many passages there are so far.

        Raises:
            Fenced: the run was stopped.
        """
        if self.stop:
            raise Fenced
        if time.monotonic() - self._last >= TOLD_SECONDS:
            self._last = time.monotonic()
            self._tell(passages)


def _tell(
    loop: asyncio.AbstractEventLoop, whom: tuple[Work, Workbench], about: tuple[str, tuple[int, int]], passages: int
) -> None:
    """Tell how far a file is, from the thread that reads it."""
    (work, bench), (name, place) = whom, about
    telling = _quietly(bench.write(work.lease, (), _progress(name, place, passages)))
    asyncio.run_coroutine_threadsafe(telling, loop)


async def _quietly(telling: Any) -> None:
    try:
        await telling
    except Fenced:
        log.info("run.fenced")


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _progress(name: str, place: tuple[int, int], passages: int) -> tuple[str, dict[str, Any]]:
    return "progress.updated", {"file": name, "done": place[0], "total": place[1], "passages": passages}


def _outcome(connection: Connection, waiting: Job | None, reading: Reading, size: int) -> dict[str, Any]:
    if waiting is None:  # read before, or removed meanwhile
        return {"name": "", "status": "unchanged", "passages": 0, "problems": []}
    status = editions.finished(connection, waiting, reading, size)
    problems = [problem.to_text() for problem in reading.problems[:DETAILS_MAX]]
    return {
        "name": waiting.name,
        "status": status,
        "passages": len(reading.passages) if status == "ready" else 0,
        "problems": [{"ko": text.ko, "en": text.en} for text in problems],
    }


def _summary(output: dict[str, Any], lang: Lang) -> str:
    name = output["name"]
    words = {
        "ready": Text(f"{name}: 구절 {output['passages']}개", f"{name}: {output['passages']} passages"),
        "unreadable": Text(f"{name}: 읽지 못함", f"{name}: cannot be read"),
        "gone": Text(f"{name}: 그 사이 지워짐", f"{name}: removed meanwhile"),
        "unchanged": Text("이미 있는 문서예요", "It is there already"),
    }[output["status"]]
    problems = " · ".join(problem[lang] for problem in output["problems"][:3])
    return " · ".join(filter(None, (words.to(lang), problems)))


def _told_of_files(done: Sequence[dict[str, Any]], lang: Lang) -> list[str]:
    """Say how many files were read, and what could not be."""
    read = [output for output in done if output["status"] == "ready"]
    bad = [output for output in done if output["status"] == "unreadable" or output["problems"]]
    passages = sum(output["passages"] for output in read)
    same = sum(output["status"] == "unchanged" for output in done)
    told = [
        Text(
            f"문서 {len(read)}개를 읽어 구절 {passages}개를 찾을 수 있게 했어요.",
            f"Read {len(read)} documents: {passages} passages can be found now.",
        ).to(lang)
    ]
    if same:
        told.append(Text(f"{same}개는 이미 있던 그대로예요.", f"{same} were there already, unchanged.").to(lang))
    return told + [_summary(output, lang) for output in bad[:DETAILS_MAX]]
