"""Is a vague declaration refused at import, with a sentence that says what to write?"""

# ruff: noqa: ARG001
# What is declared here is read, not run.

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, get_type_hints

import pytest
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import ColumnElement, true

from daeri.errors import DeclarationError, NotFound
from daeri.operations import Agent, Catalog, Change, Company, Line, Pending, Ref, Won, anyone, having, superior
from daeri.operations.declare import choices_of, kind_of
from daeri.records import Actor, Clock, Person, Record, Records
from daeri.wording import Text
from worlds import Department, Employee, Project, Said, company, own_team, work

LABEL = Text("작업", "Task")
AGENT = Agent("assistant", Text("비서", "Assistant"))


@pytest.fixture
def catalog() -> Catalog:
    return Catalog("test", Text("시험", "Test"))


def declare(catalog: Catalog, function: Any, **more: Any) -> None:
    catalog.write(label=LABEL, allow=anyone, **more)(function)


def day_line(start: date) -> Line:
    return Line(superior(1), rule="r", because=Text("가", "a"))


async def fine(records: Records, start: date) -> Said:
    """Do it."""
    return Said(value=str(start))


async def no_docstring(records: Records) -> Said:
    return Said(value="")


async def empty_docstring(records: Records) -> Said:
    " "
    return Said(value="")


def not_async(records: Records) -> Said:
    """Do it."""
    return Said(value="")


async def no_result(records: Records):
    """Do it."""


async def wrong_result(records: Records) -> dict[str, str]:
    """Do it."""
    return {}


async def untyped(records: Records, start) -> Said:
    """Do it."""
    return Said(value=str(start))


async def variadic(records: Records, *days: date) -> Said:
    """Do it."""
    return Said(value=str(days))


async def keywords(records: Records, **days: date) -> Said:
    """Do it."""
    return Said(value=str(days))


async def unknown_type(records: Records, start: "Nowhere") -> Said:  # type: ignore[name-defined]  # noqa: F821
    """Do it."""
    return Said(value=str(start))


@dataclass
class Opaque:
    """Something JSON cannot say."""

    handle: Awaitable[None]


class Loose:
    """A class without a schema."""


async def no_schema(records: Records, thing: Loose) -> Said:
    """Do it."""
    return Said(value=str(thing))


async def reference_to_nothing(records: Records, thing: Ref[int]) -> Said:  # type: ignore[type-var]
    """Do it."""
    return Said(value=str(thing))


async def underscored(records: Records, _start: date) -> Said:
    """Do it."""
    return Said(value=str(_start))


async def shadowing(records: Records, json: str) -> Said:
    """Do it."""
    return Said(value=json)


VAGUE = [
    (no_docstring, "no_docstring needs a docstring"),
    (empty_docstring, "empty_docstring needs a docstring"),
    (not_async, "not_async must be written `async def`"),
    (no_result, "no_result must return a Pydantic model; write `-> YourModel`"),
    (wrong_result, "wrong_result must return a Pydantic model"),
    (untyped, "untyped: parameter start needs a type"),
    (variadic, r"variadic: \*days cannot be described to a caller; name each parameter"),
    (keywords, r"keywords: \*days cannot be described"),
    (unknown_type, "types used in an operation must stand at module level"),
    (no_schema, "no_schema: .*Loose"),
    (reference_to_nothing, "reference_to_nothing: .*thing"),
    (underscored, "underscored: .*_start"),
    (shadowing, "shadowing: .*json"),
]


@pytest.mark.parametrize(("function", "sentence"), VAGUE, ids=[function.__name__ for function, _ in VAGUE])
def test_a_vague_function_is_refused(catalog: Catalog, function: Any, sentence: str) -> None:
    with pytest.raises(DeclarationError, match=sentence):
        declare(catalog, function)
    assert catalog.operations == {}


def misspelt_line(strat: date) -> Line:
    return Line(superior(1), rule="r", because=Text("가", "a"))


def mistyped_line(start: str) -> Line:
    return Line(superior(1), rule="r", because=Text("가", "a"))


def untyped_line(start) -> Line:
    return Line(superior(1), rule="r", because=Text("가", "a"))


