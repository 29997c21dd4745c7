"""A house for each form of a document."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from approvals.house import House, Open, line, opened
from daeri.operations import Form, superior


@pytest.fixture
def house(furnished: Path, tmp_path: Path) -> Open:
    return lambda form: opened(furnished, tmp_path, form)


@pytest.fixture
async def plain(house: Open) -> AsyncIterator[House]:
    """Three leads in a row, everything as the default form has it."""
    async with house(Form(line(superior(1), superior(2), superior(3)))) as opened_house:
        yield opened_house
