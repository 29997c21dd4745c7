"""What may people do with runs? Create, look, listen, wait, cancel: the service that every protocol calls.

A run belongs to the person who asked; nobody else learns that it exists.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Row, select
from ulid import ULID

from daeri.clock import Clock
from daeri.crash import crash_at
from daeri.errors import (
    Conflict,
    FieldError,
    NotFound,
    Refused,
    ValidationFailed,
)
from daeri.log import trace_headers
from daeri.operations.agents import Agent
from daeri.operations.company import Company, no_agent
from daeri.operations.permit import is_allowed
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.store import Store
from daeri.runs import callers, conversations, handing, journal, telling
from daeri.runs.callers import Callers
from daeri.runs.conversations import Conversations
from daeri.runs.dispatch import Dispatch
from daeri.runs.ear import Ear
from daeri.runs.fleet import ALONE
from daeri.runs.functions import refuse_shadows
from daeri.runs.ownership import check_scope, last_agent, own, run_of, status_of
from daeri.runs.queueing import CARRIED, Queue
from daeri.runs.request import INPUT_MAX, PLAIN, Attempt, Request, Terms, worded
from daeri.runs.wakeups import Listener, Wakeups
from daeri.wording import Lang, Text, normal

LIST_MAX = 100
ASKED_MAX = 5
"""Times one run may have another agent work."""
DEPTH_MAX = 2
"""Agents that may ask one another for one request."""
HEARTBEAT_SECONDS = 15
"""Longest silence on a stream: proxies drop connections that are quiet for a minute."""

NO_FORM: Final = Text(
    "답의 형식은 AI 모델이 있는 서버에서만 정할 수 있어요. 형식 없이 묻거나, 관리자에게 모델을 설정해 달라고 하세요.",
    "Only agents with a model answer in a form, and this server has none: ask without one, or have a model set up.",
)

NO_FUNCTIONS: Final = Text(
    "함수를 부를 수 있는 것은 AI 모델이 있는 서버의 에이전트뿐이에요. 함수 없이 물어보세요.",
    "Only agents with a model call functions, and this server has none: ask without them.",
)


class Runs:
    """The runs of a company's agents, and the conversations they are turns of."""

    def __init__(
        self,
        company: Company,
        store: Store,
        clock: Clock,
        wakeups: Wakeups,
        me: str = ALONE,
        queue: Queue | None = None,
    ) -> None:
        """Take the declarations, the database, the clock, the listeners, this server's name, and who goes next.

        `asks_models` is set where models plan the runs.
        """
        self._company = company
        self._store = store
        self._clock = clock
        self._wakeups = wakeups
        self.callers = Callers(company, store, clock)
        self.dispatch = Dispatch(store, clock, wakeups, me, queue)
        self.asks_models = False
        self.conversations = Conversations(company, store, clock, self.dispatch.stopped)

    async def create(
        self,
        actor: Actor,
        input: str,  # noqa: A002 - the field's name in the API
        *,
        agent: str | None = None,
        session_id: str | None = None,
        lang: Lang = "ko",
        idempotency_key: str | None = None,
        terms: Terms = PLAIN,
    ) -> dict[str, Any]:
        """Accept a request; once this returns, the run survives any crash.

        Without an agent it goes to the one of the conversation, else to the first one that serves the actor.

        Raises:
            Conflict: the conversation's last request is still at work, and the terms are to reject then.
            ValidationFailed: empty or too long, the answer is to have a form that only a model can give it, or a
                function is called as an operation.
            NotFound: no such agent, or the session is not this person's.
            IdempotencyMismatch: the key came with another request before.
        """
        check_scope(actor, "create", "write")
        text = worded(input)
        if terms.answer_format is not None and not self.asks_models:
            raise ValidationFailed(NO_FORM, errors=[FieldError("/response_format", NO_FORM)])
        if terms.functions is not None:
            if not self.asks_models:
                raise ValidationFailed(NO_FUNCTIONS, errors=[FieldError("/tools", NO_FUNCTIONS)])
            mine = (name for name, each in self._company.operations.items() if is_allowed(each, actor))
            refuse_shadows(terms.functions, frozenset(mine))
        if agent is None and session_id is not None:
            last = await self._store.read(lambda connection: last_agent(connection, actor, session_id))
            agent = next((each.name for each in self._company.agents_for(actor) if each.name == last), None)
        deputy = self._deputy(actor, agent)

        request = Request(
            text,
            deputy.name,
            lang,
            session_id=session_id,
            idempotency_key=idempotency_key,
            terms=terms,
        )
        return await self._accept(actor, request)

    async def returned(
        self,
        actor: Actor,
        run_id: str,
        results: Mapping[int, str],
        lang: Lang = "ko",
        attempt: Attempt | None = None,
    ) -> dict[str, Any]:
        """Take what a caller's functions returned, by the steps that called them; the run that waits for it goes on.

        The same results may be told again, by whichever `attempt`: nothing happens twice.

        Raises:
            NotFound: there is no such run, or it is someone else's.
            ValidationFailed: these are not the results of one turn, all of them.
            Conflict: other results were told before, or the run does not wait any more.
        """
        check_scope(actor, "create", "write")

        def take(connection: Connection) -> None:
            row = run_of(connection, actor, run_id, held=True)
            if handing.take_back(connection, row, results, self._clock.now()):
                # A result may say what to do next: the run goes on with no more than its key may do, too.
                more = [list(scope) for scope in actor.scopes if list(scope) not in row.scopes]
                journal.change(connection, run_id, scopes=[*row.scopes, *more])
                self._audit(connection, actor, run_id, "run.returned")
            callers.stay(connection, run_id)
            if attempt is not None:
                callers.come(connection, run_id, actor, attempt, self._clock.now())

        await self._store.write(take)
        crash_at("results.taken")
        await self.dispatch.resume(run_id)
        return await self.get(actor, run_id, lang)

    async def edit(
        self,
        actor: Actor,
        run_id: str,
        input: str,  # noqa: A002 - the field's name in the API
        *,
        lang: Lang = "ko",
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Ask a turn of a conversation again in other words: it and those after it leave the context, not the history.

        Raises:
            ValidationFailed: empty or too long.
            NotFound: there is no such run, or it is someone else's.
            Conflict: it was asked again before.
            IdempotencyMismatch: the key came with another request before.
        """
        check_scope(actor, "create", "write")
        text = worded(input)
        first = await self._store.read(lambda connection: run_of(connection, actor, run_id))
        request = Request(
            text,
            self._deputy(actor, first.agent).name,
            lang,
            session_id=first.session_id,
            instead_of=run_id,
            idempotency_key=idempotency_key,
            terms=Terms(answer_format=Terms.of(first.terms).answer_format),
        )
        return await self._accept(actor, request)

    def _deputy(self, actor: Actor, name: str | None) -> Agent:
        """Return who is to do what is asked. An agent asks nobody but itself here; for others there is `agents.ask`."""
        if actor.agent is not None and name is not None and name != actor.agent:
            raise no_agent(name)
        return self._company.agent_for(actor, actor.agent or name)

    async def accept(self, actor: Actor, request: Request) -> dict[str, Any]:
        """Accept a request that was checked before, such as a schedule's; the same key is accepted once.

        Raises:
            PermissionDenied: the credential by which it was made may not ask.
            NotFound: there is no such agent any more.
        """
        check_scope(actor, "create", "write")
        self._company.agent(request.agent)
        return await self._accept(actor, request)

    async def _accept(self, actor: Actor, request: Request) -> dict[str, Any]:
        stopped: list[str] = []

        def accept(connection: Connection) -> tuple[Row[Any], bool]:
            before = self.callers.asked_before(connection, actor, request)
            if before is not None:
                return before, False
            run_id, now = f"run_{ULID()}", self._clock.now()
            session_id = request.session_id
            if session_id is None:
                session_id = conversations.begin(connection, actor, request.agent, request.text, now)
            else:
                conversations.join(connection, actor, session_id, now)
            if request.instead_of is not None:
                first = run_of(connection, actor, request.instead_of, held=True)
                stopped[:] = conversations.replace_from(connection, first, run_id, now)
            elif request.terms.when_busy != "queue":
                cancels = request.terms.when_busy == "cancel"
                stopped[:] = conversations.give_way(connection, session_id, now, cancel=cancels)
            journal.begin(
                connection,
                id=run_id,
                session_id=session_id,
                person_id=actor.person_id,
                agent=request.agent,
                scopes=[list(scope) for scope in actor.scopes],
                credential=actor.key,
                asked_by=[actor.agent] if actor.agent is not None else None,
                door=actor.door,
                lang=request.lang,
                input=request.text,
                usage={"classes": list(request.classes)} if request.classes else {},
                idempotency_key=request.idempotency_key,
                rank=request.rank,
                terms=request.terms.kept(),
                created_at=now,
                trace=trace_headers().get("traceparent"),
            )
            if request.terms.attempt is not None:
                callers.begin(connection, run_id, actor, request.terms.attempt, now)
            told = {"input": request.text, "agent": request.agent, **request.told}
            journal.emit(connection, run_id, now, ("run.started", told))
            self._audit(connection, actor, run_id, "run.create")
            if request.refused is not None:
                journal.finish(connection, run_id, "failed", now, error=request.refused.problem(request.lang))
            return journal.row(connection, run_id), request.refused is None

        row, is_new = await self._store.write(accept)
        crash_at("run.accepted")
        for run_id in stopped:
            self.dispatch.stopped(run_id)
        if is_new:
            await self.dispatch.begin(row.id)
        return telling.body(self._company, row, [], request.lang)

    async def begin(
        self, actor: Actor, worker: str, words: str, plan: dict[str, Any], lang: Lang = "ko", *, alone: bool = False
    ) -> dict[str, Any]:
        """Accept work that is no request to an agent: `worker` carries it by `plan`; it is watched and stopped alike.

        Whoever calls this has seen to it that the actor may have it done.

        Raises:
            Conflict: it is to be done `alone`, and another run of the worker is open, on whichever server.
        """

        def accept(connection: Connection) -> Row[Any]:
            if alone and journal.is_open(connection, worker):
                raise Conflict(Text("다른 작업이 아직 끝나지 않았어요", "Another run is still open"))
            run_id, now = f"run_{ULID()}", self._clock.now()
            journal.begin(
                connection,
                id=run_id,
                session_id=f"ses_{ULID()}",
                person_id=actor.person_id,
                agent=worker,
                scopes=[list(scope) for scope in actor.scopes],
                door=actor.door,
                lang=lang,
                input=words[:INPUT_MAX],
                rank=CARRIED,
                created_at=now,
                trace=trace_headers().get("traceparent"),
            )
            journal.emit(connection, run_id, now, ("run.started", {"input": words[:INPUT_MAX], "agent": worker}))
            journal.planned(connection, run_id, now, plan)
            self._audit(connection, actor, run_id, "run.create")
            return journal.row(connection, run_id)

        row = await self._store.write(accept)
        await self.dispatch.begin(row.id)
        return telling.body(self._company, row, [], lang)

    async def planned(self, worker: str) -> set[int]:
        """Return the files that open runs of a worker have in their plans."""
        return await self._store.read(lambda connection: journal.planned_files(connection, worker))

    async def get(self, actor: Actor, run_id: str, lang: Lang = "ko") -> dict[str, Any]:
        """Return a run with its steps.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        check_scope(actor, "get", "read")

        def look(connection: Connection) -> dict[str, Any]:
            row = run_of(connection, actor, run_id)
            return telling.body(self._company, row, journal.steps(connection, run_id), lang)

        return await self._store.read(look)

    async def terms(self, actor: Actor, run_id: str) -> Terms:
        """Return how a run's caller wants to be answered.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        check_scope(actor, "get", "read")
        return Terms.of((await self._store.read(partial(run_of, actor=actor, run_id=run_id))).terms)

    async def status(self, actor: Actor, run_id: str) -> str:
        """Return where a run stands.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        check_scope(actor, "get", "read")
        return await self._store.read(partial(status_of, actor=actor, run_id=run_id))

    async def page(
        self, actor: Actor, *, limit: int = 20, cursor: str | None = None, session_id: str | None = None
    ) -> dict[str, Any]:
        """Return one page of the person's runs, newest first (of one session: oldest first)."""
        check_scope(actor, "list", "read")
        limit = max(1, min(limit, LIST_MAX))
        statement = select(journal.run).where(own(actor), conversations.is_kept())
        if session_id is not None:
            statement = statement.where(journal.run.c.session_id == session_id)
        oldest_first = session_id is not None
        if cursor:
            statement = statement.where(journal.run.c.id > cursor if oldest_first else journal.run.c.id < cursor)
        order = journal.run.c.id.asc() if oldest_first else journal.run.c.id.desc()

        def look(connection: Connection) -> dict[str, Any]:
            rows = connection.execute(statement.order_by(order).limit(limit + 1)).all()
            page = rows[:limit]
            data = [telling.body(self._company, row, journal.steps(connection, row.id), row.lang) for row in page]
            more = len(rows) > limit
            return {"data": data, "next_cursor": page[-1].id if more else None, "has_more": more}

        return await self._store.read(look)

    async def wait(self, actor: Actor, run_id: str, seconds: float, lang: Lang = "ko") -> dict[str, Any]:
        """Return the run when it has ended or waits for someone, or as it is after so many seconds."""
        check_scope(actor, "get", "read")
        deadline = time.monotonic() + seconds
        settled = (*journal.TERMINAL, *journal.PARKED)
        with self._wakeups.listening(run_id) as listener:
            while await self.status(actor, run_id) not in settled and (left := deadline - time.monotonic()) > 0:
                await listener.until_status(min(left, HEARTBEAT_SECONDS))
            return await self.get(actor, run_id, lang)

    async def session_of(self, actor: Actor, input: str, said: str) -> str | None:  # noqa: A002 - as in create
        """Find the conversation in which this person was given an answer, by the words of both; None where none was.

        An answer that told of a document which was waited for counts by the document's id: the run has another now.
        """
        check_scope(actor, "list", "read")
        asked = select(journal.run.c.id, journal.run.c.session_id, journal.run.c.answer).where(
            own(actor),
            journal.run.c.input == normal(input).strip(),
            journal.run.c.replaced_by.is_(None),
            conversations.is_kept(),
        )
        statement = asked.order_by(journal.run.c.id.desc()).limit(LIST_MAX)

        def look(connection: Connection) -> str | None:
            for row in connection.execute(statement).all():
                told = [item.approval_id for item in journal.steps(connection, row.id) if item.approval_id]
                if row.answer == said or any(approval_id in said for approval_id in told):
                    return str(row.session_id)
            return None

        return await self._store.read(look)

    async def events(
        self, actor: Actor, run_id: str, after: int = 0, heard: int | None = None, *, live: bool = True
    ) -> AsyncIterator[dict[str, Any] | None]:
        """Yield a run's events after a sequence number, first those that were, then as they come.

        What the run speaks comes piece by piece, before it is in the sequence: such an event bears the number of the
        last one that is, and `at`, its place in all that was spoken. Who has `heard` so much is not told it again.
        Without `live` nothing is told before it is in the sequence.
        None is yielded when nothing happened for a while, so that the protocol can keep its connection alive.

        Raises:
            NotFound: there is none, or it is someone else's.
        """
        check_scope(actor, "get", "read")
        ear = Ear(run_id, after, 0 if heard is None and after == 0 else heard)
        with self._wakeups.listening(run_id) as listener:
            while True:
                async for event in self._news(actor, listener, ear):
                    yield event
                    if event["type"] == "stream.end":
                        return
                if listener.written or listener.has_news:
                    continue
                if ear.has_ended:
                    return
                spoken = listener.take()
                for event in ear.of_spoken(spoken if live else (), self._clock.now()):
                    yield event
                if not await listener.woken(HEARTBEAT_SECONDS):
                    listener.has_news = True  # a wake-up is a hint that may be missed: look, too
                    yield None

    async def _news(self, actor: Actor, listener: Listener, ear: Ear) -> AsyncIterator[dict[str, Any]]:
        """Yield what the journal has that was not told: what was written here, and what there is to read."""
        while listener.written or listener.has_news:
            for event in listener.take_written():
                if event.seq == ear.after + 1:
                    yield ear.of_row(event)
                elif event.seq > ear.after:  # something came between, which is in the journal
                    listener.has_news = True
            if not listener.has_news:
                continue
            listener.has_news = False
            try:
                rows, ear.has_ended = await self._store.read(partial(self._read_news, actor, ear))
            except NotFound:
                if not ear.is_let_in:
                    raise
                rows, ear.has_ended = [], True  # it was deleted meanwhile
            ear.is_let_in = True
            listener.has_news = listener.has_news or len(rows) == journal.NEWS_MAX
            for row in rows:
                yield ear.of_row(row)

    async def cancel(self, actor: Actor, run_id: str, lang: Lang = "ko") -> dict[str, Any]:
        """Stop a run; what it has filed stays with its approvers until it is withdrawn.

        Raises:
            NotFound: there is none, or it is someone else's.
            Conflict: it has ended already.
        """
        check_scope(actor, "cancel", "write")

        concerned: list[str] = []

        def stop(connection: Connection) -> str | None:
            row = run_of(connection, actor, run_id, held=True)
            if row.status in journal.TERMINAL:
                raise Conflict(Text("이미 끝난 실행이에요", "The run has ended already"))
            concerned[:] = [run_id, *journal.asked_of(connection, run_id)]
            journal.stop(connection, run_id, self._clock.now())
            callers.stay(connection, run_id)
            self._audit(connection, actor, run_id, "run.cancel")
            parent: str | None = row.parent_id
            return parent

        waiting = await self._store.write(stop)
        for each in concerned:
            self.dispatch.stopped(each)
        await self.dispatch.resume(waiting)
        return await self.get(actor, run_id, lang)

    async def may_ask(self, actor: Actor, run_id: str) -> None:
        """Refuse a run that has another agent work once too often, or for one that was itself asked.

        Raises:
            NotFound: there is no such run, or it is someone else's.
            Refused: it asked too often, or too deep.
        """

        def look(connection: Connection) -> tuple[int, int]:
            row = run_of(connection, actor, run_id)
            return len(row.asked_by or ()), len(journal.asked_of(connection, run_id, ended=True))

        depth, often = await self._store.read(look)
        if depth >= DEPTH_MAX or often >= ASKED_MAX:
            raise Refused(
                Text(
                    f"에이전트에게 맡기는 일은 한 번에 {ASKED_MAX}건, {DEPTH_MAX}단계까지만 돼요",
                    f"A run may ask agents {ASKED_MAX} times, and {DEPTH_MAX} deep",
                )
            )

    async def trace(self, run_id: str) -> str:
        """Return where in a trace a run was asked for, as the header traceparent has it; "" where nobody knows."""
        return await self._store.read(partial(journal.trace_of, run_id=run_id))

    @classmethod
    def _read_news(cls, actor: Actor, ear: Ear, connection: Connection) -> tuple[Sequence[Row[Any]], bool]:
        """Return a run's events that were not heard, and where there are none whether none will come."""
        status = status_of(connection, actor, ear.run_id)
        rows = journal.events_after(connection, ear.run_id, ear.after)
        return rows, not rows and status in journal.TERMINAL

    def as_it_waited(self, run: dict[str, Any], held: Mapping[str, Any], lang: Lang) -> dict[str, Any]:
        """Return a run as it was when it began to wait for a document, of which the event `held` told."""
        return telling.as_it_waited(self._company, run, held, lang)

    def _audit(self, connection: Connection, actor: Actor, run_id: str, action: str) -> None:
        audit.append(connection, audit.Entry.by(actor, self._clock.now(), action, run_id=run_id))
