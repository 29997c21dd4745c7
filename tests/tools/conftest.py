"""The company in a file, and the copy that holds only what the asker may see."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.house import filtered, furnish, opened


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("asked")
    whole = furnish(folder / "whole.db")
    return whole, filtered(whole, folder / "part.db")


@pytest.fixture
def whole(files: tuple[Path, Path]) -> Iterator[sqlite3.Connection]:
    connection = opened(files[0])
    yield connection
    connection.close()


@pytest.fixture
def part(files: tuple[Path, Path]) -> Iterator[sqlite3.Connection]:
    connection = opened(files[1])
    yield connection
    connection.close()
