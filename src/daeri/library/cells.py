"""How are files read that may be hostile? In processes of their own, each within limits of time, memory and talk.

The parent's side of `cell.py`: it hands over a file that it has opened and takes frames back. A child that hangs,
crashes or talks too much costs its own file and nothing else.
"""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from daeri.library.blocks import Limits, Place, Problem, Why
from daeri.library.cut import Passage
from daeri.library.embedding import FRAME
from daeri.library.holdings import Embedded, Indexed

FRAME_MAX: Final = 16 * 1024 * 1024
PROBLEMS_MAX: Final = 200
"""Problems of one file that are kept; a thousand scanned pages say the same."""
START_SECONDS: Final = 120
PASSED_ON: Final = ("PATH", "PYTHONPATH", "LANG", "LD_LIBRARY_PATH", "TESSDATA_PREFIX")
_OUT_OF_TIME: Final = (signal.SIGXCPU, signal.SIGKILL)

Told = Callable[[int], None]
"""Called with the number of passages so far."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one file may cost.

    Attributes:
        seconds: of processor time; twice as long by the clock.
        memory: bytes beside what the program itself takes.
        talk: bytes of answers.
    """

    seconds: int = 300
    memory: int = 1024 * 1024 * 1024
    talk: int = 1024 * 1024 * 1024


