"""Can an expression get round the rules? Everything but plain conditions on the record's own fields is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
    true,
    tuple_,
    type_coerce,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import aliased
from sqlalchemy.types import UserDefinedType

from daeri.errors import FieldHidden
from daeri.records import Records
from worlds import COLLEAGUE, OWNER, Employee, Leave, Project, World

pytestmark = pytest.mark.anyio

SALARY_OF_COLLEAGUE = f"(select salary from w_employee where id = {COLLEAGUE})"
TWIN = Table("w_employee", MetaData(), Column("salary", Integer, key="name"), Column("id", Integer))
LIGHT = table("w_employee", column("salary"), column("name"))
ALIAS = aliased(Employee, name="w_employee")
OTHER_ALIAS = aliased(Employee)
CTE = select(Employee.__table__.c.salary.label("name")).cte("w_employee")


class RawType(UserDefinedType[str]):
    """A type whose name is a piece of SQL."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return f"TEXT) || {SALARY_OF_COLLEAGUE} || cast('' as TEXT"


class Sly:
    """Answers the check with something harmless and the statement with something else."""

    def __init__(self) -> None:
        self.answers: Iterator[Any] = iter([true()])

    def __clause_element__(self) -> Any:
        return next(self.answers, text("1 = 0"))


class Hybrid:
    @hybrid_property
    def rich(self) -> Any:
        return Employee.salary > 1


WHERE: dict[str, Any] = {
    "text": lambda: text(f"{SALARY_OF_COLLEAGUE} > 1"),
    "literal column": lambda: literal_column("salary") > 1,
    "literal column with a type": lambda: literal_column("w_employee.salary", Integer) > 1,
    "loose column": lambda: column("salary") > 1,
    "quoted literal": lambda: literal_column("1=1 or salary > 1"),
    "scalar subquery": lambda: Employee.id == select(func.max(Employee.id)).scalar_subquery(),
    "in a subquery": lambda: Employee.id.in_(select(Employee.id)),
    "exists": lambda: exists().where(Employee.salary > 1),
    "correlated exists": lambda: select(Leave.id).where(Leave.employee_id == Employee.id).exists(),
    "other record": lambda: Leave.employee_id == Employee.id,
    "other record alone": lambda: Project.cost > 1,
    "load_extension": lambda: func.load_extension("evil") == 1,
    "readfile": lambda: func.readfile("/etc/passwd") == "x",
    "package function": lambda: func.pg_catalog.lower(Employee.name) == "x",
    "alias of the same name": lambda: ALIAS.id == OWNER,
    "alias": lambda: OTHER_ALIAS.id == OWNER,
    "hidden column of an alias": lambda: ALIAS.salary > 1,
    "twin table with a renamed key": lambda: TWIN.c.name > 1,
    "light table": lambda: LIGHT.c.salary > 1,
    "cte of the same name": lambda: CTE.c.name > 1,
    "custom operator": lambda: Employee.name.op(f"= '' or {SALARY_OF_COLLEAGUE} > 1 or ''=")("x"),
    "custom boolean operator": lambda: Employee.name.bool_op(f"= '' or {SALARY_OF_COLLEAGUE} > 1 or ''=")("x"),
    "cast to a raw type": lambda: cast(Employee.name, RawType) == "x",
    "type coerce": lambda: type_coerce(Employee.name, Integer) == 1,
    "collation": lambda: Employee.name.collate(f'nocase" = {SALARY_OF_COLLEAGUE} --') == "x",
    "tuple": lambda: tuple_(Employee.id, Employee.salary).in_([(1, 1)]),
    "window": lambda: func.max(Employee.id).over(order_by=Employee.salary) == 1,
    "filter clause": lambda: func.max(Employee.id).filter(Employee.salary > 1) == 1,
    "within group": lambda: func.max(Employee.id).within_group(Employee.salary) == 1,
    "hybrid": lambda: Hybrid.rich,
    "table valued function": lambda: func.json_each(Employee.name).table_valued("value").c.value == "x",
    "lateral": lambda: select(Employee.id).lateral("w_employee").c.id == 1,
}


@pytest.mark.parametrize("trick", WHERE)
async def test_a_trick_in_a_condition_is_refused(world: World, trick: str) -> None:
    asker = await world.actor(OWNER)
    for look in (
        lambda records: records.find(Employee, WHERE[trick]()),
        lambda records: records.count(Employee, WHERE[trick]()),
        lambda records: records.sum(Employee.id, WHERE[trick]()),
        lambda records: records.group(Employee.rank, measures={"n": func.count(Employee.id)}, where=(WHERE[trick](),)),
        lambda records: records.group(Employee.rank, measures={"n": func.max(WHERE[trick]())}),
        lambda records: records.find(Employee, order_by=(WHERE[trick](),)),
    ):
        with pytest.raises((TypeError, FieldHidden)):
            await world.see(asker, look)


ORDER: dict[str, Any] = {
    "twin table with a renamed key": lambda: TWIN.c.name,
    "column of a twin, descending": TWIN.c.name.desc,
    "a name as text": lambda: "salary",
    "text": lambda: text("salary desc"),
    "label of a hidden column": lambda: Employee.salary.label("name"),
}


@pytest.mark.parametrize("trick", ORDER)
async def test_a_trick_in_an_order_is_refused(world: World, trick: str) -> None:
    with pytest.raises((TypeError, FieldHidden)):
        await world.see(await world.actor(OWNER), lambda records: records.find(Employee, order_by=(ORDER[trick](),)))


async def test_what_was_checked_is_what_is_asked(world: World) -> None:
    """An object that answers the check and the statement differently is refused, or held to its first answer."""
    try:
        count = await world.see(await world.actor(OWNER), lambda records: records.count(Employee, Sly()))
    except TypeError:
        return
    assert count == 4


KEYS: dict[str, Any] = {
    "hidden measure": lambda records: records.group(Employee.rank, measures={"x": func.sum(Employee.salary)}),
    "group_concat": lambda records: records.group(Employee.rank, measures={"x": func.group_concat(Employee.name)}),
    "other record's measure": lambda records: records.group(Employee.rank, measures={"x": func.sum(Project.cost)}),
    "other record's key": lambda records: records.group(Employee.rank, Project.name, measures={}),
    "order by a name that is no measure": lambda records: records.group(
        Employee.rank, measures={"x": func.count(Employee.id)}, order_by=("salary",)
    ),
    "alias as key": lambda records: records.group(ALIAS.rank, measures={"x": func.count(Employee.id)}),
    "alias as sum": lambda records: records.sum(ALIAS.id),
}


@pytest.mark.parametrize("trick", KEYS)
async def test_a_trick_in_a_group_is_refused(world: World, trick: str) -> None:
    with pytest.raises((TypeError, FieldHidden, KeyError)):
        await world.see(await world.actor(OWNER), KEYS[trick])


PLAIN: dict[str, Any] = {
    "equal": lambda: Employee.name == "김하은",
    "or": lambda: (Employee.name == "김하은") | (Employee.id == 999),
    "not": lambda: ~(Employee.name != "김하은"),
    "in": lambda: Employee.id.in_([OWNER, 999]),
    "between": lambda: Employee.id.between(OWNER, OWNER),
    "like": lambda: Employee.name.like("%하은"),
    "contains with wildcards": lambda: Employee.name.contains("하은", autoescape=True),
    "startswith": lambda: Employee.name.startswith("김하"),
    "null": lambda: Employee.left_on.is_(None) & (Employee.id == OWNER),
    "function": lambda: func.lower(Employee.name) == "김하은",
    "case-insensitive": lambda: func.upper(Employee.english_name) == "KIM HAEUN",
    "bind": lambda: Employee.name == bindparam("who", "김하은"),
    "literal": lambda: Employee.name == literal("김하은"),
    "cast": lambda: cast(Employee.id, String) == "1",
    "concatenation": lambda: (Employee.name + Employee.rank) == "김하은대리",
    "arithmetic": lambda: Employee.id * 2 == OWNER * 2,
}


@pytest.mark.parametrize("form", PLAIN)
async def test_a_plain_condition_works(world: World, form: str) -> None:
    rows = await world.see(await world.actor(OWNER), lambda records: records.find(Employee, PLAIN[form]()))
    assert [row.id for row in rows] == [OWNER]


async def test_a_plain_group_with_measures_works(world: World) -> None:
    async def look(records: Records) -> list[tuple[str, int, int]]:
        rows = await records.group(
            Project.team_id,
            measures={"total": func.sum(Project.cost), "n": func.count()},
            where=(Project.cost > 0,),
            order_by=("-total", Project.team_id),
        )
        return [tuple(row) for row in rows]

    assert await world.see(await world.actor(OWNER), look) == [(1, 400, 2)]
