"""Environments of their own for what is tried against Daeri, made where packages can be had."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = str(Path(sys.base_prefix) / "bin/python3")
"""The Python that made this environment, which has no pip of its own."""
AWAY = ("connect", "dns", "timed out", "timeout", "enotfound", "etimedout", "network", "name resolution")
"""How pip, uv and npm say that no index can be reached."""


def install(*command: str, **more: str) -> None:
    """Install something; where no index can be reached there is nothing to test."""
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | more, check=False, capture_output=True, text=True, timeout=900
    )
    told = done.stdout + done.stderr
    if done.returncode and any(word in told.lower() for word in AWAY):
        pytest.skip(f"no index of packages can be reached: {told[-300:]}")
    assert done.returncode == 0, told[-3000:]


@pytest.fixture(scope="session")
def clients() -> Path:
    """The Python that has the clients of requirements-clients.lock; made at the first time."""
    install("scripts/environment", "requirements-clients.lock", ".venv-clients", PYTHON=BASE)
    return ROOT / ".venv-clients/bin/python"


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Install a package of npm and return the folder in which Node finds it."""

    def installed(package: str) -> Path:
        folder = tmp_path_factory.mktemp("node")
        install("npm", "install", "--loglevel", "error", "--prefix", str(folder), package)
        return folder

    return installed
