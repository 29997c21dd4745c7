"""Real `daeri` processes: one command to its end, and a demo server that can be killed and started again."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from unittest.mock import patch

from daeri.cli import main
from nursery import Born, nursery

PATIENCE_SECONDS = 120
MADE = ("DAERI_", "LANG", "LC_", "OPENROUTER", "NO_COLOR", "FORCE_COLOR", "COLUMNS")


def environment() -> dict[str, str]:
    """The environment of a user who has set nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(MADE)}
    return kept | {"LANG": "C.UTF-8", "PYTHONWARNINGS": "ignore"}


def typed(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "daeri.cli", *map(str, arguments)]


def daeri(*arguments: str | Path, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    with TemporaryFile() as out, TemporaryFile() as err:
        code = nursery().born(arguments, environment() | more, out, err, cwd).wait(PATIENCE_SECONDS)
        for file in (out, err):
            file.seek(0)
        said, told = (file.read().decode("utf-8") for file in (out, err))
    return subprocess.CompletedProcess(arguments, code, said, told)


def talk(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command that speaks with a server, in this process: what it does is the same, and no start is paid."""
    given, out, err = [str(argument) for argument in arguments], io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), patch.dict(os.environ, environment() | more, clear=True):
        code = main(given)
    return subprocess.CompletedProcess(given, code, out.getvalue(), err.getvalue())


@dataclass
class Server:
    """A `daeri demo` that serves a folder, and can be killed and started again."""

    folder: Path
    process: Born | None = None
    talk: IO[str] | None = None
    said: str = ""

    def start(self) -> None:
        command = ("demo", "--dir", self.folder, "--port", "0")
        ours, theirs = os.pipe()
        with (self.folder / "log").open("w") as log, os.fdopen(theirs, "wb") as out:
            self.process = nursery().born(command, environment(), out, log)
        self.said = ""
        self.talk = os.fdopen(ours, encoding="utf-8")
        for line in self.talk:
            self.said += line
            if "Ctrl-C" in line:
                return
        self.kill()
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        assert self.talk is not None
        code = self.process.wait(PATIENCE_SECONDS)
        self.talk.close()
        self.process = None
        return code

    @property
    def note(self) -> dict[str, Any]:
        return json.loads((self.folder / "server.json").read_text())

    def run(self, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return talk(*arguments, "--dir", self.folder, **more)

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)


@dataclass(frozen=True)
class Built:
    """What a first build, interrupted once, left and said."""

    folder: Path
    interrupted: dict[str, Any]
    said: str


def until(told: Path, words: str) -> str:
    """Wait until a file holds some words; return its text."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        text = told.read_text(encoding="utf-8")
        if words in text:
            return text
        time.sleep(0.05)
    raise AssertionError(told.read_text(encoding="utf-8"))