@dataclass(slots=True)
class Reading:
    """What came of a file."""

    format: str = ""
    passages: list[Indexed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    walls: tuple[str, ...] = ()

    @property
    def is_readable(self) -> bool:
        """Whether anything was read."""
        return bool(self.passages)


class Cells:
    """A number of reader processes; they start when first needed and end with `close`."""

    def __init__(
        self, count: int = 1, limits: Limits | None = None, bounds: Bounds | None = None, *, vectors: bool = True
    ) -> None:
        """Take how many files are read at once, what of each, and whether vectors are made of what is read."""
        self._vectors = vectors
        self.limits = limits or Limits()
        self.bounds = bounds or Bounds()
        self._free: list[_Cell] = []
        self._places = threading.Semaphore(count)
        self._lock = threading.Lock()
        self._closed = False

    def read(self, path: Path, name: str, known: Sequence[str] = (), told: Told | None = None) -> Reading:
        """Read a file; what cannot be read of it is in the problems, nothing is raised for it.

        Args:
            path: where its bytes are.
            name: what it is called.
            known: digests of passages whose vectors exist.
            told: hears how far it is; what it raises ends the reading.
        """
        try:
            size = path.stat().st_size
        except OSError as error:
            return Reading(problems=[Problem("broken", Place(), error.strerror or "")])
        if size > self.limits.bytes_max:
            return Reading(problems=[Problem("too_large", Place(), f"{size} bytes")])
        with self._places:
            with self._lock:
                cell = self._free.pop() if self._free else None
            cell = cell or _Cell(vectors=self._vectors)
            try:
                asked = {"name": name, "known": list(known), "limits": asdict(self.limits)}
                reading, whole = cell.read(path, asked, self.bounds, told)
            except BaseException:
                cell.kill()
                raise
            if not reading.passages and not reading.problems:
                reading.problems.append(Problem("empty"))
            with self._lock:
                kept = whole and not self._closed
                if kept:
                    self._free.append(cell)
            if not kept:
                cell.kill()
            return reading

    def close(self) -> None:
        """End the processes that wait; one that reads ends with its file."""
        with self._lock:
            cells, self._free, self._closed = self._free, [], True
        for cell in cells:
            cell.kill()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


class _Cell:
    """One reader process."""

    def __init__(self, *, vectors: bool) -> None:
        own, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment |= {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_THREAD_LIMIT": "1",
            "PYTHONHASHSEED": "0",
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own program, no word of it from outside
            [sys.executable, "-P", "-m", "daeri.library.cell", str(theirs.fileno()), *(["vectors"] if vectors else [])],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        theirs.close()
        self._socket = own
        own.settimeout(START_SECONDS)
        self._lines = own.makefile("rb")
        if self._lines.readline() != b"ready\n":
            self.kill()
            msg = "the reader process did not start"
            raise RuntimeError(msg)

    def read(self, path: Path, asked: dict[str, Any], bounds: Bounds, told: Told | None) -> tuple[Reading, bool]:
        """Let a file be read; return what came of it, and whether this process can go on."""
        reading = Reading()
        receiving, sending = os.pipe()
        with path.open("rb") as file, open(receiving, "rb", buffering=0) as answer:  # noqa: PTH123 - a descriptor
            content = json.dumps({**asked, "seconds": bounds.seconds, "memory": bounds.memory}).encode()
            self._socket.sendall(struct.pack(">I", len(content)))
            socket.send_fds(self._socket, [content[:1]], [file.fileno(), sending])
            os.close(sending)
            self._socket.sendall(content[1:])
            ended = False
            try:
                for frame in _frames(answer, bounds, time.monotonic() + 2 * bounds.seconds):
                    ended = _take(frame, reading) or ended
                    if told is not None:
                        told(len(reading.passages))
            except _TooMuchError as error:
                reading.problems.append(Problem("too_large", Place(), str(error)))
                return reading, False
        died = self._how_it_ended()
        if not ended:
            why: Why = "too_large" if died in _OUT_OF_TIME else "broken"
            reading.problems.append(Problem(why, Place(), f"the reader ended by signal {died}"))
        return reading, True

    def _how_it_ended(self) -> int:
        line = self._lines.readline()
        return int(json.loads(line)["signal"]) if line else int(signal.SIGKILL)

    def kill(self) -> None:
        """End the process and whatever it has begun."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._lines.close()
        self._socket.close()


class _TooMuchError(Exception):
    """A child talked too much or too long."""


def _frames(answer: IO[bytes], bounds: Bounds, until: float) -> Iterator[tuple[dict[str, Any], bytes, bytes]]:
    """Yield a child's frames to the end of its talk."""
    left = bounds.talk
    while True:
        head = _bytes(answer, struct.calcsize(FRAME), until)
        if len(head) < struct.calcsize(FRAME):
            return
        sizes = struct.unpack(FRAME, head)
        left -= sum(sizes)
        if max(sizes) > FRAME_MAX or left < 0:
            raise _TooMuchError("it gave more text than the limit")
        content = _bytes(answer, sum(sizes), until)
        if len(content) < sum(sizes):
            return
        text, codes = sizes[0], sizes[0] + sizes[1]
        yield json.loads(content[:text]), content[text:codes], content[codes:]


def _bytes(answer: IO[bytes], size: int, until: float) -> bytes:
    pieces = []
    while size:
        ready, _, _ = select.select([answer], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise _TooMuchError("it took longer than the limit")
        piece = answer.read(min(size, 1 << 20))
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _take(frame: tuple[dict[str, Any], bytes, bytes], reading: Reading) -> bool:
    """Take one frame in; say whether it was the last."""
    body, codes, vectors = frame
    if "passage" in body:
        said = body["passage"]
        passage = Passage(_kept(said["text"]), _kept(said["section"]), _place(said["place"]))
        own = Embedded(str(body["model"]), codes, vectors) if body["model"] else None
        reading.passages.append(Indexed(passage, own))
    elif "problem" in body:
        if len(reading.problems) < PROBLEMS_MAX:
            said = body["problem"]
            reading.problems.append(Problem(said["why"], _place(said["place"]), _kept(said["detail"])))
    elif "format" in body:
        reading.format = str(body["format"])
    elif "walls" in body:
        reading.walls = tuple(body["walls"])
    return bool(body.get("end"))


def _place(said: dict[str, Any]) -> Place:
    plain: dict[str, Any] = {name: _kept(each) if isinstance(each, str) else each for name, each in said.items()}
    return Place(**plain)


def _kept(said: Any) -> str:
    """Return text without the one character that PostgreSQL keeps in no text."""
    return str(said).replace("\0", "")
