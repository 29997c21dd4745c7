"""Who does the work of tools that outlive their requests? One worker of each server, while the company has such tools.

A job is taken up where it was asked for, or, where that server is lost, by the next one that looks. Stopping a task
stops its work within a second, on whichever server that is.
"""

import asyncio
import contextvars
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from daeri.errors import DaeriError
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp.extras import Extras, ExtraTool
from daeri.gateway.services import Services
from daeri.records.actor import Actor
from daeri.runs.jobs import Job, Order, Taken

if TYPE_CHECKING:
    from daeri.gateway.mcp.exchange import Later, Live

DOOR: Final = "mcp"
AT_ONCE: Final = 20
"""Jobs that one server works on at once; the others wait in order."""
LOOK_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 5.0
"""How often to look while there are jobs here, and while there are none: then for those that a lost server left."""
FORGET_SECONDS: Final = 3600.0

log = structlog.get_logger()


@dataclass(slots=True)
class _AtWork:
    """A job that this server is at."""

    job: Job
    told: str | None
    task: asyncio.Task[None] | None = None
    exchange: "Later | None" = None

    @property
    def taken(self) -> Taken:
        """Which taking up it is."""
        return self.job.id, self.job.epoch

    def stop(self) -> None:
        """Break the work off."""
        if self.task is not None:
            self.task.cancel()


class Lasting:
    """Takes jobs, and does them until it is closed."""

    def __init__(self, services: Services, extras: Extras) -> None:
        """Take the book of jobs, who says what a person may do by now, and the tools."""
        self._jobs = services.jobs
        self._identity = services.identity
        self._tools = {tool.name: tool for tool in extras.tools if tool.lasting != "never"}
        self._at_work: dict[Taken, _AtWork] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._forgotten_at = float("-inf")

    async def open(self) -> None:
        """Begin, where the company has any such tool."""
        if self._tools:
            self._begin_to_work()

    async def close(self) -> None:
        """Stop; what was not ended is begun again, here or elsewhere."""
        if self._task is None:
            return
        left = dict(self._at_work)
        stopping = [self._task, *(each.task for each in left.values() if each.task is not None)]
        self._task = None
        for task in stopping:
            task.cancel()
        await asyncio.wait(stopping)
        if left:
            await self._jobs.release(left.keys())

    def wake(self) -> None:
        """Look at once: a job was asked for, answered or stopped."""
        self._wake.set()

    async def begin(self, tool: ExtraTool, asked: "Live", key: str | None) -> Job:
        """Write down what was asked; it is at work as soon as there is room.

        Raises:
            Conflict: too many jobs of this person have not ended.
            IdempotencyMismatch: the key was used for something else.
        """
        order = Order(
            tool.name,
            asked.arguments,
            capabilities=dict(asked.able),
            answers=asked.answers,
            state=asked.state,
            lang=asked.caller.lang,
            idempotency_key=key,
        )
        job = await self._jobs.create(asked.caller.actor, order)
        self.wake()
        return job

    def _begin_to_work(self, rest: float = 0.0) -> None:
        self._task = asyncio.create_task(self._work(rest))
        self._task.add_done_callback(self._worked)

    def _worked(self, task: asyncio.Task[None]) -> None:
        """Begin anew, whatever it was that ended the work: without it nobody's job is ever taken up here."""
        if not task.cancelled() and self._task is task:
            log.error("jobs.work_ended", exc_info=task.exception())
            self._begin_to_work(LOOK_SECONDS)

    async def _work(self, rest: float) -> None:
        await asyncio.sleep(rest)
        while True:
            self._wake.clear()
            try:
                await self._look()
            except DaeriError as error:  # the database is away for a moment
                log.warning("jobs.look_failed", code=error.code)
            pause = LOOK_SECONDS if self._at_work else IDLE_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):  # `wait_for` loses the end of this task to a wake-up
                    await self._wake.wait()

    async def _look(self) -> None:
        """Stop what is no longer this server's or its person's, tell how far the rest is, and take up what is due."""
        if self._at_work:
            looked_at = list(self._at_work.values())
            held = await self._jobs.hold([each.taken for each in looked_at])
            for each in looked_at:
                if each.taken not in held or await self._is_over(each.job):
                    each.stop()
                elif each.exchange is not None and each.exchange.message not in (None, each.told):
                    each.told = each.exchange.message
                    await self._jobs.tell(each.job, each.told or "")
        if (room := AT_ONCE - len(self._at_work)) > 0:
            for job in await self._jobs.take(self._tools.keys(), room):
                self._start(job)
        now = asyncio.get_running_loop().time()
        if now - self._forgotten_at > FORGET_SECONDS:
            self._forgotten_at = now
            await self._jobs.forget()

    def _start(self, job: Job) -> None:
        # A context of its own: the request that asked is over before the work is.
        begun = _AtWork(job, told=job.message)
        begun.task = asyncio.create_task(self._carry(begun), name=job.id, context=contextvars.Context())
        self._at_work[begun.taken] = begun
        begun.task.add_done_callback(lambda task: self._ended(begun, task))

    def _ended(self, ended: _AtWork, task: asyncio.Task[None]) -> None:
        del self._at_work[ended.taken]
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job.carrying_failed", job=ended.job.id, exc_info=error)  # it is due again when its lease ends

    async def _carry(self, begun: _AtWork) -> None:
        # The SDK takes half a second to import, and a server may never have a job.
        from daeri.gateway.mcp.carrying import carry, fail  # noqa: PLC0415
        from daeri.gateway.mcp.exchange import Later  # noqa: PLC0415

        job = begun.job
        try:
            actor = await self._actor(job)
        except DaeriError as error:
            if error.retryable:  # the database is away for a moment: it is due again when its lease ends
                raise
            await fail(job, error, self._jobs)
            return
        begun.exchange = Later(Caller(actor, job.lang, request_id=job.id), job)
        await carry(self._tools[job.tool], job, begun.exchange, self._jobs)

    async def _actor(self, job: Job) -> Actor:
        scopes = tuple(tuple(scope) for scope in job.scopes)
        actor = await self._identity.actor_of_person(job.person_id, DOOR, scopes, job.credential)
        return actor if job.agent is None else self._identity.narrowed(actor, job.agent)

    async def _is_over(self, job: Job) -> bool:
        """Say whether its person or its key may have it done no longer; whoever takes it up next ends it for that."""
        try:
            await self._actor(job)
        except DaeriError as error:
            return not error.retryable
        return False
