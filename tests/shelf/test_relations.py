"""Does a field that is shown by a relation to its row, or kept from an agent, show in any answer where it must not?

Two databases that differ only in what one may not see answer alike: lists, figures, SQL, exports, searches, histories
and explanations.
"""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, String, false, func, insert, or_, select, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.errors import DeclarationError, FieldHidden, PermissionDenied
from daeri.operations import Agent, Catalog, Company
from daeri.operations.listing import OPERATORS, ListQuery
from daeri.operations.policy import Policies, Question
from daeri.records import Actor, Record, Records, Relation, classed, for_agents, labelled, visible_to
from daeri.tools.query import query_catalog
from daeri.wording import Text
from databases import count_on, engine_of
from shelf.shelf_house import opened, outcome
from worlds import (
    AGENTS,
    CHIEF,
    COLLEAGUE,
    DIRECTOR,
    HR,
    LEAD,
    OTHER_LEAD,
    OWNER,
    ROLES,
    STRANGER,
    Department,
    Employee,
    World,
    work,
)

pytestmark = pytest.mark.anyio


def led_by(actor: Actor) -> ColumnElement[bool]:
    """Reviews of the people in the teams that the actor leads."""
    teams = select(Department.id).where(Department.lead_id == actor.person_id)
    return Review.employee_id.in_(select(Employee.id).where(Employee.team_id.in_(teams)))


THEIR_LEAD = Relation(Text("소속 팀장", "the team lead"), led_by)
THE_CHIEF = Relation(Text("대표이사", "the chief"), lambda actor: true() if actor.person_id == CHIEF else false())


class Review(Record):
    """A review of a person: parts of it for the person, the team lead, the chief; parts of it for no agent."""

    __tablename__ = "s_review"
    __label__ = Text("평가", "review")
    __title__ = ("name",)

    employee_id: Mapped[int] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(40), info=labelled("이름", "name"))
    bonus: Mapped[int | None] = mapped_column(
        info=labelled("상여", "bonus") | visible_to("self", "hr", THEIR_LEAD, data_class="personal")
    )
    remark: Mapped[str | None] = mapped_column(
        String(40), info=labelled("소견", "remark") | visible_to(THEIR_LEAD, mask="*")
    )
    promotion: Mapped[int | None] = mapped_column(info=labelled("승진", "promotion") | visible_to(THE_CHIEF))
    plan: Mapped[str | None] = mapped_column(
        String(40), info=labelled("계획", "plan") | classed("internal") | for_agents("reader")
    )
    pay: Mapped[int | None] = mapped_column(info=labelled("급여", "pay") | visible_to("self", "hr") | for_agents())


FIELDS = ("id", "name", "bonus", "remark", "promotion", "plan", "pay")
SECRETS = ("bonus", "remark", "promotion", "plan", "pay")
TEAMS = {OWNER: 1, COLLEAGUE: 1, LEAD: 1, STRANGER: 2, OTHER_LEAD: 2, DIRECTOR: 10}


def declared() -> Company:
    reviews = Catalog("reviews", Text("평가", "Reviews"))

    @reviews.rows(Review)
    def everyones(actor: Actor) -> ColumnElement[bool]:
        """Everyone sees that there is a review, but of the director's."""
        return true() if actor.person_id in (CHIEF, DIRECTOR) else Review.employee_id != DIRECTOR

    @reviews.changes(Review)
    def own_or_led(actor: Actor) -> ColumnElement[bool]:
        """One's own, and those of one's team."""
        return or_(Review.employee_id == actor.person_id, led_by(actor))

    reviews.records(Review, create=lambda _: True, update=lambda _: True)
    return Company(Text("작은상사", "Small Trading"), [work, reviews, query_catalog()], AGENTS, ROLES)


def reviews() -> list[dict[str, Any]]:
    return [
        {
            "id": key,
            "version": 1,
            "employee_id": person,
            "name": f"평가 {person}",
            "bonus": key * 100,
            "remark": f"소견{key}",
            "promotion": key % 3,
            "plan": f"계획{key}",
            "pay": key * 7,
        }
        for key, person in enumerate(TEAMS, 1)
    ]


