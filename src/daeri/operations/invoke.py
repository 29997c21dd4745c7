"""The single door: validate → allowed? → which line? → run or file a document → audit. Nothing else runs an operation.

Above stand the protocols, the agent and the approvals; below, the records. Effect, run step, use of the approval and
audit row commit in one transaction. An operation's body runs in one visit to the database and may not wait for
anything else: no model, no network, no client can hold a transaction open.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection

from daeri.canonical import digest
from daeri.clock import Clock
from daeri.crash import crash_at
from daeri.errors import Conflict, DaeriError, NotFound
from daeri.operations import arguments as args
from daeri.operations import filing, noting, repeats
from daeri.operations.answers import Answers, Asked
from daeri.operations.body import Body
from daeri.operations.call import Call, refused_step
from daeri.operations.company import Company
from daeri.operations.deciding import ledger
from daeri.operations.deciding.binding import check_writes
from daeri.operations.deciding.ledger import Document
from daeri.operations.deciding.presence import still
from daeri.operations.deciding.riding import Riding, complete
from daeri.operations.deciding.seating import beside_body
from daeri.operations.drafter import drafter_of
from daeri.operations.limits import Limiter
from daeri.operations.making import Asking, Within, maker
from daeri.operations.operation import Operation
from daeri.operations.outcome import Done, Draft, Held, Item, Journal, Outcome
from daeri.operations.permit import is_allowed, not_allowed
from daeri.operations.provided import awaited_by
from daeri.operations.rehearsing import Rehearsal
from daeri.operations.sense import Sense, Senses
from daeri.records import audit
from daeri.records.actor import Actor
from daeri.records.mentions import Mention, mentions
from daeri.records.prepared import savepoint
from daeri.records.store import Store
from daeri.records.trail import Trail
from daeri.tracing import span
from daeri.wording import Lang, Text


class Door:
    """Runs operations for actors; the only holder of operation functions."""

    def __init__(
        self,
        company: Company,
        store: Store,
        clock: Clock,
        limiter: Limiter | None = None,
        answers: Answers | None = None,
    ) -> None:
        """Take the company's declarations, its database, the clock, who counts calls, and who remembers answers."""
        self.company = company
        self._answers = answers or Answers()
        self._limiter = limiter or Limiter()
        self._store = store
        self._clock = clock
        self.senses: Senses | None = None
        """Asks a model outside what the words of a search mean; None where there is none."""
        self._body = Body(company, clock)
        self._rehearsal = Rehearsal(company, clock, self._body, self.operation)
        self.parts = self._body.parts
        """What operations may use besides their records, put together elsewhere."""

    def operations(self, actor: Actor) -> list[Operation]:
        """Return the operations the actor may call, in name order."""
        return [item for item in self.company.operations.values() if is_allowed(item, actor)]

    def operation(self, actor: Actor, name: str) -> Operation:
        """Return one operation by name: `leave.request`, `leave__request`, or `query` for `query.run`.

        Raises:
            NotFound: there is no such operation.
            PermissionDenied: the person, the agent or the key may not call it.
        """
        found = self._found(name)
        if found is None:
            raise NotFound(Text(f"'{name}' 작업이 없어요", f"There is no operation '{name}'"))
        if not is_allowed(found, actor):
            raise not_allowed(self.company.roles, found, actor)
        return found

    def _found(self, name: str) -> Operation | None:
        spellings = (name, name.replace("__", "."), f"{name}.run")
        return next(filter(None, map(self.company.operations.get, spellings)), None)

    async def call(
        self,
        actor: Actor,
        name: str,
        arguments: Mapping[str, Any],
        *,
        lang: Lang = "ko",
        idempotency_key: str | None = None,
        journal: Journal | None = None,
        previous_id: str | None = None,
    ) -> Outcome:
        """Run an operation, or file the document that its approval line asks for.

        With `previous_id` the document takes up again one that was rejected or withdrawn (재기안).

        Raises:
            DaeriError: whatever stands in the way; refusals are audited.
        """
        call = None
        try:
            call = Call(self.operation(actor, name), actor, arguments, lang, idempotency_key, journal, previous_id)
            operation = call.operation
            with span(f"operation {operation.name}", daeri__effect=operation.effect, daeri__door=actor.door) as told:
                await self._limiter.operation(actor, operation.name)
                if operation.effect == "read":
                    return await self._read(call)
                outcome = await self._store.write(lambda connection: self._write(connection, call))
                told.note(daeri__outcome=type(outcome).__name__.lower())
        except DaeriError as error:
            await self._refused(actor, name, arguments, error, call, journal)
            if journal is not None:
                await self._store.note(partial(refused_step, journal, error))
            raise
        crash_at("call.committed")
        return outcome

    async def dry_run(self, actor: Actor, name: str, arguments: Mapping[str, Any], *, lang: Lang = "ko") -> Draft:
        """Tell what a call would do: it is carried out and rolled back, so the answer is the real one.

        Raises:
            DaeriError: whatever would stand in its way; that too is audited.
        """
        call = None

        def try_it(connection: Connection, call: Call) -> Draft:
            call.seen = Trail()
            model = self._body.validated(connection, call)
            with savepoint(connection, keep=False):
                content = self._rehearsal.untried(connection, call, model)
                preview = self._body.preview(connection, call, model) if content is None else content.preview
                if call.operation.effect != "read":
                    self._body.run(connection, call, model, Trail())
            arguments = args.canonical(model)
            self._write_down(connection, call, "tried", arguments_digest=digest(arguments), **noting.told(call.seen))
            return Draft(
                operation=call.operation.name,
                effect=call.operation.effect,
                arguments=arguments,
                worded=args.worded(connection, self.company.rules, actor, call.operation, model, lang),
                preview=preview,
                line=filing.line_body(content.seats, lang) if content else [],
                beside=beside_body(content.seats, lang) if content else [],
                rule=content.line.rule if content else None,
                because=content.line.because if content else None,
            )

        try:
            call = Call(self.operation(actor, name), actor, arguments, lang)
            await self._limiter.operation(actor, call.operation.name, is_dry=True)
            await self._sense(call)
            return await self._store.write(partial(try_it, call=call))
        except DaeriError as error:
            await self._refused(actor, name, arguments, error, call)
            raise

    async def forget_old_keys(self) -> None:
        """Drop the answers that were kept for repeated requests longer than a day."""
        await self._store.write(partial(repeats.forget, now=self._clock.now()))

    async def mentions(self, actor: Actor, phrases: Sequence[str]) -> list[Mention]:
        """Return the rows that any of the phrases names, among those the actor may see."""
        records = self.company.records.values()
        found = await self._store.read(
            lambda connection: mentions(connection, self.company.rules, actor, records, phrases)
        )
        seen = noting.mentioned(self.company.records, found)
        if seen.personal:
            entry = audit.Entry.by(actor, self._clock.now(), "mentions", **noting.told(seen))
            await self._store.note(partial(audit.append, entry=entry))
        return found

    async def would_find(
        self, actor: Actor, name: str, arguments: Mapping[str, Any], classes: Collection[str]
    ) -> float:
        """Tell how sure a search would be of what it finds, 0 where it finds nothing good enough; nothing else is told.

        For planners: whether to call it at all. The call itself is audited, this is not, as no content leaves it.
        `classes` are the sensitive data classes that the words may hold.
        """

        def look(connection: Connection, call: Call) -> float:
            result = self._body.run(connection, call, self._body.validated(connection, call), Trail()).result
            return float(result.get("sure", 1.0)) if result.get("found") else 0.0

        try:
            call = Call(self.operation(actor, name), actor, arguments, "ko", classes=tuple(classes))
            if call.operation.effect != "read" or not call.operation.signature.searched:
                return 0.0
            await self._sense(call)
            return await self._store.read(partial(look, call=call))
        except DaeriError:
            return 0.0

    async def _sense(self, call: Call) -> None:
        """Ask what the words of a search mean, before the database is visited."""
        signature = call.operation.signature
        if self.senses is None or Sense not in signature.injected.values():
            return
        said = next((call.sent.get(name) for name in sorted(signature.searched)), None)
        if isinstance(said, str) and said.strip():
            call.sense = await self.senses(said, call.origins.classes)

    async def _make(self, call: Call) -> None:
        """Make the part that an operation must wait for, before the database is visited for it."""
        kind = awaited_by(call.operation.signature.injected)
        if kind is None:
            return

        model = await self._store.read(partial(self._let_in, call=call))
        if call.journal is not None:  # who watches the run sees what it waits for
            await self._store.note(call.begin)
            call.journal.keep()
        asking = Asking(
            actor=call.actor,
            arguments=model,
            lang=call.lang,
            read=partial(self._read_within, call),
            leaving=partial(self._leaving, call, digest(args.canonical(model))),
            origins=call.origins if call.actor.agent is not None else None,
            run_id=call.journal.run_id if call.journal is not None else None,
        )
        call.made = await maker(self.parts, kind)(asking)

    async def _leaving(self, call: Call, arguments_digest: str, host: str) -> None:
        """Write down that a request goes to a host outside, before it does."""

        def write_down(connection: Connection) -> None:
            call.begin(connection)
            told = {"detail": {"host": host}, "arguments_digest": arguments_digest}
            self._write_down(connection, call, "leaving", **told)

        await self._store.note(write_down)
        if call.journal is not None:
            call.journal.keep()

    async def _read_within(self, call: Call, name: str, arguments: Mapping[str, Any]) -> Done:
        """Call an operation that reads, within another call and for the same caller."""
        journal = Within(call.journal) if call.journal is not None else None
        found = self._found(name)
        if found is not None and (found.effect != "read" or awaited_by(found.signature.injected)):
            error = Conflict(Text(f"{found.name} 작업은 여기서 부를 수 없어요", f"{found.name} cannot be called here"))
            await self._refused(call.actor, name, arguments, error, None, journal)
            raise error
        done = await self.call(call.actor, name, arguments, lang=call.lang, journal=journal)
        if not isinstance(done, Done):
            msg = f"{name} reads, and came to {type(done).__name__}"
            raise TypeError(msg)
        call.within.append(done)
        return done

    def execute_approved(
        self, connection: Connection, document: Document, acts: Sequence[Mapping[str, Any]]
    ) -> list[Done]:
        """Run exactly what an approved document froze, in the deciding transaction: all its calls, in order.

        Raises:
            Conflict: the operation, or the content's digest, is no longer what was approved.
            Changed: a record that it would change is not what it was when the document was filed.
            DaeriError: the drafter may no longer do it, or the company's rules refuse it now.
        """
        if not all(map(self._is_known, document.items)):
            raise Conflict(
                Text("결재한 뒤 작업의 정의가 바뀌었어요", "The operation was changed after this was approved")
            )
        if not filing.is_intact(connection, document, acts):
            raise Conflict(
                Text("결재받은 내용과 문서의 내용이 달라요", "The document is not what its approvers approved")
            )
        actor = drafter_of(connection, self.company, document.row)
        if not document.row["bundled"]:
            return [self._apply(connection, document, document.row, actor, "applied")]
        done: list[Done] = []
        for number, item in enumerate(document.items, 1):
            try:  # its approval is used once, as the audit's own index on "applied" sees to; the rest is done with it
                done.append(self._apply(connection, document, item, actor, "done" if done else "applied"))
            except DaeriError as error:
                title = self.company.title([item["operation"]])
                raise error.about(Text(f"{number}번째 {title.ko}", f"{number}. {title.en}")) from error
        return done

    def _apply(
        self, connection: Connection, document: Document, item: Mapping[str, Any], actor: Actor, outcome: str
    ) -> Done:
        """Run one call that an approved document froze."""
        row = document.row
        called = self.operation(actor, item["operation"])
        call = Call(called, actor, item["arguments"], row["lang"], classes=item.get("classes"))
        model = self._body.validated(connection, call)
        done = self._body.run(connection, call, model, call.seen)
        if document.form.get("changed") == "return":
            check_writes(item["bound"], call.seen.writes)
        self._audit(connection, call, done, outcome=outcome, approval_id=document.id, run_id=row["run_id"])
        return done

    def _is_known(self, item: Mapping[str, Any]) -> bool:
        """Say whether the operation of a call that was filed has the shape that it had then."""
        found = self.company.operations.get(item["operation"])
        return found is not None and found.shape == item["operation_digest"]

    async def _read(self, call: Call) -> Done:
        await self._sense(call)
        remembers = call.operation.cache_seconds is not None
        done, arguments_digest = await (self._remembered(call) if remembers else self._looked_up(call))

        def write_down(connection: Connection) -> None:
            call.begin(connection)
            self._audit(connection, call, done, arguments_digest=arguments_digest)
            call.record(connection, done)
            crash_at("read.whole")

        await self._store.note(write_down)
        crash_at("read.committed")
        return done

    async def _looked_up(self, call: Call) -> tuple[Done, str]:
        """Return what the operation answers now, and the digest of its arguments."""

        def look(connection: Connection) -> tuple[Done, str]:
            done = self._run(connection, call, model := self._let_in(connection, call))
            return done, digest(args.canonical(model))

        await self._make(call)
        return await self._store.read(look)

    async def _remembered(self, call: Call) -> tuple[Done, str]:
        """Return the answer that is remembered for the same, else a new one, which is to be remembered."""

        def ask(connection: Connection) -> tuple[Asked, str]:
            model = self._let_in(connection, call)
            return self._asked(connection, call, model), digest(args.canonical(model))

        def look(connection: Connection) -> tuple[Done, Asked]:
            model = self._let_in(connection, call)
            answered = self._asked(connection, call, model)  # first, as the answer is as old as the visit's beginning
            return self._run(connection, call, model), answered

        asked, arguments_digest = await self._store.read(ask)
        async with self._answers.turn(asked):
            found = await self._answers.find(asked)
            if found is not None:
                done, call.seen = found
                return done, arguments_digest
            await self._make(call)
            done, answered = await self._store.read(look)
            await self._answers.keep(asked if asked.key == answered.key else answered, done, call.seen)
        return done, arguments_digest

    def _let_in(self, connection: Connection, call: Call) -> BaseModel:
        """Check who calls, and with what."""
        if call.journal is not None:  # a run takes its time; a request has just been let in
            self._stand(connection, call)
        return self._body.validated(connection, call)

    def _run(self, connection: Connection, call: Call, model: BaseModel) -> Done:
        call.seen = Trail()
        return self._body.run(connection, call, model, call.seen)

    def _asked(self, connection: Connection, call: Call, model: BaseModel) -> Asked:
        day = self._clock.today().isoformat()
        return self._answers.asked(connection, call, arguments=args.canonical(model), day=day)

    def _write(self, connection: Connection, call: Call) -> Outcome:
        call.begin(connection)
        self._stand(connection, call)
        call.seen, call.joined = Trail(), {}
        model = self._body.validated(connection, call)
        canonical = args.canonical(model)
        request = digest([call.operation.name, canonical])
        before = call.replay(connection, request)
        if before is not None:
            self._write_down(connection, call, "replayed", arguments_digest=digest(canonical))
            return before
        outcome: Done | Held
        content = self._rehearsal.content(connection, call, model)
        if content is None:
            outcome = self._body.run(connection, call, model, call.seen)
            self._audit(connection, call, outcome, arguments_digest=digest(canonical))
        else:
            document = self._file(connection, call, content)
            done = self._on_consent(connection, call, content, document)
            outcome = done or self._held(call, content, document)
        call.record(connection, outcome)
        call.remember(connection, request, outcome, self._clock.now())
        crash_at("call.whole")
        return outcome

    def _stand(self, connection: Connection, call: Call) -> None:
        """Take the caller as they stand now: what they lost since they were let in is gone."""
        call.actor = still(connection, self.company.people, call.actor, self._clock.now())
        if not is_allowed(call.operation, call.actor):
            raise not_allowed(self.company.roles, call.operation, call.actor)

    def _on_consent(
        self, connection: Connection, call: Call, content: filing.Content, document: Document
    ) -> Done | None:
        """Let a document ride on standing consents, as far as they go; done where they complete its line."""
        if content.form.consent is None or not _is_vouched(call.actor, content):
            return None
        riding = Riding(connection, self.company.people, self._clock.now())
        writer = riding.ride(document, content.operation, content.arguments, len(content.writes))
        if writer is None:
            return None
        if writer.state.status != "approved":
            writer.finish(self._clock.now())
            return None
        acts = ledger.acts(connection, [document.id])[document.id]
        done = self.execute_approved(connection, Document(document.row, document.steps, writer.state), acts)
        complete(connection, writer, done, self._clock)
        return replace(done[0], approval_id=document.id)

    def _file(self, connection: Connection, call: Call, content: filing.Content) -> Document:
        journal, who, operation = call.journal, call.actor.person_id, call.operation.name
        rejected = filing.rejected_before(connection, journal.run_id, who, operation) if journal else None
        origin = filing.Origin(
            actor=call.actor,
            at=self._clock.now(),
            today=self._clock.today(),
            lang=call.lang,
            run_id=journal.run_id if journal else None,
            question=journal.question if journal else None,
            previous_id=call.previous_id or rejected,
        )
        document = filing.file(connection, content, origin)
        for one, filed in zip((call, *call.joined.values()), (content, *content.bundled), strict=True):
            told = {"arguments_digest": digest(filed.arguments), "approval_id": document.id, **noting.told(one.seen)}
            self._write_down(connection, one, "filed", **told)
        return document

    @staticmethod
    def _held(call: Call, content: filing.Content, document: Document) -> Held:
        return Held(
            approval_id=document.id,
            operation=call.operation.name,
            preview=content.preview,
            line=filing.line_body(content.seats, call.lang),
            beside=beside_body(content.seats, call.lang),
            because=content.line.because,
            at=document.row["drafted_at"],
            worded=content.worded[call.lang],
            bundled=[Item(each.operation.name, each.worded[call.lang], each.preview) for each in content.bundled],
            joined=tuple(call.joined),
        )

    def _write_down(self, connection: Connection, call: Call, outcome: str, **more: Any) -> None:
        if call.journal is not None:
            more = {"run_id": call.journal.run_id, "step": call.journal.step} | more
        audit.append(connection, audit.Entry.by(call.actor, self._clock.now(), call.operation.name, outcome, **more))

    def _audit(self, connection: Connection, call: Call, done: Done, *, outcome: str = "done", **more: Any) -> None:
        more.setdefault("arguments_digest", digest(dict(call.sent)))
        remembered = {} if done.age is None else {"age": done.age}
        told = noting.told(call.seen, rows=done.rows, masked=done.masked, **remembered)
        if call.operation.effect != "read":
            told["detail"].setdefault("wrote", [])  # also of what it wrote past the trail (company files)
        self._write_down(connection, call, outcome, **told, **more)

    async def _refused(
        self,
        actor: Actor,
        name: str,
        arguments: Mapping[str, Any],
        error: DaeriError,
        call: Call | None,
        journal: Journal | None = None,
    ) -> None:
        action = name[:200].encode(errors="replace").decode()
        step = {"run_id": journal.run_id, "step": journal.step} if journal else {}
        operation, seen = (None, Trail()) if call is None else (call.operation, call.seen)
        told = noting.told(seen, code=error.code, arguments=noting.asked(arguments, operation))
        told["detail"].pop("wrote", None)  # it was undone
        entry = audit.Entry.by(actor, self._clock.now(), action, "refused", **told, **step)
        await self._store.note(lambda connection: audit.append(connection, entry))


def _is_vouched(actor: Actor, content: filing.Content) -> bool:
    """Say whether someone stands for every value that counts: the person by acting, or the run's own traces."""
    if actor.agent is None:
        return actor.decides
    return not content.doubtful
