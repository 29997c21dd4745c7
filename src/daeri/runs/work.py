"""What does a worker do to a run? The agent's side of the journal: load, note a step, speak, end.

Everything is written under a lease, so a worker that was overtaken or cancelled writes nothing more.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from daeri.clock import Clock
from daeri.crash import crash_at
from daeri.errors import DaeriError
from daeri.operations.provenance import Origins
from daeri.records.prepared import Constant
from daeri.records.store import Store
from daeri.runs import callers, handing, journal
from daeri.runs.calls import StepJournal
from daeri.runs.fleet import ALONE
from daeri.runs.handing import Handed
from daeri.runs.journal import Fenced, Lease, Note
from daeri.runs.queueing import Queue
from daeri.runs.request import PLAIN, Terms
from daeri.runs.wakeups import Wakeups
from daeri.wording import Lang

Event = tuple[str, dict[str, Any]]

STORED_SECONDS = 0.1
STORED_SECONDS_EACH = 0.004
"""Text is stored in pieces of this length of time, longer the more runs speak; who listens here has it before."""
LOOK_SECONDS = 0.2
"""How often it is looked whether a caller who was lost is there again."""
HISTORY_MAX = 50
"""Earlier turns of the conversation that a run is told of."""
SUMMARY = "summarize"
"""The kind of the step that tells in short what was said before."""
WORTH_A_SUMMARY = 2_000
"""Characters of a conversation below which none was ever made."""


_TURNS = Constant(
    select(*(journal.run.c[name] for name in ("id", "input", "answer", "choices", "citations", "usage")))
    .where(
        journal.run.c.session_id == bindparam("session"),
        journal.run.c.person_id == bindparam("person"),
        journal.run.c.agent == bindparam("agent"),  # another one may have been shown what is kept from this one
        journal.run.c.status == "succeeded",
        journal.run.c.replaced_by.is_(None),
        journal.run.c.id < bindparam("key"),
    )
    .order_by(journal.run.c.id.desc())
    .limit(HISTORY_MAX),
    "session",
    "person",
    "agent",
    "key",
)


@dataclass(frozen=True, slots=True)
class StepView:
    """A step as the journal has it; `output` holds done, held, settled or refused for calls."""

    seq: int
    kind: str
    name: str
    status: str
    input: dict[str, Any]
    output: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier request of the conversation and its answer.

    Attributes:
        untrusted: the answer rests on text that anyone may have written.
        classes: the sensitive data classes that it may hold: those of what it and all turns before it have read.
        held: those that the request may hold, where an agent worded it.
    """

    input: str
    answer: str
    choices: list[dict[str, str]]
    untrusted: bool = False
    run_id: str = ""
    classes: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Summary:
    """What was said in a conversation up to a turn, in short.

    Attributes:
        until: the last run that it covers.
        untrusted: it rests on text that anyone may have written.
        classes: the sensitive data classes that it may hold.
    """

    text: str
    until: str
    untrusted: bool = False
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """A run as its worker gets it.

    Attributes:
        credential: the key that it was asked with, without which it does not go on; None where a person was signed in.
        attempts: times it was taken up since its last step, this time counted.
        steps: what has been done so far, in order: after a crash or a wait, work goes on from here.
        history: the conversation with this agent before this run, oldest first; `summary` tells what was before that.
        told: the text that its listeners were told by whoever was at it before.
        parent_id, asked_by: the run that had this one begun, and the agents that asked one another for it.
        classes: the sensitive data classes that the request may hold, where an agent worded it.
        terms: how it is to be answered.
    """

    lease: Lease
    attempts: int
    person_id: int
    agent: str
    scopes: tuple[tuple[str, ...], ...]
    credential: str | None
    door: str
    lang: Lang
    input: str
    session_id: str
    created_at: datetime
    steps: Sequence[StepView] = field(default=())
    history: Sequence[Turn] = field(default=())
    summary: Summary | None = None
    told: str = ""
    parent_id: str | None = None
    asked_by: tuple[str, ...] = ()
    classes: frozenset[str] = frozenset()
    rank: int = 0
    terms: Terms = PLAIN


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends well: the answer (or question back, or refusal), what it rests on, what to ask next.

    `unspoken` is the end of the answer's text that no listener has heard yet; `asked` tells of the requests to models
    that led to the answer.
    """

    answer: str
    kind: str
    citations: list[dict[str, Any]]
    choices: list[dict[str, str]]
    usage: dict[str, Any]
    unspoken: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that a worker is about to make; `note` is an assumption under which it makes it."""

    step: int
    operation: str
    arguments: dict[str, Any]
    note: str = ""
    lang: Lang = "ko"


