"""One demo company for the command line's tests, built once and copied for each module that serves it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.processes import Built, Server, daeri, environment, typed
from databases import copied, environment_for


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A demo whose first build was killed halfway, and whose second was not."""
    folder = tmp_path_factory.mktemp("cli") / "demo"
    first = subprocess.Popen(
        typed("demo", "--dir", folder, "--no-serve"),
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment() | environment_for(folder),
    )
    assert first.stderr is not None
    for line in first.stderr:
        if "244/244" in line:
            first.kill()
            break
    first.wait()
    first.stderr.close()
    interrupted = json.loads((folder / "demo.json").read_text())
    second = daeri("demo", "--dir", folder, "--no-serve", **environment_for(folder))
    assert second.returncode == 0, second.stderr
    return Built(folder, interrupted, second.stderr)


@pytest.fixture(scope="module")
def folder(read_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo for one module."""
    return copied(read_demo, tmp_path_factory.mktemp("copy") / "demo")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """The module's demo, served."""
    served = Server(folder)
    served.start()
    yield served
    if served.process is not None:
        served.kill()
