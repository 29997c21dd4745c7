"""How is a run carried out? The loop: analyze, select, plan, execute, answer; with limits, parking and recovery.

Each turn is written to the journal before the next begins, so another process can go on after the last step. The
executor calls operations by the door only, as the person through their agent, with the authority they have now.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any

import structlog

from daeri.agent.analyzer import Analysis, analyze
from daeri.agent.origins import origins_of
from daeri.agent.planner import Answer, Call, Choice, Declined, Happened, Planner, Recalled, Said, Situation, Waits
from daeri.agent.progress import Progress, replay
from daeri.agent.selector import Near, select
from daeri.agent.voice import Voice
from daeri.clock import SEOUL
from daeri.crash import crash_at
from daeri.errors import BudgetExceeded, DaeriError, KeyRevoked, NotReady, Timeout
from daeri.log import bind
from daeri.operations.agents import Agent, Allowance
from daeri.operations.invoke import Door
from daeri.operations.operation import Operation
from daeri.operations.outcome import Done, Held, Outcome, Replayed
from daeri.operations.permit import is_allowed
from daeri.operations.provenance import Origins, Read
from daeri.operations.provided import awaited_by
from daeri.operations.sense import Sense
from daeri.operations.sensitivity import classes_in
from daeri.records.actor import Actor
from daeri.records.identity import Identity
from daeri.runs.callers import Unattended
from daeri.runs.calls import StepJournal
from daeri.runs.handing import Handed
from daeri.runs.journal import ASK, Fenced, Note, Written
from daeri.runs.work import SUMMARY, Asked, Ending, Event, Turn, Work, Workbench
from daeri.tools.memory import RECALL, RECALLED_MAX
from daeri.tracing import here, span
from daeri.wording import Lang, Text

TURNS_MAX = 8
"""Times a planner may be asked in one run; a plan that needs more is going in circles."""
ATTEMPTS_MAX = 10
"""Times a run is taken up without a step being written; one that ends its process, or that nobody can read, must not
be tried for ever.
"""
HEARD_MAX = 3
"""Earlier requests of a conversation whose words still vouch for a value."""
LEAST_SECONDS = 1.0
"""Time a run has at least when it is taken up again: enough to say that its time was used up."""
TOOLS_MAX = 12
"""Operations a planner is shown; more of them make models choose worse and cost more."""
NOTE_AT_ONCE_MILLISECONDS = 30
"""A step that took so long is written at once, for whoever watches; quicker ones go with the next transaction."""
TOO_OFTEN = Text(f"{ATTEMPTS_MAX}번 다시 시작해도 끝내지 못했어요", f"It did not end in {ATTEMPTS_MAX} attempts")
UNREADABLE = Text(
    "이 대화나 실행의 기록을 읽지 못해 멈췄어요. 새 대화에서 다시 요청해 주세요.",
    "What is written of it or of its conversation cannot be read, so it was stopped. Ask again in a new conversation.",
)

Working = Callable[[str, asyncio.Task[None] | None], None]
Resume = Callable[[str], Coroutine[Any, Any, None]]
Worker = Callable[[Work, Workbench], Coroutine[Any, Any, None]]

log = structlog.get_logger()


class Executor:
    """Advances runs by one segment each."""

    def __init__(
        self,
        door: Door,
        identity: Identity,
        bench: Workbench,
        planner: Planner,
        working: Working,
        workers: Mapping[str, Worker] = MappingProxyType({}),
        meanings: Near | None = None,
    ) -> None:
        """Take the door, what gives a person's authority, the journal, who plans, and who may cancel.

        `workers` carry the runs that are no agent's, by the name that stands in the agent's place. `meanings` tell
        what operations mean, where the planner understands more than their own words.
        """
        self._meanings = meanings
        self._workers = workers
        self._door = door
        self._identity = identity
        self._bench = bench
        self._planner = planner
        self._working = working
        self.resume: Resume | None = None
        """Goes on with another run: that of an agent that was asked, and the one that waited for it."""

    async def segment(self, run_id: str, segment: int) -> None:
        """Carry a run on until it ends or waits for a person; whatever it raises, the run is due again."""
        work = await self._taken_up(run_id, segment)
        if work is None:
            return
        task = asyncio.create_task(self._carried(work), name=run_id)
        self._working(run_id, task)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()  # this server stops, if it has not ended
            await asyncio.wait({task})
            self._working(run_id, None)
        if not task.cancelled():
            task.result()
        await self._go_on(work.parent_id)

    async def _taken_up(self, run_id: str, segment: int) -> Work | None:
        """Take a run up; one that cannot be read is left to other tries, perhaps by newer code, and ends after many."""
        try:
            return await self._bench.claim(run_id, segment)
        except DaeriError:  # it is the database that cannot be reached
            raise
        except Exception:
            if await self._bench.put_back(run_id, segment, ATTEMPTS_MAX, DaeriError(UNREADABLE)):
                log.exception("run.given_up", run_id=run_id)
                self._working(run_id, None)
                return None
            raise

    async def _carried(self, work: Work) -> None:
        worker = self._workers.get(work.agent)
        if work.attempts > ATTEMPTS_MAX:
            log.error("run.given_up", run_id=work.lease.run_id)
            await self._fail(work, Progress(), DaeriError(TOO_OFTEN))
        elif worker is not None:
            await worker(work, self._bench)
        else:
            await self._ended(work)

    async def _go_on(self, run_id: str | None) -> None:
        if run_id is not None and self.resume is not None:
            await self.resume(run_id)

    async def _ended(self, work: Work) -> None:
        bind(run_id=work.lease.run_id)
        here().name(f"invoke_agent {work.agent}")
        here().note(gen_ai__operation__name="invoke_agent", gen_ai__agent__name=work.agent)
        progress = Progress()
        try:
            progress = replay(work.steps, work.lang)
            person = await self._identity.actor_of_person(work.person_id, work.door, work.scopes, work.credential)
            agent = self._door.company.agent_for(person, work.agent)
            progress.allowance = agent.allowance
            async with asyncio.timeout(max(agent.allowance.seconds - progress.milliseconds / 1000, LEAST_SECONDS)):
                actor = replace(agent.acting_for(person), beside=work.asked_by)
                await self._advance(work, progress, agent, actor)
        except Fenced:
            self._overtaken(work)
        except NotReady:  # the journal, or who knows its person: no fault of the run, which is due again
            raise
        except DaeriError as error:
            await self._fail(work, progress, error)
        except TimeoutError:
            seconds = f"{progress.allowance.seconds:g}"
            limit = Text(f"{seconds}초 안에 끝내지 못했어요", f"It did not finish within {seconds} seconds")
            await self._fail(work, progress, Timeout(limit))
        except Exception:
            log.exception("run.failed")
            await self._fail(work, progress, DaeriError())

    async def _fail(self, work: Work, progress: Progress, error: DaeriError) -> None:
        try:
            await self._bench.fail(work.lease, error, work.lang, progress.take_notes())
        except Fenced:
            self._overtaken(work)

    def _overtaken(self, work: Work) -> None:
        """Let who listens look at what another worker, a person, or an ending that was cut off wrote last."""
        log.info("run.fenced")
        self._bench.wake(work.lease)

    async def _advance(self, work: Work, progress: Progress, agent: Agent, actor: Actor) -> None:
        analysis = await self._analyzed(work, progress)
        tools = await self._selected(work, progress, actor, analysis)
        voice = Voice(self._bench, work, progress)
        if work.told != progress.spoken or (work.lease.again and self._planner.waits):
            # Whoever listened may have heard what is made anew, whether or not it was stored.
            await self._bench.write(work.lease, (), ("message.restarted", {"text": progress.spoken}))
        situation = Situation(
            actor=actor,
            lang=analysis.lang,
            input=work.input,
            analysis=analysis,
            tools=tools,
            find_mentions=lambda phrases: self._door.mentions(actor, phrases),
            say=voice.say,
            would_find=lambda name, arguments: self._door.would_find(actor, name, arguments, situation.classes),
            instructions=agent.instructions,
            model=agent.model,
            plan=progress.plan,
            usage=progress.usage,
            history=[_said(turn) for turn in work.history],
            summary=work.summary,
            rank=work.rank,
            run_id=work.lease.run_id,
            held=work.classes,
            answer_format=work.terms.answer_format,
            functions=work.terms.functions,
            recalled=classes_in(step.output for step in work.steps if step.kind == "recall"),
        )
        await self._recall(work, progress, situation)
        await self._condense(work, progress, situation)
        try:
            with self._bench.speaking():
                answer = await self._loop(work, progress, situation, voice)
        finally:
            voice.leave()
        if answer is not None:
            ending = self._ending(answer, progress, situation, voice.take())
            await self._bench.succeed(work.lease, replace(ending, answer=progress.spoken), progress.take_notes())

    async def _recall(self, work: Work, progress: Progress, situation: Situation) -> None:
        """Ask by the door what the person wants to be remembered, as far as this agent may; a step where there is any.

        A run that goes on asks again: what was forgotten meanwhile is not told any more.
        """
        known, began = self._door.company.operations.get(RECALL), time.perf_counter()
        if not self._planner.waits or known is None or not is_allowed(known, situation.actor):
            return
        done = await self._door.call(situation.actor, RECALL, {"about": work.input, "limit": RECALLED_MAX})
        if isinstance(done, Done):
            rows = done.result["rows"]
            situation.memories = [Recalled(row["text"], frozenset(row["classes"])) for row in rows]
        if situation.memories and all(step.kind != "recall" for step in work.steps):
            told = {"memories": [row["memory"] for row in rows], "classes": sorted(classes_in(rows))}
            await self._note(work, progress, "recall", told, str(len(situation.memories)), began)

    async def _condense(self, work: Work, progress: Progress, situation: Situation) -> None:
        """Tell in short what of the conversation no longer fits; a step, so that later runs begin with it."""
        began = time.perf_counter()
        summary = await self._planner.condense(situation)
        if summary is None:
            return
        situation.summary = summary
        situation.history = [said for said in situation.history if said.run_id > summary.until]
        await self._note(work, progress, SUMMARY, asdict(summary), summary.text[:60], began)

    async def _loop(self, work: Work, progress: Progress, situation: Situation, voice: Voice) -> Answer | None:
        """Alternate between planning and calling; None when the run waits for an approval, or for its caller."""
        while True:
            due = progress.pending[: progress.calls_left]
            for at, call in enumerate(due, 1):
                if call.operation in situation.lent:
                    await self._hand_over(work, progress, due[at - 1 :])
                    return None
                happened = await self._execute(work, progress, situation, call, due[at:])
                progress.happened.append(happened)
                if isinstance(happened.outcome, Waits):
                    return None
            _check_spent(progress.allowance, situation.usage)
            last = progress.turns >= TURNS_MAX or progress.calls_left <= 0
            if last:
                situation.tools, situation.functions = (), None
            situation.happened = tuple(progress.happened)
            began, before = time.perf_counter(), len(progress.spoken)
            await self._announce(work, progress)
            with span("plan"):
                decision = await self._planner.next(situation)
            crash_at("plan.made")
            await voice.hush()
            if isinstance(decision, Answer):
                said = progress.spoken[before:] + voice.unspoken
                voice.unspoken += decision.text.removeprefix(said)
                return decision
            if last:
                raise Timeout(Text("너무 여러 번 시도해서 멈췄어요", "It was stopped after too many attempts"))
            await voice.flush()
            progress.pending = list(decision)
            progress.turns += 1
            await self._note_plan(work, progress, situation, began)
            situation.asked = []
            crash_at("plan.noted")

    async def _hand_over(self, work: Work, progress: Progress, calls: Sequence[Call]) -> None:
        """Let the caller run functions of its own; the run waits for what they return, and bears no load meanwhile."""
        made = [*(happened.call for happened in progress.happened), *calls]
        known = tuple(sorted({each for call in made for each in call.classes}))  # a function may keep what it was sent
        handed = [Handed(progress.steps + n, call.operation, call.arguments, known) for n, call in enumerate(calls, 1)]
        used = {name: progress.usage.get(name, 0) for name in ("input_tokens", "output_tokens")}
        told = {"spoken": progress.spoken, "usage": used}
        await self._bench.hand_over(work.lease, handed, told, progress.take_notes())

    async def _announce(self, work: Work, progress: Progress) -> None:
        """Show that a planner is at work which takes its time, with all that came before, unless that was told."""
        if self._planner.waits and progress.announced < progress.steps + 1:
            await self._bench.write(work.lease, progress.take_notes(), self._planning(progress))

    def _planning(self, progress: Progress) -> Event:
        progress.announced = progress.steps + 1
        return "step.started", {"step": progress.announced, "kind": "plan", "summary": ""}

    async def _execute(
        self, work: Work, progress: Progress, situation: Situation, call: Call, later: Sequence[Call]
    ) -> Happened:
        progress.steps += 1
        journal = await self._journal(work, progress, situation, call)
        if self._bundles(call):
            beside = [each for each in later if self._bundles(each)]
            journal.beside = [await self._journal(work, progress, situation, each) for each in beside]
        if self._planner.waits and not later:
            journal.then = [self._planning(progress)]
        tool = call.operation if call.operation in self._door.company.operations else "unknown"
        written: list[Written] = []  # not known where it was refused: what was written with it may have been undone
        try:
            with span(f"execute_tool {tool}", gen_ai__operation__name="execute_tool", gen_ai__tool__name=tool):
                outcome = await self._called(work, situation, call, journal)
        except DaeriError as error:
            progress.notes.clear()
            if isinstance(error, KeyRevoked):  # there is nobody any more for whom to go on
                raise
            return Happened(call, Declined("refused", error.problem(situation.lang)))
        else:
            progress.notes.clear()
            written = journal.adding
        finally:
            self._bench.wake(work.lease, written)
        if journal.begun is not None:
            await self._go_on(journal.begun)
            return Happened(call, Waits(journal.begun, {}))
        if isinstance(outcome, Held):
            return Happened(call, Waits(outcome.approval_id, outcome.body(situation.lang)))
        if isinstance(outcome, Replayed):
            msg = "a run's call has no idempotency key and cannot be a replay"
            raise TypeError(msg)
        return Happened(call, outcome)

    async def _called(self, work: Work, situation: Situation, call: Call, journal: StepJournal) -> Outcome:
        """Call by the door; what may change something waits for the run's caller, where they were lost."""
        while True:
            try:
                return await self._door.call(
                    situation.actor, call.operation, call.arguments, lang=situation.lang, journal=journal
                )
            except Unattended:
                await self._bench.attended(work.lease)

    async def _journal(self, work: Work, progress: Progress, situation: Situation, call: Call) -> StepJournal:
        asked = Asked(progress.steps, call.operation, call.arguments, call.note, situation.lang)
        origins = await self._origins(progress, situation, call)
        if origins is not None and work.asked_by:  # what an agent asked for is nobody's own word
            request = Read(ASK, outside=True, result={"request": work.input}, records=frozenset())
            origins = Origins(reads=(request, *origins.reads), classes=origins.classes)
        journal = self._bench.call(work.lease, asked, work.input, progress.notes, origins)
        journal.scopes, journal.classes = situation.actor.scopes, call.classes
        called = self._door.company.operations.get(call.operation)
        journal.acts = called is not None and called.effect != "read"
        return journal

    def _bundles(self, call: Call) -> bool:
        """Say whether a call may share a document with others of its plan, which happen in no particular order."""
        called = self._door.company.operations.get(call.operation)
        return called is not None and called.form is not None and called.form.bundle

    async def _origins(self, progress: Progress, situation: Situation, call: Call) -> Origins | None:
        """Return from where the arguments of a call may come that changes, waits or asks outside; else None."""
        operations = self._door.company.operations
        called = operations.get(call.operation)
        injected = {} if called is None else called.signature.injected
        goes_out = awaited_by(injected) is not None or Sense in injected.values()
        if called is None or (called.effect == "read" and not goes_out):
            return None
        recent = situation.history[-HEARD_MAX:]
        heard = [
            *(analyze(said.input, situation.analysis.today, situation.lang) for said in recent),
            situation.analysis,
        ]
        summary = situation.summary
        before = [] if summary is None else [Said("", summary.text, untrusted=summary.untrusted)]
        earlier = [*before, *situation.history]
        origins = await origins_of(heard, progress.happened, operations, called, situation.find_mentions, earlier)
        informed = origins.informed or bool(situation.memories)
        return replace(origins, classes=situation.classes, informed=informed)

    async def _analyzed(self, work: Work, progress: Progress) -> Analysis:
        began = time.perf_counter()
        today = work.created_at.astimezone(SEOUL).date()
        analysis = analyze(work.input, today, work.lang)
        if progress.steps < 1:
            summary = " · ".join(entity.text for entity in analysis.entities) or work.input[:60]
            await self._note(work, progress, "analyze", analysis.body(), summary, began)
        return analysis

    async def _selected(self, work: Work, progress: Progress, actor: Actor, analysis: Analysis) -> Sequence[Operation]:
        began = time.perf_counter()
        permitted = self._door.operations(actor)
        before = [analyze(turn.input, analysis.today, work.lang) for turn in work.history[-1:]]
        scored = select(analysis, permitted, TOOLS_MAX, earlier=before, meanings=self._meanings)
        if progress.steps < 2:  # noqa: PLR2004 - the second step of every run
            output = {
                "permitted": len(permitted),
                "chosen": [{"operation": item.operation.name, "score": round(item.score, 3)} for item in scored],
            }
            best = ", ".join(item.operation.label.to(work.lang) for item in scored[:3])
            await self._note(work, progress, "select", output, best, began)
        return [item.operation for item in scored]

    async def _note_plan(self, work: Work, progress: Progress, situation: Situation, began: float) -> None:
        calls = [
            {"operation": call.operation, "arguments": call.arguments, "note": call.note}
            | ({"classes": call.classes} if call.classes else {})
            for call in progress.pending
        ]
        summary = ", ".join(self._label(call.operation, situation.lang) for call in progress.pending)
        state = {
            "calls": calls,
            "plan": situation.plan,
            "usage": situation.usage,
            "spoken": progress.spoken,
            "milliseconds": progress.elapsed,
        } | ({"asked": situation.asked} if situation.asked else {})
        await self._note(work, progress, "plan", state, summary, began)

    async def _note(
        self, work: Work, progress: Progress, kind: str, output: dict[str, Any], summary: str, began: float
    ) -> None:
        progress.steps += 1
        milliseconds = round((time.perf_counter() - began) * 1000)
        progress.notes.append(Note(kind, output, summary, milliseconds))
        if milliseconds >= NOTE_AT_ONCE_MILLISECONDS:
            await self._bench.write(work.lease, progress.take_notes())

    def _label(self, name: str, lang: Lang) -> str:
        operation = self._door.company.operations.get(name)
        return operation.label.to(lang) if operation else name

    def _ending(self, answer: Answer, progress: Progress, situation: Situation, unspoken: str) -> Ending:
        sources = [source for done in progress.finished for source in done.sources]
        classes = {"classes": sorted(situation.classes)} if situation.classes else {}
        classes |= {"held": sorted(situation.held)} if situation.held else {}
        usage = {"model": self._planner.name, "input_tokens": 0, "output_tokens": 0, "cost_usd": None}
        return Ending(
            answer=answer.text,
            kind=answer.kind,
            citations=[{**source, "n": number} for number, source in enumerate(sources, 1)],
            choices=[{"label": choice.label, "input": choice.input} for choice in answer.choices],
            usage=usage | situation.usage | {"milliseconds": progress.elapsed} | classes,
            unspoken=unspoken,
            asked=situation.asked,
        )


def _check_spent(allowance: Allowance, usage: Mapping[str, Any]) -> None:
    """Stop a run that has used what one run of its agent may use of models.

    Raises:
        BudgetExceeded: it has; or nobody tells what it cost, and there is a bound in dollars.
    """
    tokens = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    cost = usage.get("cost_usd") if tokens else 0
    if allowance.tokens is not None and tokens >= allowance.tokens:
        raise BudgetExceeded(
            Text(
                f"이 에이전트가 한 번에 쓸 수 있는 {allowance.tokens:,} 토큰을 다 썼어요",
                f"It has used the {allowance.tokens:,} tokens that one run of this agent may use",
            )
        )
    if allowance.usd is not None and (cost is None or cost >= allowance.usd):
        raise BudgetExceeded(
            Text(
                f"이 에이전트가 한 번에 쓸 수 있는 ${allowance.usd}를 다 썼거나, 든 비용을 알 수 없어요",
                f"It has used the ${allowance.usd} that one run of this agent may use, or what it cost is not known",
            )
        )


def _said(turn: Turn) -> Said:
    choices = tuple(Choice(item["label"], item["input"]) for item in turn.choices)
    return Said(turn.input, turn.answer, choices, turn.untrusted, turn.run_id, turn.classes, turn.held)