async def async_line(start: date) -> Line:
    return Line(superior(1), rule="r", because=Text("가", "a"))


async def misspelt_preview(records: Records, begin: date) -> list[Change]:
    return []


def sync_preview(start: date) -> list[Change]:
    return []


HOOKS = [
    ({"approval": misspelt_line}, "misspelt_line: .*fine has no parameter strat; it has: start"),
    ({"approval": mistyped_line}, "mistyped_line: start is .*str.* here and .*date.* in .*fine"),
    ({"approval": untyped_line}, "untyped_line: .*start needs a type"),
    ({"approval": async_line}, "async_line"),
    ({"approval": day_line, "preview": misspelt_preview}, "misspelt_preview: .*has no parameter begin"),
    ({"approval": day_line, "preview": sync_preview}, "sync_preview .*must be written `async def`"),
]


@pytest.mark.parametrize(
    ("hooks", "sentence"),
    HOOKS,
    ids=[sentence.split(":")[0].split()[0] + str(n) for n, (_, sentence) in enumerate(HOOKS)],
)
def test_a_hook_that_does_not_fit_its_operation_is_refused(
    catalog: Catalog, hooks: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DeclarationError, match=sentence):
        declare(catalog, fine, **hooks)


def test_a_hook_of_an_operation_without_parameters_is_told_that_there_are_none(catalog: Catalog) -> None:
    async def nothing(records: Records) -> Said:
        """Do it."""
        return Said(value="")

    with pytest.raises(DeclarationError, match="it has: none"):
        declare(catalog, nothing, approval=day_line)


def test_an_operation_is_declared_once(catalog: Catalog) -> None:
    declare(catalog, fine)
    with pytest.raises(DeclarationError, match=r"test\.fine is declared twice"):
        declare(catalog, fine)


@pytest.mark.parametrize("missing", ["approval", "preview"])
def test_an_irreversible_operation_needs_an_approval_and_a_preview(catalog: Catalog, missing: str) -> None:
    async def preview(start: date) -> list[Change]:
        return []

    hooks: dict[str, Any] = {"approval": day_line, "preview": preview} | {missing: None}
    with pytest.raises(DeclarationError, match=missing):
        catalog.irreversible(label=LABEL, allow=anyone, **hooks)(fine)


def test_leaving_allow_out_is_refused(catalog: Catalog) -> None:
    with pytest.raises((DeclarationError, TypeError), match="allow"):
        catalog.read(label=LABEL)(fine)  # type: ignore[call-arg]


def test_a_record_has_one_rule_for_its_rows_and_one_for_its_changes(catalog: Catalog) -> None:
    def rule(actor: Actor) -> ColumnElement[bool]:
        """All."""
        return true()

    catalog.rows(Project)(rule)
    catalog.changes(Project)(rule)
    with pytest.raises(DeclarationError, match="Project has two rules for its rows: rule and rule"):
        catalog.rows(Project)(rule)
    with pytest.raises(DeclarationError, match="Project has two rules for its changes"):
        catalog.changes(Project)(rule)


def test_a_rule_tells_people_what_it_says(catalog: Catalog) -> None:
    with pytest.raises(DeclarationError, match="needs a docstring that tells people who sees or changes what"):
        catalog.rows(Project)(lambda _: true())


def test_a_line_has_a_step() -> None:
    with pytest.raises(ValueError, match="a Line needs at least one step"):
        Line(rule="r", because=Text("가", "a"))


def made(*catalogs: Catalog, agents: Any = (AGENT,)) -> Company:
    return Company(Text("가", "A"), catalogs, agents)


def test_a_company_has_an_agent() -> None:
    with pytest.raises(DeclarationError, match="a Company needs at least one Agent"):
        made(work, agents=())


def test_two_agents_of_one_name_are_refused() -> None:
    with pytest.raises(DeclarationError, match="two agents of the company have the same name"):
        made(work, agents=(AGENT, AGENT))


def test_two_catalogs_of_one_name_are_refused() -> None:
    with pytest.raises(DeclarationError, match="two catalogs are called work"):
        made(work, Catalog("work", LABEL))