def swapped(actor: Actor) -> list[dict[str, Any]]:
    """The reviews with everything else in the fields that the actor may not see."""
    rows = reviews()
    for row in rows:
        person, agent = row["employee_id"], actor.agent
        leads = {LEAD: 1, OTHER_LEAD: 2}.get(actor.person_id) == TEAMS[person]
        seen = {
            "bonus": person == actor.person_id or actor.has("hr") or leads,
            "remark": leads,
            "promotion": actor.person_id == CHIEF,
            "plan": agent in (None, "reader"),
            "pay": agent is None and (person == actor.person_id or actor.has("hr")),
        }
        for name in SECRETS:
            if not seen[name]:
                row[name] = f"다른 {1000 - row['id']}" if isinstance(row[name], str) else 5000 - row["id"]
    return rows


ASKERS = {
    "owner": (OWNER, None),
    "colleague": (COLLEAGUE, None),
    "lead": (LEAD, None),
    "stranger": (STRANGER, None),
    "hr": (HR, None),
    "chief": (CHIEF, None),
    "owner's assistant": (OWNER, "assistant"),
    "lead's assistant": (LEAD, "assistant"),
    "hr's assistant": (HR, "assistant"),
    "owner's reader": (OWNER, "reader"),
    "lead's reader": (LEAD, "reader"),
}


async def asker(world: World, who: str) -> Actor:
    person, agent = ASKERS[who]
    return await world.actor(person) if agent is None else await world.deputy(person, agent)


def fill(path: Path, rows: list[dict[str, Any]]) -> Path:
    engine = engine_of(path)
    with engine.begin() as connection:
        Record.metadata.create_all(connection, tables=[Review.__table__])
        connection.execute(insert(Review.__table__), rows)
    count_on(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="module")
