"""Which rows does a phrase name? The Korean short forms, and only rows and fields the asker may see."""

import pytest
from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import Mapped, mapped_column

from daeri.operations import Agent, Catalog, Company
from daeri.records import Actor, Person, Team, visible_to
from daeri.records.mentions import mentions
from daeri.wording import Text
from worlds import COLLEAGUE, HR, LEAD, NAMESAKE, OWNER, STRANGER, World

pytestmark = pytest.mark.anyio


class Masked(Person):
    """A person whose title is a secret."""

    __tablename__ = "w_masked"

    title: Mapped[str] = mapped_column(default="", info=visible_to("hr"))
    name: Mapped[str] = mapped_column(default="")


class MaskedTeam(Team):
    """Their team."""

    __tablename__ = "w_masked_team"


async def named(world: World, asker: int, *phrases: str) -> list[tuple[str, int]]:
    found = await world.door.mentions(await world.actor(asker), phrases)
    return [(mention.record, mention.id) for mention in found]


@pytest.mark.parametrize(
    "phrase",
    ["김하은", "김 하은", "김하은 대리", "김하은대리", "김대리", "김 대리", "Kim Haeun", "kim haeun", "KIMHAEUN"],
)
async def test_a_person_is_found_by_every_form_of_the_name(world: World, phrase: str) -> None:
    assert await named(world, OWNER, phrase) == [("w_employee", OWNER)]


@pytest.mark.parametrize("phrase", ["박팀장", "박서연 팀장", "박차장", "박서연"])
async def test_a_lead_is_found_by_rank_and_by_title(world: World, phrase: str) -> None:
    assert await named(world, OWNER, phrase) == [("w_employee", LEAD)]


async def test_a_short_form_names_everyone_whom_it_fits(world: World) -> None:
    assert await named(world, HR, "김대리") == [("w_employee", OWNER), ("w_employee", NAMESAKE)]
    assert await named(world, STRANGER, "김대리") == [("w_employee", NAMESAKE)]


@pytest.mark.parametrize("phrase", ["김", "대리", "하은", "팀장", "%", "김%", "_하은", "", "   ", "김하은님"])
async def test_a_part_of_a_name_names_nobody(world: World, phrase: str) -> None:
    assert await named(world, HR, phrase) == []


async def test_someone_who_left_is_not_named(world: World) -> None:
    assert await named(world, HR, "강지호") == []


async def test_several_phrases_are_told_apart(world: World) -> None:
    found = await world.door.mentions(await world.actor(HR), ["영업1팀", "이서준", "가을판촉"])
    assert {(mention.phrase, mention.record, mention.id) for mention in found} == {
        ("영업1팀", "w_team", 1),
        ("이서준", "w_employee", STRANGER),
        ("가을판촉", "w_project", 1),
    }


async def test_a_hidden_row_is_not_named(world: World) -> None:
    assert await named(world, STRANGER, "김하은", "가을 판촉") == []


async def test_a_hidden_field_names_nothing(world: World) -> None:
    assert await named(world, OWNER, "여우비") == []
    assert await named(world, HR, "여우비") == [("w_project", 1)]


async def test_the_title_told_leaves_a_hidden_part_out(world: World) -> None:
    found = await world.door.mentions(await world.actor(OWNER), ["가을 판촉"])
    assert [mention.title for mention in found] == ["가을 판촉"]


async def test_a_hidden_field_of_a_person_is_not_matched_by_the_short_forms(world: World) -> None:
    catalog = Catalog("masked", Text("가림", "Masked"))

    @catalog.rows(Masked)
    def all_people(actor: Actor) -> ColumnElement[bool]:
        """All."""
        del actor
        return true()

    @catalog.rows(MaskedTeam)
    def all_teams(actor: Actor) -> ColumnElement[bool]:
        """All."""
        del actor
        return true()

    company = Company(Text("가", "A"), [catalog], [Agent("a", Text("가", "A"))])
    await world.store.write(Masked.__table__.create)
    await world.sql(
        "insert into w_masked (id, version, name, rank, title, roles) values (1, 1, '김하은', '대리', '팀장', '[]')"
    )

    async def found(actor: Actor, phrase: str) -> list[int]:
        rows = await world.store.read(lambda connection: mentions(connection, company.rules, actor, [Masked], [phrase]))
        return [row.id for row in rows]

    plain, hr = Actor(1, "가"), Actor(2, "나", roles=frozenset({"hr"}))
    assert [await found(hr, phrase) for phrase in ("김팀장", "김하은팀장")] == [[1], [1]]
    assert [await found(plain, phrase) for phrase in ("김팀장", "김하은팀장", "김대리")] == [[], [], [1]]


async def test_a_mention_survives_hostile_phrases(world: World) -> None:
    hostile = ["'; drop table w_employee; --", "김\u200b하은", "a" * 10_000, "\x00", "\ud800"]
    assert await named(world, COLLEAGUE, *hostile) == [("w_employee", OWNER)]
