"""Do varied requests end right, and does none end in a wrong claim? The table is questions.toml."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from agent.asking import Desk, Ended, id_of

from daeri.app import Daeri

pytestmark = pytest.mark.anyio

TABLE = tomllib.loads((Path(__file__).parent / "questions.toml").read_text(encoding="utf-8"))["ask"]
KEYS = {"text", "calls", "end", "says", "choices"}


@pytest.mark.parametrize("row", TABLE, ids=[row["text"] for row in TABLE])
async def test_a_request_ends_as_the_table_says(row: dict[str, Any], hanbit_server: Daeri, deputy: Desk) -> None:
    ended = await deputy.ask(row["text"])
    assert await _calls(ended, hanbit_server) == await _expected(row, hanbit_server)
    assert ended.answer.kind == row.get("end", "answer"), ended.answer.text
    assert all(said in ended.answer.text for said in row.get("says", [])), ended.answer.text
    labels = " ".join(choice.label for choice in ended.answer.choices)
    assert all(choice in labels for choice in row.get("choices", [])), labels


def test_the_table_is_varied_enough() -> None:
    korean = [row for row in TABLE if any("가" <= letter <= "힣" for letter in row["text"])]
    assert len(TABLE) >= 80
    assert len(korean) >= 50
    assert len(TABLE) - len(korean) >= 20
    assert all(set(row) <= KEYS and ("calls" in row or "end" in row) for row in TABLE)


async def _calls(ended: Ended, daeri: Daeri) -> list[dict[str, Any]]:
    del daeri
    return [{"operation": call.operation, **call.arguments} for call in ended.calls]


async def _expected(row: dict[str, Any], daeri: Daeri) -> list[dict[str, Any]]:
    """The calls of a row, with the names of rows turned into ids."""
    calls = []
    for call in row.get("calls", []):
        references = daeri.company.operations[call["operation"]].signature.references
        calls.append(
            {
                name: await id_of(daeri, references[name].__tablename__, value) if name in references else value
                for name, value in call.items()
            }
        )
    return calls
