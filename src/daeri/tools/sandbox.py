"""Where does code run that a language model wrote? In worker processes of Monty, which know no files, names or network.

A worker is another process with no environment, limits of its own, and nothing to call but what `Ask` answers. What
ends it (a crash, a kill, too much memory) ends no more than this one piece of code: the pool starts another worker.

The pool is used from threads of its own. Its asynchronous sister aborts the whole process when the interpreter ends
soon after it was closed (14 times of 20, pydantic-monty 1.4.0); this one did not (0 of 20).
"""

import asyncio
import os
import resource
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from daeri.errors import NotReady, RateLimited, Timeout
from daeri.tools.plain import Unplain, plain
from daeri.tools.turns import Turns
from daeri.wording import Text

if TYPE_CHECKING:
    from pydantic_monty import FunctionSnapshot, Monty, MontySession, SyncSnapshot

AT_ONCE: Final = 2
"""Pieces of code that run at the same time, one of each person; others wait `PATIENCE` seconds for their turn."""
PATIENCE: Final = 5.0
NICE: Final = 10
"""How much workers stand back for the server itself."""
ADDRESS_SPACE: Final = 2**30
"""Bytes that a worker may map, should its own count of memory ever be wrong."""
GRACE: Final = 2.0
"""Seconds after its limit at which a worker that does not end by itself is killed."""
DEPTH: Final = 200
ERROR_MAX: Final = 2_000
"""Characters of an error that are told; its end, which says what was wrong."""
REUSES: Final = 200
"""Pieces of code after which a worker is replaced."""

Ask = Callable[[str, tuple[Any, ...], Mapping[str, Any]], Awaitable[Any]]
"""Answers a call that code makes, by its name and arguments; raises `Answered` for an exception there."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one piece of code may use.

    Attributes:
        seconds: of its own computing; waiting for calls does not count.
        wall: seconds in all.
        memory: bytes of values.
        printed: bytes that it may print.
        calls: that it may make.
    """

    seconds: float = 5.0
    wall: float = 30.0
    memory: int = 64 * 2**20
    printed: int = 64 * 2**10
    calls: int = 50


class Answered(Exception):
    """A call that code made ends in an exception there, which it may catch."""

    def __init__(self, kind: str, message: str) -> None:
        """Take the name of the exception's type in Python, and what it says."""
        self.kind, self.message = kind, message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a piece of code.

    Attributes:
        value: its last expression, as JSON values.
        error: the exception that ended it, with the lines where; empty where it ended by itself.
    """

    value: Any = None
    printed: str = ""
    error: str = ""


class _Stopped(Exception):
    """Nobody waits for this code any more."""


@dataclass(slots=True, eq=False)
class _Job:
    """One piece of code under way: the worker it has, and the call that it waits for."""

    code: str
    ask: Callable[[str, tuple[Any, ...], Mapping[str, Any]], Future[Any]]
    names: frozenset[str]
    _worker: int | None = None
    _waiting: Future[Any] | None = None
    _stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self) -> None:
        """End its worker or its call, so that the thread which waits for either goes on."""
        with self._lock:
            self._stopped = True
            if self._waiting is not None:
                self._waiting.cancel()
            if self._worker is not None:
                with suppress(ProcessLookupError):
                    os.kill(self._worker, signal.SIGKILL)

    def begin(self, worker: int | None) -> None:
        """Note its worker, and bound it from outside too."""
        with self._lock:
            self._check()
            self._worker = worker
            if worker is not None:
                with suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, worker, NICE)
                    resource.prlimit(worker, resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
                    resource.prlimit(worker, resource.RLIMIT_CORE, (0, 0))

    def end(self) -> None:
        """Let the worker go: from now on it is another one's."""
        with self._lock:
            self._worker = None

    def answer(self, call: "FunctionSnapshot") -> Any:
        """Wait for the answer to a call that the code makes."""
        with self._lock:
            self._check()
            self._waiting = self.ask(str(call.function_name), call.args, call.kwargs)
        try:
            return self._waiting.result()
        except CancelledError:
            raise _Stopped from None

    def _check(self) -> None:
        if self._stopped:
            raise _Stopped


