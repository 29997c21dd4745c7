"""What does one see of a masked field? A part of it, made by the database; nothing that filters or counts by it."""

import pytest
from sqlalchemy import func, literal, select

from daeri.errors import FieldHidden
from daeri.operations.listing import ListQuery
from daeri.records import Records
from daeri.records.record import Mask
from shelf.shelf_house import Card
from worlds import COLLEAGUE, HR, OWNER, World

pytestmark = pytest.mark.anyio


async def rows(world: World, person: int, **query: object) -> dict[int, dict]:
    page = await world.shelf.page(await world.actor(person), "s_card", ListQuery(**query), "ko")
    return {row["id"]: row for row in page["data"]}


async def test_one_sees_ones_own_number_and_a_mask_of_a_colleagues(world: World) -> None:
    seen = await rows(world, OWNER)
    assert seen[OWNER]["phone"] == "010-1001-2001"
    assert seen[COLLEAGUE]["phone"] == "010-****-2002"
    assert seen[COLLEAGUE]["_masked"] == {"phone": "전화는 본인 · 인사 담당만 볼 수 있어요"}
    assert "phone" not in seen[COLLEAGUE]["_hidden"]
    assert seen[OWNER]["_masked"] == {}


async def test_hr_sees_every_number(world: World) -> None:
    assert {row["phone"] for row in (await rows(world, HR)).values()} == {
        f"010-{1000 + n}-{2000 + n}" for n in range(1, 11)
    }


async def test_an_operation_gets_the_mask_and_the_answer_says_so(world: World) -> None:
    async def look(records: Records) -> str:
        return (await records.get(Card, COLLEAGUE)).phone

    assert await world.see(await world.actor(OWNER), look) == "010-****-2002"
    assert await world.see(await world.actor(HR), look) == "010-1002-2002"


@pytest.mark.parametrize(
    "query",
    [
        {"filters": [("phone", "eq", "010-1002-2002")]},
        {"filters": [("phone", "contains", "1002")]},
        {"filters": [("phone", "in", "010-1002-2002")]},
        {"sort": "phone"},
        {"sort": "-phone"},
    ],
)
async def test_a_masked_field_cannot_be_asked_by(world: World, query: dict) -> None:
    with pytest.raises(FieldHidden):
        await rows(world, OWNER, **query)


async def test_a_masked_field_cannot_be_searched_grouped_summed_or_counted_by(world: World) -> None:
    owner = await world.actor(OWNER)
    for look in (
        lambda records: records.count(Card, Card.phone == "x"),
        lambda records: records.group(Card.phone, measures={"n": func.count()}),
        lambda records: records.group(Card.city, measures={"n": func.max(Card.phone)}),
        lambda records: records.find(Card, order_by=(Card.phone,)),
    ):
        with pytest.raises(FieldHidden):
            await world.see(owner, look)
    assert await rows(world, OWNER, search="1002") == {}


async def test_a_mask_cannot_be_written_back(world: World) -> None:
    async def copy(records: Records) -> None:
        await records.change(await records.get(Card, COLLEAGUE), phone="010-****-2002")

    with pytest.raises(FieldHidden):
        await world.do(await world.actor(OWNER), copy)


@pytest.mark.parametrize(
    ("example", "value", "shown"),
    [
        ("010-****-1234", "010-1234-5678", "010-****-5678"),
        ("010-****-1234", "010-12-34", "****"),
        ("010-****-1234", "", "****"),
        ("010-****-1234", None, "****"),
        ("김*은", "남궁민수", "남*수"),
        ("****", "비밀", "****"),
        ("ab***", "abcdefg", "ab***"),
        ("***yz", "abcdefg", "***fg"),
    ],
)
async def test_a_mask_keeps_what_its_example_keeps(world: World, example: str, value: str | None, shown: str) -> None:
    masked = select(Mask.like(example).expression(literal(value)))
    assert await world.store.read(lambda connection: connection.execute(masked).scalar_one()) == shown


@pytest.mark.parametrize("example", ["", "010", "*1*"])
def test_an_example_without_one_run_of_stars_is_no_mask(example: str) -> None:
    with pytest.raises(ValueError, match="no mask"):
        Mask.like(example)


async def test_the_fields_tell_their_class_and_mask(world: World) -> None:
    kinds = {kind["type"]: kind for kind in world.shelf.types(await world.actor(OWNER), "ko")}
    fields = {field["name"]: field for field in kinds["s_card"]["fields"]}
    assert {name: fields[name]["data_class"] for name in ("name", "city", "phone", "note")} == {
        "name": "internal",
        "city": "public",
        "phone": "personal",
        "note": "secret",
    }
    assert (fields["phone"]["mask"], fields["note"]["mask"]) == ("010-****-1234", None)


async def test_what_was_read_of_personal_fields_is_audited(world: World) -> None:
    await rows(world, HR)
    detail = (await world.audited())[-1]["detail"]
    assert detail["personal"] == ["s_card.age", "s_card.grade", "s_card.note", "s_card.phone"]
    assert (detail["rows"], detail["people"]) == (10, list(range(1, 11)))
