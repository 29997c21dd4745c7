"""Do varied requests end right, and does none end in a wrong claim? The tables are questions.toml and heldout.toml."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.asking import Desk, desk_of, id_of
from daeri.agent.planner import Answer
from daeri.app import Daeri

pytestmark = pytest.mark.anyio


def table(name: str) -> list[dict[str, Any]]:
    return tomllib.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))["ask"]


TABLE = table("questions.toml")
HELD_OUT = table("heldout.toml")
KEYS = {"text", "calls", "end", "says", "choices", "never"}
HELD_OUT_RIGHT_MIN = 112
"""Of the second list, written before the planner was run on it; the rest must end in a question back or a refusal."""


def changes(row: dict[str, Any]) -> bool:
    return any(call["operation"].endswith((".request", ".cancel")) for call in row.get("calls", []))


READING = [row for row in TABLE if not changes(row)]
CHANGING = [row for row in TABLE if changes(row)]


@pytest.mark.parametrize("row", READING, ids=[row["text"] for row in READING])
async def test_a_question_ends_as_the_table_says(row: dict[str, Any], shared: Daeri) -> None:
    await _check(row, shared)


@pytest.mark.parametrize("row", CHANGING, ids=[row["text"] for row in CHANGING])
async def test_a_request_to_act_ends_as_the_table_says(row: dict[str, Any], hanbit_server: Daeri) -> None:
    await _check(row, hanbit_server)


async def test_of_the_second_list_most_end_right_and_none_in_a_wrong_claim(shared: Daeri) -> None:
    desk = await desk_of(shared, "김하은")
    right, wrong = 0, []
    for row in HELD_OUT:
        calls = await _planned(row["text"], desk)
        expected = await _expected(row, shared)
        acting = await _acting_choices(row["text"], desk) if row.get("never") else []
        right += calls == expected and not acting
        wrong += [row["text"]] if (calls and calls != expected) or acting else []
    assert wrong == []
    assert right >= HELD_OUT_RIGHT_MIN


def test_the_table_is_varied_enough() -> None:
    korean = [row for row in TABLE if any("가" <= letter <= "힣" for letter in row["text"])]
    assert len(TABLE) >= 80
    assert len(korean) >= 50
    assert len(TABLE) - len(korean) >= 20
    assert all(set(row) <= KEYS and row.keys() & {"calls", "end", "never"} for row in TABLE + HELD_OUT)


async def _check(row: dict[str, Any], daeri: Daeri) -> None:
    ended = await (await desk_of(daeri, "김하은")).ask(row["text"])
    assert [{"operation": call.operation, **call.arguments} for call in ended.calls] == await _expected(row, daeri)
    assert ended.answer.kind == row.get("end", "answer"), ended.answer.text
    assert all(said in ended.answer.text for said in row.get("says", [])), ended.answer.text
    labels = " ".join(choice.label for choice in ended.answer.choices)
    assert all(choice in labels for choice in row.get("choices", [])), labels


async def _acting_choices(text: str, desk: Desk) -> list[str]:
    """The offered choices that would change something."""
    decided = await desk.decide(text)
    offered = decided.choices if isinstance(decided, Answer) else ()
    operations = {each.name: each for each in desk.door.operations(desk.actor)}
    return [
        choice.input
        for choice in offered
        for call in await desk.plan(choice.input)
        if operations[call.operation].effect != "read"
    ]


async def _planned(text: str, desk: Desk) -> list[dict[str, Any]]:
    """The calls of a request that is planned and not carried out."""
    return [{"operation": call.operation, **call.arguments} for call in await desk.plan(text)]


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