class Sandbox:
    """Runs code; its workers begin with the first piece of code and end with `close`."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        """Take what one piece of code may use."""
        self.bounds = bounds or Bounds()
        self._pool: Monty | None = None
        self._beginning = threading.Lock()
        self._threads = ThreadPoolExecutor(AT_ONCE, "code")
        busy = Text("다른 코드가 돌고 있어요. 잠시 뒤 다시 해 주세요", "Other code is running: try again")
        self._turns = Turns(AT_ONCE, busy)
        self._jobs: set[_Job] = set()

    async def run(self, code: str, ask: Ask, names: frozenset[str], whose: int = 0) -> Ran:
        """Run a piece of a person's code that may call `names`; `ask` answers on this loop.

        Raises:
            RateLimited: other code is running, or other code of this person's.
            Timeout: it did not end in time, calls included.
            NotReady: no worker can be started here.
        """
        loop = asyncio.get_running_loop()

        def asked(name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Future[Any]:
            return asyncio.run_coroutine_threadsafe(_answered(ask, name, positional, named), loop)

        end = await self._turns.take(whose, PATIENCE)
        job = _Job(code, asked, names)
        self._jobs.add(job)
        try:
            async with asyncio.timeout(self.bounds.wall):
                return await loop.run_in_executor(self._threads, self._ran, job)
        except TimeoutError:
            wall = f"{self.bounds.wall:g}"
            raise Timeout(
                Text(f"코드가 {wall}초 안에 끝나지 않았어요", f"The code did not end within {wall} s")
            ) from None
        finally:
            job.stop()
            self._jobs.discard(job)
            end()

    async def works(self) -> bool:
        """Say whether code runs here at all."""
        try:
            return bool((await self.run("6 * 7", _nobody, frozenset())).value == 42)  # noqa: PLR2004
        except (NotReady, RateLimited, Timeout):
            return False

    async def close(self) -> None:
        """Stop what runs and end the workers."""
        for job in self._jobs:
            job.stop()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._threads.shutdown(wait=True)
        if self._pool is not None:
            self._pool.__exit__(None, None, None)
            self._pool = None

    def _ran(self, job: _Job) -> Ran:
        from pydantic_monty import CollectString, MontyError  # noqa: PLC0415 - loaded when the first code runs

        printed = CollectString(max_bytes=self.bounds.printed)
        try:
            with self._checked_out() as session:
                job.begin(session.worker_pid)
                try:
                    value = self._driven(job, session, printed)
                finally:
                    job.end()
        except MontyError as error:
            return Ran(None, printed.output, _told(error))
        except TimeoutError as error:  # of the pool: no worker in time
            return Ran(None, printed.output, str(error))
        except _Stopped:
            return Ran(None, printed.output, "stopped")
        try:
            return Ran(plain(value), printed.output)
        except Unplain as error:
            return Ran(None, printed.output, f"ValueError: the last value cannot be returned: {error}")

    def _checked_out(self) -> "MontySession":
        from pydantic_monty import Monty  # noqa: PLC0415 - as above

        bounds = self.bounds
        with self._beginning:
            if self._pool is None:
                try:
                    self._pool = Monty(
                        max_processes=AT_ONCE,
                        checkout_timeout=PATIENCE,
                        request_timeout=bounds.seconds + GRACE,
                        max_checkouts_per_worker=REUSES,
                    ).__enter__()
                except RuntimeError as error:  # its program is not there, or may not run
                    raise NotReady(
                        Text("코드를 돌릴 작업자를 켤 수 없어요", "The worker that runs code cannot be started")
                    ) from error
        return self._pool.checkout(
            limits={
                "max_feed_duration_secs": bounds.seconds,
                "max_memory": bounds.memory,
                "max_recursion_depth": DEPTH,
                "max_suspensions": 2 * bounds.calls,
            },
            os_policy={"sleep": "zero", "timezone": "Asia/Seoul"},
        )

    def _driven(self, job: _Job, session: "MontySession", printed: Any) -> Any:
        """Drive code to its end, answering what it calls: operations alone, nothing of the system."""
        from pydantic_monty import FunctionSnapshot, MontyComplete, NameLookupSnapshot  # noqa: PLC0415 - as above

        at: SyncSnapshot = session.feed_start(job.code, print_callback=printed)
        while not isinstance(at, MontyComplete):
            if isinstance(at, NameLookupSnapshot):
                named = at.variable_name
                at = at.resume(value=_function(named)) if named in job.names else at.resume()
            elif not isinstance(at, FunctionSnapshot):
                raise _Stopped  # nothing here answers later
            elif at.is_os_function:
                at = at.resume_not_handled()
            else:
                at = self._called(job, at)
        return at.output

    @staticmethod
    def _called(job: _Job, call: "FunctionSnapshot") -> "SyncSnapshot":
        if call.object_id is not None or str(call.function_name) not in job.names:
            return call.resume({"exc_type": "NameError", "message": f"name '{call.function_name}' is not defined"})
        try:
            return call.resume({"return_value": job.answer(call)})
        except Answered as error:
            kind: Any = error.kind
            return call.resume({"exc_type": kind, "message": error.message})


async def _nobody(name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    del positional, named
    raise Answered("NameError", name)


async def _answered(ask: Ask, name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    return await ask(name, positional, named)


def _function(name: str) -> Callable[[], None]:
    """Return what stands for a callable of that name; code that calls it asks."""
    named = partial(_never)
    named.__name__ = name  # type: ignore[attr-defined]  # by which the code's call is known
    return named


def _never() -> None:
    raise AssertionError


def _told(error: Exception) -> str:
    """Word an error of the code with its lines, as Python does."""
    display = getattr(error, "display", None)
    return (display() if callable(display) else str(error))[-ERROR_MAX:]