def reviewed(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(Path(shutil.copy(furnished, tmp_path_factory.mktemp("reviewed") / "daeri.db")), reviews())


@pytest.fixture
async def world(reviewed: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(Path(shutil.copy(reviewed, tmp_path / "daeri.db")), declared()) as one:
        yield one


@pytest.fixture(params=sorted(ASKERS))
async def twins(
    request: pytest.FixtureRequest, reviewed: Path, furnished: Path, tmp_path: Path
) -> AsyncIterator[tuple[World, World, Actor]]:
    """Two worlds that differ only in what an asker may not see, and the asker."""
    async with opened(Path(shutil.copy(reviewed, tmp_path / "a.db")), declared()) as one:
        actor = await asker(one, request.param)
        other = fill(Path(shutil.copy(furnished, tmp_path / "b.db")), swapped(actor))
        async with opened(other, declared()) as two:
            yield one, two, actor


async def alike(twins: tuple[World, World, Actor], ask: Any) -> Any:
    one, two, actor = twins
    first, second = [json.dumps(await outcome(ask(world, actor)), ensure_ascii=False) for world in (one, two)]
    assert first == second
    return json.loads(first)


QUERIES = [
    *(ListQuery(sort=f"{sign}{name}", limit=2) for name in FIELDS for sign in ("", "-")),
    *(
        ListQuery(filters=[(name, operator, value)], count=True)
        for name in SECRETS
        for operator in OPERATORS
        for value in ("300", "소견3", "계획3", "2")
    ),
    ListQuery(search="평가"),
    ListQuery(search="소견3"),
    ListQuery(fields=SECRETS),
    ListQuery(fields=["name"], sort="-name", limit=2),
]


async def test_lists_answer_alike(twins) -> None:
    for query in QUERIES:
        page = await alike(twins, lambda world, actor, query=query: world.shelf.page(actor, "s_review", query, "ko"))
        if page.get("next_cursor"):
            more = replace(query, cursor=page["next_cursor"])
            await alike(twins, lambda world, actor, more=more: world.shelf.page(actor, "s_review", more, "ko"))


async def test_rows_exports_histories_and_descriptions_answer_alike(twins) -> None:
    async def exported(world: World, actor: Actor) -> list:
        return [row async for batch in world.shelf.export(actor, "s_review", ListQuery(), "ko") for row in batch]

    await alike(twins, exported)
    history = {"limit": 5, "cursor": None, "lang": "ko"}
    for key in range(1, 8):
        await alike(twins, lambda world, actor, key=key: world.shelf.get(actor, "s_review", key, "ko"))
        await alike(twins, lambda world, actor, key=key: world.shelf.history(actor, "s_review", key, **history))

    async def described(world: World, actor: Actor) -> list:
        return world.shelf.types(actor, "ko")

    await alike(twins, described)


COLUMNS = {name: getattr(Review, name) for name in FIELDS}


def conditions(column: Any) -> list[Any]:
    """Conditions with values of the column's own type: a typed database takes no others."""
    one, other = ("3", "소견3") if isinstance(column.type, String) else (300, 1)
    return [column == one, column > one, column.is_(None), column.in_([one, other])]


MEASURES = [func.count(), *(make(COLUMNS[name]) for name in SECRETS for make in (func.max, func.count, func.sum))]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.lists(
        st.sampled_from(FIELDS).flatmap(lambda name: st.sampled_from(conditions(COLUMNS[name]))),
        max_size=2,
    ),
    key=st.sampled_from(FIELDS),
    measure=st.sampled_from(MEASURES),
    order=st.sampled_from(FIELDS),
)
async def test_figures_and_operations_answer_alike(twins, where, key, measure, order) -> None:
    async def group(records: Records) -> list:
        found = await records.group(COLUMNS[key], measures={"m": measure}, where=where, order_by=(COLUMNS[order],))
        return [tuple(row) for row in found]

    async def count(records: Records) -> int:
        return await records.count(Review, *where)

    async def find(records: Records) -> list:
        return [row.id for row in await records.find(Review, *where, order_by=[COLUMNS[order]])]

    for look in (group, count, find):
        await alike(twins, lambda world, actor, look=look: world.see(actor, look))


STATEMENTS = [
    "SELECT * FROM s_review ORDER BY id",
    *(f"SELECT {name} FROM s_review ORDER BY id" for name in SECRETS),
    *(f"SELECT count({name}), max({name}), min({name}) FROM s_review" for name in SECRETS),
    *(f"SELECT id FROM s_review WHERE {name} = 300 OR {name} > '소견' ORDER BY id" for name in SECRETS),
    *(f"SELECT id FROM s_review ORDER BY {name}, id" for name in SECRETS),
    *(f"SELECT {name}, count(*) FROM s_review GROUP BY {name} ORDER BY 1, 2" for name in SECRETS),
    *(f"SELECT rank() OVER (ORDER BY {name}) FROM s_review ORDER BY id" for name in SECRETS),
    *(f"SELECT sum({name}) FROM s_review WHERE id <> {key}" for name in SECRETS for key in (1, 2, 3)),
    "SELECT avg(bonus) - (SELECT avg(bonus) FROM s_review WHERE employee_id <> 2) FROM s_review",
    "SELECT a.id, b.id FROM s_review a JOIN s_review b ON a.bonus < b.bonus ORDER BY 1, 2",
    "SELECT e.name FROM w_employee e WHERE EXISTS (SELECT 1 FROM s_review r WHERE r.employee_id = e.id AND r.pay > 20)",
    "SELECT CASE WHEN bonus > 250 THEN 1 / 0 ELSE abs(bonus) END FROM s_review ORDER BY id",
    "WITH t AS (SELECT *, row_number() OVER (ORDER BY remark) AS n FROM s_review) SELECT id, n FROM t ORDER BY id",
]


async def test_questions_in_sql_answer_alike(twins) -> None:
    async def run(world: World, actor: Actor, sql: str) -> dict:
        return (await world.door.call(actor, "query.run", {"sql": sql})).body()["result"]

    async def schema(world: World, actor: Actor) -> str:
        return (await world.door.call(actor, "query.schema", {})).body()["result"]["text"]

    for sql in STATEMENTS:
        await alike(twins, lambda world, actor, sql=sql: run(world, actor, sql))
    await alike(twins, schema)


async def test_explanations_answer_alike(twins) -> None:
    async def explain(world: World, actor: Actor, key: int) -> dict:
        policies = Policies(world.door, world.store, world.clock)
        question = Question(actor.person_id, agent=actor.agent, type="s_review", id=key)
        return await policies.explain(await world.actor(actor.person_id), question, "ko")

    for key in range(1, 8):
        await alike(twins, lambda world, actor, key=key: explain(world, actor, key))


async def seen(world: World, who: str) -> dict[str, set[int]]:
    """Which rows show which field to someone: the same in a list, a row, an operation, SQL and an explanation."""
    actor = await asker(world, who)
    page = (await world.shelf.page(actor, "s_review", ListQuery(), "ko"))["data"]
    listed = {
        name: {row["id"] for row in page if row.get(name) is not None and name not in row["_masked"]}
        for name in SECRETS
    }
    assert not [name for row in page for name in row if name.startswith("_sees")]

    async def operation(records: Records) -> dict[str, set[int]]:
        rows = await records.find(Review)
        found: dict[str, set[int]] = {name: set() for name in SECRETS}
        for row in rows:
            for name in SECRETS:
                with suppress(FieldHidden):  # a field that may not be seen is not found
                    if getattr(row, name) is not None and name not in row.__dict__["_masked"]:
                        found[name].add(row.id)
        return found

    assert await world.see(actor, operation) == listed
    policies = Policies(world.door, world.store, world.clock)
    for row in page:
        question = Question(actor.person_id, agent=actor.agent, type="s_review", id=row["id"])
        told = await policies.explain(await world.actor(actor.person_id), question, "ko")
        verdicts = {field["name"]: field["verdict"] for field in told["records"][0]["fields"]}
        shown = {name for name in SECRETS if verdicts[name] in ("visible", "own")}
        assert shown == {name for name in SECRETS if row["id"] in listed[name]}, (who, row["id"])
    return listed


EVERY = {1, 2, 3, 4, 5}
OF_TEAM_1 = {1, 2, 3}


@pytest.mark.parametrize(
    ("who", "bonus", "remark", "promotion", "plan", "pay"),
    [
        ("owner", {1}, set(), set(), EVERY, {1}),
        ("lead", OF_TEAM_1, OF_TEAM_1, set(), EVERY, {3}),
        ("stranger", {4}, set(), set(), EVERY, {4}),
        ("hr", EVERY, set(), set(), EVERY, EVERY),
        ("chief", set(), set(), EVERY | {6}, EVERY | {6}, set()),
        ("owner's assistant", {1}, set(), set(), set(), set()),
        ("lead's assistant", OF_TEAM_1, OF_TEAM_1, set(), set(), set()),
        ("hr's assistant", EVERY, set(), set(), set(), set()),
        ("lead's reader", OF_TEAM_1, OF_TEAM_1, set(), EVERY, set()),
    ],
)
async def test_each_sees_what_the_relation_and_the_agent_leave(
    world: World, who: str, bonus: set, remark: set, promotion: set, plan: set, pay: set
) -> None:
    found = await seen(world, who)
    assert found == {"bonus": bonus, "remark": remark, "promotion": promotion, "plan": plan, "pay": pay}


async def test_who_stands_so_to_every_row_may_also_ask_by_the_field(world: World) -> None:
    chief = await world.actor(CHIEF)
    page = await world.shelf.page(chief, "s_review", ListQuery(sort="-promotion", limit=1), "ko")
    assert page["data"][0]["promotion"] == 2
    with pytest.raises(FieldHidden, match="Only the chief may see promotion"):
        await world.shelf.page(await world.actor(LEAD), "s_review", ListQuery(sort="promotion"), "ko")


async def test_the_words_name_the_relation_or_the_agent(world: World) -> None:
    row = await world.shelf.get(await world.actor(STRANGER), "s_review", 1, "ko")
    assert row["_hidden"]["bonus"] == "상여는 본인 · 인사 담당 · 소속 팀장만 볼 수 있어요"
    assert row["remark"] == "*"
    kept = await world.shelf.get(await world.deputy(OWNER), "s_review", 1, "en")
    assert kept["_hidden"]["pay"] == "pay is kept from this agent"
    assert "plan" in kept["_hidden"]


async def test_a_field_is_written_only_where_it_is_seen_as_the_database_has_the_row(world: World) -> None:
    async def raise_bonus(records: Records, key: int) -> int | None:
        return (await records.change(await records.get(Review, key), bonus=999)).bonus

    assert await world.do(await world.actor(LEAD), lambda records: raise_bonus(records, 1)) == 999
    with pytest.raises(FieldHidden):
        await world.do(await world.actor(LEAD), lambda records: raise_bonus(records, 4))
    for actor, row in (
        (await world.deputy(OWNER), Review(employee_id=OWNER, name="x", pay=1)),
        (await world.actor(OWNER), Review(employee_id=LEAD, name="x", bonus=1)),
    ):
        with pytest.raises(FieldHidden):
            await world.do(actor, lambda records, row=row: records.add(row))
    assert len(await world.sql("SELECT id FROM s_review")) == len(reviews())


async def test_a_row_made_up_by_an_operation_does_not_lend_its_owner(world: World) -> None:
    """An operation cannot claim that a row is the actor's own to write a field of it."""

    async def claim(records: Records) -> None:
        await records.change(Review(id=2, version=1, employee_id=OWNER), bonus=1, employee_id=OWNER)

    with pytest.raises(FieldHidden):
        await world.do(await world.actor(OWNER), claim)
    assert (await world.sql("SELECT bonus FROM s_review WHERE id = 2")) == [{"bonus": 200}]


async def test_many_rows_are_added_only_where_all_fields_are_the_actors_to_see(world: World) -> None:
    def rows(*people: int) -> list[Review]:
        return [Review(employee_id=person, name="새", bonus=1) for person in people]

    assert await world.do(await world.actor(LEAD), lambda records: records.add_all(rows(OWNER, COLLEAGUE))) == 2
    for people in ((OWNER, STRANGER), (STRANGER,)):
        with pytest.raises(PermissionDenied):
            await world.do(await world.actor(LEAD), lambda records, people=people: records.add_all(rows(*people)))


async def test_what_is_read_by_a_relation_is_audited_and_what_stays_hidden_is_not(world: World) -> None:
    lead = await world.actor(LEAD)
    await world.shelf.page(lead, "s_review", ListQuery(sort="id"), "ko")
    await world.shelf.get(lead, "s_review", 1, "ko")
    await world.shelf.get(lead, "s_review", 4, "ko")
    listed, shown, hidden = [row["detail"] for row in (await world.audited())[-3:]]
    assert (listed["personal"], listed["people"]) == (["s_review.bonus"], [OWNER, COLLEAGUE, LEAD])
    assert (shown["personal"], shown["people"]) == (["s_review.bonus"], [OWNER])
    assert "personal" not in hidden


async def test_an_agent_that_the_company_does_not_have_is_refused_at_declaration() -> None:
    class Typo(Record):
        """A record with a slip of the pen."""

        __tablename__ = "s_typo"
        __label__ = Text("오타", "typo")

        secret: Mapped[int] = mapped_column(info=for_agents("asistant"))

    catalog = Catalog("typo", Text("오타", "Typo"))

    @catalog.rows(Typo)
    def nobody(actor: Actor) -> ColumnElement[bool]:
        """Nobody."""
        del actor
        return false()

    with pytest.raises(DeclarationError, match="asistant"):
        Company(Text("작은상사", "Small Trading"), [work, catalog], (Agent("assistant", Text("비서", "A")),), ROLES)