@pytest.mark.parametrize("kind", ["rows", "changes"])
def test_a_record_ruled_in_two_catalogs_is_refused(catalog: Catalog, kind: str) -> None:
    getattr(catalog, kind)(Employee)(own_team)
    with pytest.raises(DeclarationError, match=r"Employee has .* rules in two catalogs"):
        made(work, catalog)


def test_a_company_has_people_and_teams(catalog: Catalog) -> None:
    with pytest.raises(DeclarationError, match="exactly one record that extends Person, with a row rule; found 0"):
        made(catalog)
    catalog.rows(Employee)(own_team)
    with pytest.raises(DeclarationError, match="exactly one record that extends Team"):
        made(catalog)


def test_a_company_has_one_kind_of_people_only(catalog: Catalog) -> None:
    class Contractor(Person):
        """Someone else."""

        __tablename__ = "w_contractor"

    catalog.rows(Contractor)(own_team)
    try:
        with pytest.raises(DeclarationError, match="extends Person, with a row rule; found 2"):
            made(work, catalog)
    finally:
        Record.metadata.remove(Contractor.__table__)  # type: ignore[arg-type]


def test_agents_are_found_by_name_and_the_first_is_the_default() -> None:
    assert company.agent(None).name == "assistant"
    assert company.agent("reader").scope == ("read",)
    with pytest.raises(NotFound):
        company.agent("nobody")


def test_a_declared_operation_says_what_it_is(catalog: Catalog) -> None:
    @catalog.write(label=LABEL, allow=having("hr"), approval=day_line, examples=["하나"], words=["둘"])
    async def task(
        records: Records,
        actor: Actor,
        clock: Clock,
        pending: Pending,
        start: Annotated[date, Field(description="첫날 (first day)")],
        employee: Ref[Employee] | None = None,
        amount: Won = 0,
    ) -> Said:
        """Do a task.

        Not on Sundays.
        """
        return Said(value="")

    operation = catalog.operations["test.task"]
    assert (operation.summary, operation.effect) == ("Do a task.", "write")
    assert operation.description.endswith("Not on Sundays.")
    assert not [line for line in operation.description.splitlines() if line.startswith(" ")], "as a source indents it"
    assert set(operation.signature.injected) == {"records", "actor", "clock", "pending"}
    assert operation.signature.references == {"employee": Employee}
    assert operation.signature.money == {"amount"}
    schema = operation.input.model_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["start"]


class Kinds(BaseModel):
    """One field of each kind."""

    reference: Ref[Employee] | None
    money: Won | None
    date: date
    choice: Literal["연차", "반차"] | None
    integer: int
    flag: bool
    text: Annotated[str, Field(description="x")]
    other: list[int]


@pytest.mark.parametrize("kind", list(Kinds.model_fields))
def test_each_parameter_has_a_kind(kind: str) -> None:
    assert kind_of(get_type_hints(Kinds, include_extras=True)[kind]) == kind


def test_the_choices_of_a_parameter_are_told() -> None:
    assert choices_of(get_type_hints(Kinds, include_extras=True)["choice"]) == ("연차", "반차")
    assert choices_of(str) == ()


def test_a_reference_is_an_id_or_a_name_to_callers() -> None:
    schema = company.operations["work.find"].input.model_json_schema()
    assert {item["type"] for item in schema["properties"]["employee"]["anyOf"]} == {"integer", "string"}


def test_every_team_is_a_record_of_the_company() -> None:
    assert company.records["w_team"] is Department
    assert list(made(work).operations) == sorted(work.operations)


@pytest.mark.parametrize("sent", [0, 20261126, 1.5, "20261126", "-86400", " 0 "])
def test_a_number_is_no_date(catalog, sent):
    declare(catalog, fine)
    with pytest.raises(ValidationError) as refused:
        catalog.operations["test.fine"].input.model_validate({"start": sent})
    assert [each["type"] for each in refused.value.errors()] == ["date_parsing"]


def test_a_date_is_taken_as_it_is_written(catalog):
    declare(catalog, fine)
    taken = catalog.operations["test.fine"].input.model_validate({"start": "2026-11-26"})
    assert taken.start == date(2026, 11, 26)