class Workbench:
    """Writes to the journal for workers and wakes the listeners after each commit."""

    def __init__(
        self, store: Store, clock: Clock, wakeups: Wakeups, me: str = ALONE, queue: Queue | None = None
    ) -> None:
        """Take the database, the clock, the listeners, the name of this server, and who goes next."""
        self._me = me
        self._queue = queue or Queue()
        self._store = store
        self._clock = clock
        self._wakeups = wakeups
        self._speaking = 0

    @property
    def pause(self) -> float:
        """How many seconds of text are gathered before they are stored."""
        return max(STORED_SECONDS, STORED_SECONDS_EACH * self._speaking)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Count one more run that may speak."""
        self._speaking += 1
        try:
            yield
        finally:
            self._speaking -= 1

    async def claim(self, run_id: str, segment: int) -> Work | None:
        """Take a run up; None where this segment is not due any more, or not yet."""

        def take(connection: Connection) -> Work | None:
            if not self._queue.may_begin(connection, run_id):
                return None
            lease = journal.claim(connection, run_id, segment, self._me)
            return None if lease is None else _load(connection, lease)

        work = await self._store.note(take)
        crash_at("run.claimed")
        return work

    async def put_back(self, run_id: str, segment: int, most: int, error: DaeriError) -> bool:
        """Leave a run that could not be taken up to the next try; end it with an error, and say so, after so many."""

        def leave(connection: Connection) -> list[journal.Written]:
            left = journal.put_back(connection, run_id, segment, self._me)
            if left is None or left.attempts <= most:
                return []
            return journal.finish(connection, run_id, "failed", self._clock.now(), error=error.problem(left.lang))

        written = await self._store.note(leave)
        if written:
            self._wakeups.notify(run_id, written)
        return bool(written)

    async def leave(self) -> None:
        """Let others have what this server was at: that it stops counts for no attempt that failed."""
        await self._store.note(partial(journal.leave, me=self._me))

    async def write(self, lease: Lease, notes: Sequence[Note] = (), *events: Event) -> None:
        """Write steps without effect, and events that belong to no step (text as it is spoken)."""

        def write(connection: Connection) -> list[journal.Written]:
            return journal.write_notes(connection, lease, self._clock.now(), notes, *events)

        await self._write(lease, write)

    def speak(self, lease: Lease, at: int, text: str) -> None:
        """Let those who listen here have text at once, before it is written."""
        self._wakeups.speak(lease.run_id, at, text)

    def call(
        self,
        lease: Lease,
        call: Asked,
        question: str,
        notes: Sequence[Note] = (),
        origins: Origins | None = None,
    ) -> StepJournal:
        """Return the journal of one call, for the door to write in the call's transaction, notes and all."""
        return StepJournal(
            lease=lease,
            step=call.step,
            operation=call.operation,
            arguments=call.arguments,
            question=question,
            clock=self._clock,
            notes=tuple(notes),
            note=call.note,
            lang=call.lang,
            origins=origins,
            tell=partial(self._wakeups.notify, lease.run_id),
        )

    async def attended(self, lease: Lease) -> None:
        """Wait until somebody is there to hear of a run, who may have been lost for a moment.

        Raises:
            Fenced: the run has ended meanwhile.
        """

        def is_away(connection: Connection) -> bool:
            away = callers.is_away(connection, lease.run_id)
            if away and journal.has_ended(connection, lease.run_id):
                raise Fenced
            return away

        while await self._store.read(is_away):  # noqa: ASYNC110 - who comes back may do so at another server
            await asyncio.sleep(LOOK_SECONDS)

    async def hand_over(
        self, lease: Lease, calls: Sequence[Handed], told: Mapping[str, Any], notes: Sequence[Note] = ()
    ) -> None:
        """Let the run's caller run functions of its own, and wait for what they return."""
        await self._write(
            lease,
            lambda connection: handing.hand_over(connection, lease, self._clock.now(), calls, told, notes),
        )
        crash_at("call.handed")

    async def succeed(self, lease: Lease, ending: Ending, notes: Sequence[Note] = ()) -> None:
        """End the run with an answer."""
        told = {"kind": ending.kind} | ({"asked": ending.asked} if ending.asked else {})
        answered = Note("answer", told, ending.kind, 0)
        at = len(ending.answer) - len(ending.unspoken)
        rest = [("message.delta", {"text": ending.unspoken, "at": at})] if ending.unspoken else []
        cited = [("citation.added", item) for item in ending.citations]
        completed = ("message.completed", {"text": ending.answer, "choices": ending.choices})

        def write(connection: Connection) -> list[journal.Written]:
            now = self._clock.now()
            written = journal.write_notes(
                connection, lease, now, [*notes, answered], *rest, *cited, completed, ("usage.updated", ending.usage)
            )
            written += journal.finish(
                connection,
                lease.run_id,
                "succeeded",
                now,
                answer=ending.answer,
                citations=ending.citations,
                choices=ending.choices,
                usage=ending.usage,
            )
            crash_at("run.ending")
            return written

        await self._write(lease, write)
        crash_at("run.ended")

    async def fail(self, lease: Lease, error: DaeriError, lang: Lang, notes: Sequence[Note] = ()) -> None:
        """End the run with an error."""

        def write(connection: Connection) -> list[journal.Written]:
            now = self._clock.now()
            written = journal.write_notes(connection, lease, now, notes)
            return written + journal.finish(connection, lease.run_id, "failed", now, error=error.problem(lang))

        await self._write(lease, write)

    def wake(self, lease: Lease, written: Sequence[journal.Written] = ()) -> None:
        """Tell listeners that a call's own transactions have written events, and which, where that is known."""
        self._wakeups.notify(lease.run_id, written)

    async def _write(self, lease: Lease, work: Callable[[Connection], list[journal.Written]]) -> None:
        self._wakeups.notify(lease.run_id, await self._store.note(work))


