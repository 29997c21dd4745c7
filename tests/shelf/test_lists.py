"""Do lists answer with what is asked for? Chosen fields, searches by initial consonants, counts, tags, histories."""

import unicodedata

import pytest

from daeri.operations.listing import ListQuery
from daeri.operations.questions import INITIALS
from databases import only_sqlite
from shelf.shelf_house import NAMES
from worlds import HR, OWNER, World

pytestmark = pytest.mark.anyio


async def found(world: World, text: str, person: int = HR) -> list[str]:
    page = await world.shelf.page(await world.actor(person), "s_card", ListQuery(search=text), "ko")
    return [unicodedata.normalize("NFC", row["name"]) for row in page["data"]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ㄱㅎㅇ", ["김하은"]),
        ("ㄱ", ["김하은", "김민준", "강지호"]),
        ("김ㅁㅈ", ["김민준"]),
        ("ㅅㅈ", ["이서준"]),
        ("ㅇㅅㅈ", ["이서준"]),
        ("하은", ["김하은"]),
        ("ㅎㅎㅎ", []),
        ("[ㄱ", []),
        ("*", []),
        ("%", []),
        ("?", []),
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
async def test_names_are_found_by_initials_however_they_are_written(world, text, names, form, stored):
    for number, name in enumerate(NAMES, 1):
        await world.sql("UPDATE s_card SET name = :n WHERE id = :i", n=unicodedata.normalize(stored, name), i=number)
    assert await found(world, unicodedata.normalize(form, text)) == names


async def test_every_initial_finds_its_syllables(world):
    for number, initial in enumerate(INITIALS):
        for syllable in (chr(0xAC00 + number * 588), chr(0xAC00 + number * 588 + 587)):
            await world.sql("UPDATE s_card SET name = :n WHERE id = 1", n=f"{syllable}x")
            assert await found(world, f"{initial}X") == [f"{syllable}x"]


@pytest.mark.parametrize("operator", ["eq", "contains"])
async def test_a_filter_finds_composed_and_decomposed_text(world, operator):
    await world.sql("UPDATE s_card SET city = :n WHERE id = 2", n=unicodedata.normalize("NFD", "서울"))
    for form in ("NFC", "NFD"):
        query = ListQuery(filters=[("city", operator, unicodedata.normalize(form, "서울"))])
        page = await world.shelf.page(await world.actor(HR), "s_card", query, "ko")
        assert [row["id"] for row in page["data"]] == [1, 2, 3, 4, 5, 6]


async def test_a_list_answers_with_the_chosen_fields(house):
    page = (await house.get("owner", "/v1/records/s_card?fields=city,phone,grade&sort=-age&limit=2")).json()
    assert [set(row) for row in page["data"]] == [
        {"id", "version", "city", "phone", "_title", "_hidden", "_masked"}
    ] * 2
    assert set(page["data"][0]["_hidden"]) == {"grade"}
    following = (
        await house.get("owner", f"/v1/records/s_card?fields=city&sort=-age&cursor={page['next_cursor']}")
    ).json()
    assert [row["id"] for row in page["data"] + following["data"]] == [9, 4, 2, 1]
    row = (await house.get("owner", "/v1/records/s_card/1?fields=name")).json()
    assert row == {"id": 1, "version": 1, "name": "김하은", "_title": "김하은", "_hidden": {}, "_masked": {}}


@pytest.mark.parametrize("path", ["s_card?fields=nothing", "s_card/1?fields=nothing", "s_card/export?fields=__class__"])
async def test_a_field_that_is_not_there_cannot_be_chosen(house, path):
    assert (await house.get("owner", f"/v1/records/{path}")).status_code == 422


async def test_a_count_is_of_the_rows_one_sees(house):
    page = (await house.get("owner", "/v1/records/s_card?count=exact&limit=1&city=서울")).json()
    assert (page["count"], len(page["data"])) == (3, 1)
    assert "count" not in (await house.get("owner", "/v1/records/s_card")).json()
    assert (await house.get("owner", "/v1/records/s_card?count=estimate")).status_code == 422


@only_sqlite("PostgreSQL counts ten rows within its shortest limit; records/test_boxed.py has one that it does not")
async def test_a_count_that_takes_too_long_is_unknown(world, monkeypatch):
    monkeypatch.setattr("daeri.operations.listing.COUNT_SECONDS", -1.0)
    monkeypatch.setattr("daeri.records.boxed.STEPS", 1)
    page = await world.shelf.page(await world.actor(HR), "s_card", ListQuery(count=True), "ko")
    assert page["count"] is None
    assert len(page["data"]) == 10


async def test_a_row_that_is_known_already_is_not_sent_again(house):
    tag = (await house.get("owner", "/v1/records/s_card/1")).headers["etag"]
    known = await house.get("owner", "/v1/records/s_card/1", headers={"If-None-Match": tag})
    assert (known.status_code, known.content) == (304, b"")
    assert (await house.get("owner", "/v1/records/s_card/1", headers={"If-None-Match": '"7"'})).status_code == 200


async def history(house, who, key):
    page = await house.get(who, f"/v1/records/s_card/{key}/history")
    assert page.status_code == 200, page.text
    return [
        (each["act"], each["person"]["id"], [field["name"] for field in each["fields"]]) for each in page.json()["data"]
    ]


async def test_the_history_tells_who_wrote_what(house):
    await house.call("owner", "PATCH", "/v1/records/s_card/1", json={"city": "제주", "phone": "010-1-1"})
    await house.call("owner", "PATCH", "/v1/records/s_card/1", json={"age": 40})
    assert await history(house, "owner", 1) == [("change", OWNER, ["age"]), ("change", OWNER, ["city"])]
    assert await history(house, "lead", 1) == [("change", OWNER, ["age"]), ("change", OWNER, ["city"])]
    assert await history(house, "owner", 2) == []


async def test_the_history_does_not_tell_that_a_hidden_field_was_written(house):
    world = house.world
    await world.door.call(await world.actor(HR), "s_card.update", {"id": 1, "grade": 1})
    assert await history(house, "owner", 1) == []
    page = await world.shelf.history(await world.actor(HR), "s_card", 1, limit=5, cursor=None, lang="ko")
    assert [field["name"] for field in page["data"][0]["fields"]] == ["grade"]


async def test_the_history_of_a_row_one_may_not_see_is_not_there(house):
    answers = [
        await house.get("owner", f"/v1/records/s_card/{key}/history", headers={"X-Request-Id": "same"})
        for key in (3, 99)
    ]
    assert answers[0].content == answers[1].content
    assert answers[0].status_code == 404


async def test_a_history_comes_in_pages(house):
    for city in ("가", "나", "다"):
        await house.call("owner", "PATCH", "/v1/records/s_card/1", json={"city": city})
    path, seen = "/v1/records/s_card/1/history?limit=2", []
    while path:
        page = await house.get("owner", path)
        seen += [each["seq"] for each in page.json()["data"]]
        path = page.headers.get("link", "").split(">")[0].lstrip("<")
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 3
    assert (await house.get("owner", "/v1/records/s_card/1/history?cursor=x")).status_code == 422


async def test_each_kind_is_described_with_its_open_fields_only(house):
    document = (await house.http.get("/openapi.json")).json()
    listed = document["paths"]["/v1/records/s_card"]["get"]
    names = {parameter["name"] for parameter in listed["parameters"]}
    assert listed["operationId"] == "s_card.list"
    assert {"city", "age.gte", "sort", "fields", "count"} <= names
    assert names.isdisjoint({"phone", "note", "grade", "nick"})
    row = document["components"]["schemas"]["SCardRow"]["properties"]
    assert row["age"] == {"type": "integer", "description": "나이 (age)"}
    assert "w_vault" not in str(document)
    assert document["paths"]["/v1/ops/s_card.update"]["post"]["operationId"] == "s_card.update"


async def test_json_rpc_lists_counts_and_tells_histories(house):
    page = await house.rpc(
        "owner", "records.list", {"type": "s_card", "fields": ["city"], "count": "exact", "limit": 1}
    )
    assert (page["result"]["count"], page["result"]["data"][0]["city"]) == (4, "서울")
    told = await house.rpc("owner", "records.history", {"type": "s_card", "id": 1})
    assert told["result"]["data"] == []
