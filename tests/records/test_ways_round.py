"""Can operation code go round `Records`? By SQL as a value, by what SQLAlchemy offers, by rows made up."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Column, bindparam, case, delete, func, insert, literal, literal_column, select, text, update
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, column_property, make_transient_to_detached, object_session, relationship
from sqlalchemy.orm.attributes import set_committed_value

from daeri.errors import DaeriError, FieldHidden
from daeri.records import Record, Records
from worlds import COLLEAGUE, OWNER, STRANGER, Department, Employee, Leave, Project, Vault, World

pytestmark = pytest.mark.anyio

PIN = "select pin from w_employee where id = 1"
VALUES: dict[str, Callable[[], Any]] = {
    "text": lambda: text(f"({PIN})"),
    "scalar subquery": lambda: select(Employee.pin).where(Employee.id == OWNER).scalar_subquery(),
    "column of another record": lambda: Employee.pin,
    "column of the table": lambda: Employee.__table__.c.pin,
    "hidden column of its own": lambda: Project.code,
    "visible column of its own": lambda: Project.name,
    "literal column": lambda: literal_column(f"({PIN})"),
    "function": lambda: func.max(Employee.pin),
    "harmless function": lambda: func.upper("x"),
    "case": lambda: case((Employee.id == OWNER, Employee.pin), else_=""),
    "bound value": lambda: literal("x"),
    "bind": lambda: bindparam("name", "x"),
    "loose column": lambda: Column("pin"),
    "label": lambda: Employee.pin.label("name"),
    "select": lambda: select(Employee.pin),
    "insert": lambda: insert(Vault).values(content="x").returning(Vault.content),
    "update": lambda: update(Employee).values(pin="1").returning(Employee.pin),
    "delete": lambda: delete(Employee).returning(Employee.pin),
}


class Answers:
    """Gives itself out for a value and for an expression."""

    def __clause_element__(self) -> Any:
        return select(Employee.pin).where(Employee.id == OWNER).scalar_subquery()


async def attempt(world: World, work: Callable[[Records], Any]) -> None:
    with pytest.raises((TypeError, DaeriError)):
        await world.do(await world.actor(OWNER), work)


@pytest.mark.parametrize("value", VALUES)
async def test_sql_is_no_value_of_a_new_row(world: World, value: str) -> None:
    before = await world.sql("SELECT * FROM w_project")
    await attempt(world, lambda records: records.add(Project(name=VALUES[value](), team_id=1)))
    await attempt(world, lambda records: records.add_all([Project(name=VALUES[value](), team_id=1)]))
    assert await world.sql("SELECT * FROM w_project") == before


@pytest.mark.parametrize("value", VALUES)
async def test_sql_is_no_value_of_a_changed_row(world: World, value: str) -> None:
    async def change(records: Records) -> Any:
        return await records.change(await records.get(Project, 1), name=VALUES[value]())

    before = await world.sql("SELECT * FROM w_project")
    await attempt(world, change)
    assert await world.sql("SELECT * FROM w_project") == before


async def test_what_turns_into_sql_later_is_no_value_either(world: World) -> None:
    before = await world.sql("SELECT * FROM w_project")
    await attempt(world, lambda records: records.add(Project(name=Answers(), team_id=1)))
    assert await world.sql("SELECT * FROM w_project") == before


STATEMENTS: dict[str, Callable[[], Any]] = {
    "select": lambda: select(Employee.id).where(Employee.salary > 1),
    "update": lambda: update(Employee).values(salary=1),
    "delete": lambda: delete(Employee),
    "insert": lambda: insert(Vault).values(content="x"),
    "text": lambda: text("update w_employee set salary = 1"),
    "string": lambda: "salary > 1",
    "class": lambda: Employee,
    "table": lambda: Employee.__table__,
}


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_a_statement_is_no_condition(world: World, statement: str) -> None:
    before = await world.sql("SELECT * FROM w_employee")
    for look in (
        lambda records: records.find(Employee, STATEMENTS[statement]()),
        lambda records: records.first(Employee, STATEMENTS[statement]()),
        lambda records: records.count(Employee, STATEMENTS[statement]()),
        lambda records: records.sum(Project.cost, STATEMENTS[statement]()),
        lambda records: records.group(Project.team_id, measures={"n": STATEMENTS[statement]()}),
        lambda records: records.find(Employee, order_by=(STATEMENTS[statement](),)),
    ):
        await attempt(world, look)
    assert await world.sql("SELECT * FROM w_employee") == before


MADE_UP: dict[str, Callable[[Records], Any]] = {
    "change a row one does not see": lambda records: records.change(Employee(id=STRANGER, version=1), name="x"),
    "change a colleague's row": lambda records: records.change(Employee(id=COLLEAGUE, version=1), salary=1),
    "change a row of nobody's rule": lambda records: records.change(Vault(id=1, version=1), content="x"),
    "remove a row one does not see": lambda records: records.remove(Employee(id=STRANGER, version=1)),
    "remove a colleague": lambda records: records.remove(Employee(id=COLLEAGUE, version=1)),
    "add with a hidden field": lambda records: records.add(Project(name="x", team_id=1, code="x")),
    "add many with a hidden field": lambda records: records.add_all([Project(name="x", team_id=1, code="x")]),
    "add to another team": lambda records: records.add(Project(name="x", team_id=2)),
    "add for a colleague": lambda records: records.add(
        Leave(employee_id=COLLEAGUE, start=date(2026, 12, 1), days=Decimal(1))
    ),
    "add over a row that is there": lambda records: records.add(Project(id=1, name="x", team_id=1)),
    "add to what has no rule": lambda records: records.add(Vault(content="x")),
    "read what has no rule": lambda records: records.get(Vault, 1),
    "change what is no field": lambda records: records.change(Project(id=1, version=1), nothing=1),
    "move a row to another id": lambda records: records.change(Project(id=1, version=1), id=99),
    "a row that is no record": lambda records: records.add(object()),  # type: ignore[type-var]
}


@pytest.mark.parametrize("trick", MADE_UP)
async def test_a_row_of_ones_own_making_opens_nothing(world: World, trick: str) -> None:
    tables = ("w_employee", "w_project", "w_leave", "w_vault")
    before = [await world.sql(f"SELECT * FROM {table}") for table in tables]
    with pytest.raises((TypeError, AttributeError, DaeriError)):
        await world.do(await world.actor(OWNER), MADE_UP[trick])
    assert [await world.sql(f"SELECT * FROM {table}") for table in tables] == before


async def test_a_row_has_no_session_to_be_refreshed_or_loaded_by(world: World) -> None:
    row = await world.see(await world.actor(OWNER), lambda records: records.get(Employee, COLLEAGUE))
    assert object_session(row) is None
    with pytest.raises(InvalidRequestError):
        Session().refresh(row)
    make_transient_to_detached(row)
    with pytest.raises(InvalidRequestError):
        Session().refresh(row)


async def test_what_is_set_on_a_row_stays_on_it(world: World) -> None:
    async def meddle(records: Records) -> None:
        row = await records.get(Employee, COLLEAGUE)
        row.salary = 1
        set_committed_value(row, "pin", "9999")

    before = await world.sql("SELECT * FROM w_employee")
    await world.do(await world.actor(OWNER), meddle)
    assert await world.sql("SELECT * FROM w_employee") == before


async def test_a_hidden_value_is_not_read_off_a_row_through_sqlalchemy(world: World) -> None:
    row = await world.see(await world.actor(OWNER), lambda records: records.get(Employee, COLLEAGUE))
    for read in (
        lambda: Employee.salary.__get__(row, Employee),
        lambda: Employee.salary.impl.get(row._sa_instance_state, row.__dict__),
        lambda: row._sa_instance_state.attrs.salary.value,
        lambda: row._sa_instance_state.attrs.salary.loaded_value,
    ):
        try:
            value: Any = read()
        except (FieldHidden, AttributeError):
            continue
        assert not isinstance(value, int)


def test_a_record_declares_no_relationship() -> None:
    with pytest.raises(TypeError, match="relationship"):
        type(
            "Lender",
            (Record,),
            {"__tablename__": "x_lender", "__module__": __name__, "people": relationship(lambda: Department)},
        )


def test_a_record_declares_no_expression_of_its_own() -> None:
    with pytest.raises(TypeError, match="column_property"):
        type(
            "Teller",
            (Record,),
            {
                "__tablename__": "x_teller",
                "__module__": __name__,
                "pin": column_property(select(Employee.pin).where(Employee.id == OWNER).scalar_subquery()),
            },
        )