def _load(connection: Connection, lease: Lease) -> Work:
    row = journal.row(connection, lease.run_id)
    steps = [
        StepView(item.seq, item.kind, item.name, item.status, item.input or {}, item.output or {})
        for item in journal.steps(connection, lease.run_id)
    ]
    turns = _turns(connection, row)
    summary = None
    if len(turns) == HISTORY_MAX or sum(len(turn.input) + len(turn.answer) for turn in turns) >= WORTH_A_SUMMARY:
        summary = _summary(connection, row)
    return Work(
        lease=lease,
        attempts=row.attempts,
        person_id=row.person_id,
        agent=row.agent,
        scopes=tuple(tuple(scope) for scope in row.scopes),
        credential=row.credential,
        door=row.door,
        lang=row.lang,
        input=row.input,
        session_id=row.session_id,
        created_at=row.created_at,
        steps=steps,
        history=[turn for turn in turns if summary is None or turn.run_id > summary.until],
        summary=summary,
        told=journal.told(connection, lease.run_id) if lease.epoch > 1 else "",
        parent_id=row.parent_id,
        asked_by=tuple(row.asked_by or ()),
        classes=frozenset((row.usage or {}).get("classes", ())),
        rank=row.rank,
        terms=Terms.of(row.terms),
    )


def _turns(connection: Connection, row: Row[Any]) -> list[Turn]:
    """Return the last turns before a run that are in its context, oldest first."""
    turns = [
        Turn(
            item.input,
            item.answer or "",
            item.choices or [],
            any(each.get("untrusted") for each in item.citations or ()),
            item.id,
            frozenset((item.usage or {}).get("classes", ())),
            frozenset((item.usage or {}).get("held", ())),
        )
        for item in _TURNS.rows(connection, session=row.session_id, person=row.person_id, agent=row.agent, key=row.id)
    ]
    return turns[::-1]


def _summary(connection: Connection, row: Row[Any]) -> Summary | None:
    """Return the newest summary of a conversation; what left its context took the summaries made of it along."""
    made = (
        select(journal.step.c.output)
        .join(journal.run, journal.run.c.id == journal.step.c.run_id)
        .where(
            journal.run.c.session_id == row.session_id,
            journal.run.c.person_id == row.person_id,
            journal.run.c.agent == row.agent,
            journal.run.c.replaced_by.is_(None),
            journal.run.c.id <= row.id,
            journal.step.c.kind == SUMMARY,
        )
        .order_by(journal.run.c.id.desc(), journal.step.c.seq.desc())
        .limit(1)
    )
    output = connection.execute(made).scalar_one_or_none()
    return None if output is None else Summary(**output | {"classes": tuple(output["classes"])})
