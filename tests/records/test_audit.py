"""Can the past be changed unseen? Every edit inside the chain is found, and the first bad row named."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import StaticPool

from daeri.errors import BrokenChain
from daeri.records import audit
from daeri.records.store import system
from daeri.verify_audit import COLUMNS as SEALED
from daeri.verify_audit import row_hash
from records.audit_house import entry
from worlds import NOW, OWNER, World

LENGTH = 60
COLUMNS = [column.name for column in audit.audit.columns if column.name != "seq"]
NUMBERS = ("person_id", "step")
WORDS = ("agent", "door", "action", "outcome", "arguments_digest", "approval_id", "run_id", "request_id")
VALUES = ("records", "detail")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        system.create_all(connection)
        for number in range(1, LENGTH + 1):
            audit.append(connection, entry(number))
    yield engine
    engine.dispose()


@pytest.fixture
def chain(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def first_bad(connection: Connection) -> int | None:
    try:
        audit.verify(connection)
    except BrokenChain as broken:
        return broken.seq
    return None


def run(connection: Connection, statement: str, **values: Any) -> None:
    connection.execute(text(statement), values)


def test_the_verifier_seals_every_column_of_the_table() -> None:
    assert audit.audit.columns.keys() == list(SEALED)


def test_an_untouched_chain_verifies_and_tells_its_length(chain: Connection) -> None:
    assert audit.verify(chain).rows == LENGTH


def test_entries_written_together_are_chained_as_those_written_one_by_one(chain: Connection) -> None:
    together = create_engine("sqlite://", poolclass=StaticPool)
    with together.begin() as connection:
        system.create_all(connection)
        assert audit.append_all(connection, [entry(number) for number in range(1, LENGTH + 1)]) == LENGTH
        rows = [
            connection_.execute(text("SELECT * FROM audit ORDER BY seq")).all() for connection_ in (chain, connection)
        ]
    together.dispose()
    assert rows[0] == rows[1]


def test_an_empty_chain_verifies() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        system.create_all(connection)
        assert audit.verify(connection).rows == 0
    engine.dispose()


def test_progress_is_told_to_the_end(chain: Connection) -> None:
    told: list[tuple[int, int]] = []
    audit.verify(chain, lambda done, total: told.append((done, total)))
    assert told[-1] == (LENGTH, LENGTH)


def test_the_newest_rows_come_first_page_by_page(chain: Connection) -> None:
    assert [row["seq"] for row in audit.recent(chain, 3)] == [60, 59, 58]
    assert [row["seq"] for row in audit.recent(chain, 2, before=58)] == [57, 56]


seqs = st.integers(1, LENGTH)
inner = st.integers(1, LENGTH - 1)


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, int, dict[str, Any]]:
    """Draw an edit: what is done, the first row that no longer fits, and the values used."""
    kind = draw(
        st.sampled_from(
            ["number", "word", "json", "hash", "null", "delete", "cut", "insert", "swap", "backdate", "forge"]
        )
    )
    at = draw(inner if kind in ("delete", "cut", "insert", "forge") else seqs)
    values: dict[str, Any] = {"at": at}
    if kind == "number":
        values |= {"column": draw(st.sampled_from(NUMBERS)), "value": draw(st.integers(100, 2**40))}
    elif kind == "word":
        values |= {"column": draw(st.sampled_from(WORDS)), "value": draw(st.text(min_size=1, max_size=12))}
    elif kind == "json":
        values |= {
            "column": draw(st.sampled_from(VALUES)),
            "value": draw(st.sampled_from(['[["w_leave",9]]', "{}", "0"])),
        }
    elif kind == "hash":
        hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
        values |= {"column": draw(st.sampled_from(["hash", "previous_hash"])), "value": draw(hexes)}
    elif kind == "null":
        values |= {"column": draw(st.sampled_from(["approval_id", "arguments_digest"]))}
    elif kind == "swap":
        values["other"] = draw(seqs.filter(lambda other: other != at))
    elif kind == "backdate":
        values["microseconds"] = draw(st.integers(1, 10**13))
    return kind, at, values


def apply(connection: Connection, kind: str, values: dict[str, Any]) -> int:
    """Edit the table by hand; return the first row that must be named."""
    at = values["at"]
    if kind in ("number", "word", "json", "hash"):
        run(connection, f"update audit set {values['column']} = :value where seq = :at", value=values["value"], at=at)
    elif kind == "null":
        run(connection, f"update audit set {values['column']} = null where seq = :at", at=at)
    elif kind == "delete":
        run(connection, "delete from audit where seq = :at", at=at)
    elif kind == "cut":
        run(connection, "delete from audit where seq <= :at", at=at)
        at = 1
    elif kind == "insert":
        make_room(connection, at)
        audit_columns = ", ".join(COLUMNS)
        run(
            connection,
            f"insert into audit (seq, {audit_columns}) select :new, {audit_columns.replace('approval_id', 'null')} "
            "from audit where seq = :at",
            new=at + 1,
            at=at,
        )
        at += 1
    elif kind == "swap":
        other = values["other"]
        run(connection, "update audit set seq = -1 where seq = :at", at=at)
        run(connection, "update audit set seq = :at where seq = :other", at=at, other=other)
        run(connection, "update audit set seq = :other where seq = -1", other=other)
        at = min(at, other)
    elif kind == "forge":
        forge(connection, at)
        at += 1
    elif kind == "backdate":
        earlier = NOW + timedelta(seconds=at) - timedelta(microseconds=values["microseconds"])
        run(
            connection,
            "update audit set at = :earlier where seq = :at",
            earlier=earlier.strftime("%Y-%m-%d %H:%M:%S.%f"),
            at=at,
        )
    return int(at)


def forge(connection: Connection, at: int) -> None:
    """Change a row and give it a hash that fits: only the row after it can tell."""
    run(connection, "update audit set person_id = 4242 where seq = :at", at=at)
    row = dict(connection.execute(text("select * from audit where seq = :at"), {"at": at}).mappings().one())
    row.pop("hash")
    run(connection, "update audit set hash = :hash where seq = :at", hash=row_hash(row), at=at)


def make_room(connection: Connection, after: int) -> None:
    run(connection, "update audit set seq = -seq where seq > :after", after=after)
    run(connection, "update audit set seq = 1 - seq where seq < 0")


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edit=edits())
def test_any_edit_inside_the_chain_is_found_and_the_first_bad_row_named(
    chain: Connection, edit: tuple[str, int, dict[str, Any]]
) -> None:
    kind, _, values = edit
    with chain.begin_nested() as savepoint:
        before = chain.execute(text("select * from audit order by seq")).all()
        bad = apply(chain, kind, values)
        changed = chain.execute(text("select * from audit order by seq")).all() != before
        assert first_bad(chain) == (bad if changed else None)
        savepoint.rollback()
    assert audit.verify(chain).rows == LENGTH


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", ["garbage", b"\x00\xff", 3.5, "{}"])
def test_an_unreadable_cell_is_named_and_does_not_stop_the_verifier(
    chain: Connection, column: str, value: object
) -> None:
    run(chain, f"update audit set {column} = :value where seq = 17", value=value)
    assert first_bad(chain) == 17


@pytest.mark.parametrize("added", ["\u200b", "\u0007", "\ufeff"])
def test_an_invisible_character_added_to_a_row_is_found(chain: Connection, added: str) -> None:
    run(chain, "update audit set action = action || :added where seq = 17", added=added)
    assert first_bad(chain) == 17


def test_a_name_written_in_another_normal_form_is_found(chain: Connection) -> None:
    run(chain, "update audit set detail = replace(detail, '말', :twin) where seq = 17", twin="\u1106\u1161\u11af")
    assert first_bad(chain) == 17


def test_backdating_by_a_microsecond_is_found(chain: Connection) -> None:
    run(chain, "update audit set at = replace(at, '+00:00', '.000001+00:00') where seq = 17")
    assert first_bad(chain) == 17


def test_what_broke_is_said_in_a_sentence_with_what_the_row_says_of_itself(chain: Connection) -> None:
    run(chain, "update audit set outcome = 'done' where seq = 6")
    with pytest.raises(BrokenChain, match="audit row 6: its content was changed") as broken:
        audit.verify(chain)
    assert broken.value.row["action"] == "work.request"


def test_an_approval_with_two_effects_is_refused_by_the_database(chain: Connection) -> None:
    with pytest.raises(Exception, match="UNIQUE"):
        run(chain, "update audit set approval_id = 'apr_007', outcome = 'applied' where seq in (7, 8)")


@pytest.mark.anyio
async def test_an_effect_that_fails_leaves_no_audit_row(world: World) -> None:
    def fail(connection: Connection) -> None:
        audit.append(connection, entry(1))
        raise LookupError

    with pytest.raises(LookupError):
        await world.store.write(fail)
    assert await world.audited() == []


@pytest.mark.anyio
async def test_the_audit_names_who_whose_and_what_was_masked(world: World) -> None:
    actor = await world.deputy(OWNER)
    await world.done(actor, "work.find", {"employee": OWNER})
    row = (await world.audited())[-1]
    assert (row["person_id"], row["agent"], row["door"], row["action"]) == (OWNER, "assistant", "test", "work.find")
    assert row["records"] == [["w_employee", OWNER]]
    assert row["detail"] == {"rows": 1, "masked": ["w_employee.pin"]}
